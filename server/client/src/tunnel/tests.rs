//! Two ends over a pipe in memory; time is virtual.

use bytes::Bytes;
use tokio::{io::DuplexStream, time::Instant};

use super::*;

const PIPE_BYTES: usize = 64 * 1024;

/// How one side ended.
type End = (&'static str, Result<(), TunnelError>);

fn header(pod: &str) -> StreamHeader {
    StreamHeader {
        operation: Operation::Exec,
        namespace: "default".to_owned(),
        pod: pod.to_owned(),
        uid: "u".to_owned(),
        container: String::new(),
        query: "command=ls".to_owned(),
    }
}

/// A session whose agent runs `handler`, and the ends of both sides.
fn connect<H, F>(handler: H) -> (Session, JoinSet<End>)
where
    H: Fn(StreamHeader, Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (server, agent) = tokio::io::duplex(PIPE_BYTES);
    let (session, running) = Session::start(server);
    let mut ends = JoinSet::new();
    ends.spawn(async move { ("server", running.await) });
    ends.spawn(async move { ("agent", serve(agent, handler).await) });
    (session, ends)
}

async fn echo_to_stdout(_: StreamHeader, mut connection: Connection) {
    while let Some(frame) = connection.incoming.recv().await {
        if connection.outgoing.send(Frame::new(Frame::STDOUT, frame.data)).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn carries_header_and_frames_and_ends_with_the_handler() {
    let (session, _ends) = connect(|header, mut connection| async move {
        let asked = connection.incoming.recv().await.unwrap();
        let answer = format!("{}/{}: {:?}", header.namespace, header.pod, asked.data);
        connection.outgoing.send(Frame::new(Frame::STDOUT, answer)).await.unwrap();
        let failure = Frame::failure(&ApiError::not_found("pods", &header.pod));
        connection.outgoing.send(failure).await.unwrap();
    });
    let mut connection = session.open(&header("web")).await.unwrap();
    connection.outgoing.send(Frame::new(Frame::STDIN, "hi")).await.unwrap();
    let first = connection.incoming.recv().await.unwrap();
    assert_eq!(first.data, r#"default/web: b"hi""#);
    let last = connection.incoming.recv().await.unwrap();
    assert_eq!(last.error().unwrap().message, "pods \"web\" not found");
    assert_eq!(connection.incoming.recv().await, None);
    connection.outgoing.closed().await;
}

/// A command that echoes more than all buffers hold must not lock up both directions.
#[tokio::test]
async fn many_streams_carry_much_both_ways() {
    let (session, _ends) = connect(echo_to_stdout);
    let mut clients = JoinSet::new();
    for index in 0..100_u8 {
        let session = session.clone();
        clients.spawn(async move {
            let Connection { mut incoming, outgoing } = session.open(&header("a")).await.unwrap();
            let sending = async move {
                for _ in 0..20 {
                    let data = Bytes::from(vec![index; 30_000]);
                    outgoing.send(Frame::new(Frame::STDIN, data)).await.unwrap();
                }
            };
            let receiving = async {
                let mut total = 0;
                while let Some(frame) = incoming.recv().await {
                    assert!(frame.data.iter().all(|byte| *byte == index));
                    total += frame.data.len();
                }
                total
            };
            tokio::join!(sending, receiving).1
        });
    }
    assert!(clients.join_all().await.into_iter().all(|total| total == 600_000));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_slows_its_sender_and_nobody_else() {
    let (reached, mut count) = tokio::sync::watch::channel(0_usize);
    let (session, _ends) = connect(move |header, connection| {
        let reached = reached.clone();
        async move {
            if header.pod == "quick" {
                return echo_to_stdout(header, connection).await;
            }
            let data = Bytes::from(vec![0; 64 * 1024]);
            while connection.outgoing.send(Frame::new(1, data.clone())).await.is_ok() {
                reached.send_modify(|count| *count += 1);
            }
        }
    });
    let slow = session.open(&header("slow")).await.unwrap();
    // Virtual time passes only while nothing else can go on: the sender has stopped.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let sent = *count.borrow_and_update();
    assert!(sent < 100, "{sent} frames of 64 KiB without a reader");
    let mut quick = session.open(&header("quick")).await.unwrap();
    quick.outgoing.send(Frame::new(0, "x")).await.unwrap();
    assert_eq!(quick.incoming.recv().await.unwrap().data, "x");
    let mut slow = slow;
    for _ in 0..sent + 10 {
        slow.incoming.recv().await.unwrap();
    }
}

/// A reader of logs leaves while no line is written.
#[tokio::test(start_paused = true)]
async fn dropping_a_connection_reaches_an_idle_handler() {
    let (left, mut leaving) = mpsc::channel(1);
    let (session, _ends) = connect(move |_, connection| {
        let left = left.clone();
        async move {
            connection.outgoing.closed().await;
            left.send(()).await.unwrap();
        }
    });
    let connection = session.open(&header("a")).await.unwrap();
    drop(connection);
    leaving.recv().await.unwrap();
}

/// Who stops to read is noticed though it could still write.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_closes_the_handlers_output() {
    let (told, mut telling) = mpsc::channel(1);
    let (session, _ends) = connect(move |_, mut connection| {
        let told = told.clone();
        async move {
            connection.outgoing.closed().await;
            told.send(connection.incoming.recv().await).await.unwrap();
        }
    });
    let Connection { incoming, outgoing } = session.open(&header("a")).await.unwrap();
    drop(incoming);
    outgoing.send(Frame::new(Frame::STDIN, "last")).await.unwrap();
    let heard = tokio::time::timeout(SILENCE_MAX, telling.recv()).await.unwrap().unwrap();
    assert_eq!(heard, Some(Frame::new(Frame::STDIN, "last")));
}

/// `stdin` may end while the output goes on, and what was sent before the end arrives.
#[tokio::test(start_paused = true)]
async fn halves_end_separately() {
    let (session, _ends) = connect(|_, mut connection| async move {
        let mut got = Vec::new();
        while let Some(frame) = connection.incoming.recv().await {
            got.extend_from_slice(&frame.data);
        }
        for byte in got {
            connection.outgoing.send(Frame::new(1, vec![byte])).await.unwrap();
        }
    });
    let Connection { mut incoming, outgoing } = session.open(&header("a")).await.unwrap();
    outgoing.send(Frame::new(0, "ab")).await.unwrap();
    drop(outgoing);
    assert_eq!(incoming.recv().await.unwrap().data, "a");
    assert_eq!(incoming.recv().await.unwrap().data, "b");
    assert_eq!(incoming.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_idle_tunnel_lives_and_closes_in_order() {
    let (session, mut ends) = connect(echo_to_stdout);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut connection = session.open(&header("a")).await.unwrap();
    connection.outgoing.send(Frame::new(0, "x")).await.unwrap();
    assert_eq!(connection.incoming.recv().await.unwrap().data, "x");
    drop(session);
    assert_eq!(connection.incoming.recv().await, None);
    while let Some(end) = ends.join_next().await {
        let (side, result) = end.unwrap();
        assert!(result.is_ok(), "{side}: {result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_noticed_on_both_sides() {
    let (server, held) = tokio::io::duplex(PIPE_BYTES);
    let (session, running) = Session::start(server);
    let began = Instant::now();
    assert!(matches!(running.await, Err(TunnelError::Silent | TunnelError::Broken(_))));
    assert!(began.elapsed() <= SILENCE_MAX + Duration::from_secs(1));
    assert!(session.open(&header("a")).await.is_err());
    session.closed().await;

    let (agent, _held): (DuplexStream, _) = tokio::io::duplex(PIPE_BYTES);
    let result = serve(agent, echo_to_stdout).await;
    assert!(matches!(result, Err(TunnelError::Silent)), "{result:?}");
    drop(held);
}

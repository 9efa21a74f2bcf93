//! Sessions against a client of our own codec; a real kubectl is in the suite of streams.

use tokio::io::{DuplexStream, duplex};

use super::*;

struct Client {
    io: DuplexStream,
    encoder: Encoder,
    decoder: Decoder,
    input: BytesMut,
}

impl Client {
    /// A session whose port 7 echoes, whose port 9 greets, and whose other ports refuse.
    fn start() -> Self {
        let (near, far) = duplex(16 * 1024);
        let dial = dialler(|port| async move {
            let (near, far) = duplex(16 * 1024);
            match port {
                7 => drop(tokio::spawn(async move {
                    let (mut reader, mut writer) = tokio::io::split(far);
                    tokio::io::copy(&mut reader, &mut writer).await.ok();
                    writer.shutdown().await.ok();
                })),
                9 => drop(tokio::spawn(async move {
                    let mut far = far;
                    far.write_all(b"hello").await.ok();
                })),
                _ => return Err(ApiError::unavailable("connect: connection refused")),
            }
            Ok(Box::new(near) as ByteStream)
        });
        let pod = Pod { name: "web".to_owned(), uid: "u".to_owned() };
        tokio::spawn(serve(far, pod, dial));
        let (encoder, decoder) = (Encoder::default(), Decoder::default());
        Self { io: near, encoder, decoder, input: BytesMut::new() }
    }

    async fn send(&mut self, frame: Frame) {
        let mut out = BytesMut::new();
        self.encoder.encode(&frame, &mut out);
        self.io.write_all(&out).await.unwrap();
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            // Frames are read whole.
            self.input.reserve(64 * 1024);
            match self.decoder.decode(&mut self.input).unwrap() {
                // Room is told as it comes.
                Some(Frame::WindowUpdate { .. }) => {}
                Some(frame) => return Some(frame),
                None if self.io.read_buf(&mut self.input).await.unwrap() == 0 => return None,
                None => {}
            }
        }
    }

    async fn open(&mut self, stream: u32, kind: &str, port: &str, id: Option<&str>) {
        let mut headers =
            vec![("streamtype".to_owned(), kind.to_owned()), ("port".to_owned(), port.to_owned())];
        headers.extend(id.map(|id| ("requestid".to_owned(), id.to_owned())));
        self.send(Frame::SynStream { stream, fin: false, headers }).await;
    }

    /// Opens a pair and reads both replies.
    async fn pair(&mut self, first: u32, port: &str, id: Option<&str>) {
        for (stream, kind) in [(first, "error"), (first + 2, "data")] {
            self.open(stream, kind, port, id).await;
            let reply = self.next().await.unwrap();
            assert_eq!(reply, Frame::SynReply { stream, fin: false, headers: Headers::new() });
        }
    }

    /// All data of two streams until both have ended: of the error and of the data stream.
    async fn rest(&mut self, error: u32) -> [Vec<u8>; 2] {
        let (mut got, mut ended) = ([Vec::new(), Vec::new()], [false, false]);
        while ended != [true, true] {
            let Some(Frame::Data { stream, fin, data }) = self.next().await else {
                panic!("data and nothing else")
            };
            let which = usize::from(stream != error);
            assert_eq!(stream, error + if which == 1 { 2 } else { 0 });
            got[which].extend_from_slice(&data);
            ended[which] |= fin;
        }
        got
    }
}

#[tokio::test]
async fn megabytes_go_both_ways_and_end_in_order() {
    let mut client = Client::start();
    client.pair(1, "7", Some("0")).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let mut wire = BytesMut::new();
    for piece in sent.chunks(50_000) {
        let data = Bytes::copy_from_slice(piece);
        client.encoder.encode(&Frame::Data { stream: 3, fin: false, data }, &mut wire);
    }
    client.encoder.encode(&Frame::Data { stream: 3, fin: true, data: Bytes::new() }, &mut wire);
    let (mut reader, mut writer) = tokio::io::split(client.io);
    let sending = tokio::spawn(async move { writer.write_all(&wire).await.map(|()| writer) });
    let (mut got, mut input) = (Vec::new(), BytesMut::new());
    loop {
        match client.decoder.decode(&mut input).unwrap() {
            Some(Frame::Data { stream: 3, fin, data }) => {
                got.extend_from_slice(&data);
                if fin {
                    break;
                }
            }
            Some(_) => {}
            None => assert!(reader.read_buf(&mut input).await.unwrap() > 0),
        }
    }
    assert!(got == sent, "{} of {} bytes came back", got.len(), sent.len());
    drop(sending.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_refused_connection_is_told_on_the_error_stream() {
    let mut client = Client::start();
    client.pair(1, "1", Some("0")).await;
    let [error, data] = client.rest(1).await;
    let expected = "error forwarding port 1 to pod web, uid u: connect: connection refused";
    assert_eq!((String::from_utf8_lossy(&error).as_ref(), data.len()), (expected, 0));
    // The session goes on, and pings are answered.
    client.send(Frame::Ping(5)).await;
    assert_eq!(client.next().await, Some(Frame::Ping(5)));
    client.pair(5, "9", None).await;
    assert_eq!(client.rest(5).await, [Vec::new(), b"hello".to_vec()]);
}

#[tokio::test]
async fn streams_that_mean_nothing_are_reset() {
    let mut client = Client::start();
    for (stream, kind, port) in
        [(1, "data", "0"), (3, "data", "x"), (5, "other", "80"), (2, "data", "80")]
    {
        client.open(stream, kind, port, Some("0")).await;
        assert_eq!(client.next().await, Some(Frame::Reset { stream, status: PROTOCOL_ERROR }));
    }
    client.open(7, "data", "80", Some("0")).await;
    assert!(matches!(client.next().await, Some(Frame::SynReply { stream: 7, .. })));
    client.open(9, "data", "80", Some("0")).await;
    assert_eq!(client.next().await, Some(Frame::Reset { stream: 9, status: PROTOCOL_ERROR }));
}

#[tokio::test(start_paused = true)]
async fn half_a_pair_is_given_up_on() {
    let mut client = Client::start();
    client.open(1, "error", "80", Some("0")).await;
    assert!(matches!(client.next().await, Some(Frame::SynReply { stream: 1, .. })));
    assert_eq!(client.next().await, Some(Frame::Reset { stream: 1, status: REFUSED_STREAM }));
}

#[tokio::test]
async fn a_client_with_windows_is_not_sent_more_than_it_takes() {
    let mut client = Client::start();
    client.send(Frame::Settings { window_bytes: Some(10) }).await;
    client.pair(1, "7", Some("0")).await;
    let data = Bytes::from_static(b"0123456789abcdef");
    client.send(Frame::Data { stream: 3, fin: true, data }).await;
    let data = |part: &'static [u8]| {
        Some(Frame::Data { stream: 3, fin: false, data: Bytes::from_static(part) })
    };
    assert_eq!(client.next().await, data(b"0123456789"));
    client.send(Frame::Ping(1)).await;
    assert_eq!(client.next().await, Some(Frame::Ping(1)));
    client.send(Frame::WindowUpdate { stream: 3, delta: 100 }).await;
    assert_eq!(client.next().await, data(b"abcdef"));
}

#[tokio::test]
async fn a_client_that_can_not_be_understood_is_sent_away() {
    let mut client = Client::start();
    client.io.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    client.io.write_all(&[0x80; 64]).await.unwrap();
    client.io.shutdown().await.unwrap();
    while client.next().await.is_some() {}
}

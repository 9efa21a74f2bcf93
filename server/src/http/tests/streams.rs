//! Watches, commands and tunnels.

use std::sync::Arc;

use ::http::Version;
use api::streams::{Operation, StreamHeader};
use bytes::Bytes;
use client::{Connection, Frame};
use futures::{SinkExt, StreamExt};
use object::ApiError;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use super::Fixture;

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn dial(
    fixture: &Fixture,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, tungstenite::Error> {
    let url = format!("wss://{}{path}", fixture.running.api);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let connector = Connector::Rustls(Arc::new(fixture.tls()));
    let (socket, response) =
        connect_async_tls_with_config(request, None, false, Some(connector)).await?;
    assert_eq!(response.status(), 101);
    Ok(socket)
}

const V5: &[(&str, &str)] = &[("sec-websocket-protocol", "v5.channel.k8s.io")];

async fn exec(fixture: &Fixture) -> (Socket, Connection) {
    let mut connections = fixture.connections();
    let socket = dial(fixture, "/api/exec", V5).await.unwrap();
    (socket, connections.recv().await.unwrap())
}

async fn next(socket: &mut Socket) -> Message {
    socket.next().await.unwrap().unwrap()
}

/// An idle watch whose client leaves ends, over either version of HTTP.
#[tokio::test]
async fn watches_end_with_their_clients_and_with_the_server() {
    let fixture = Fixture::new().await;
    let mut open = fixture.service.watches.subscribe();
    for version in [Version::HTTP_2, Version::HTTP_11] {
        let client = fixture.http(version);
        let mut watches = Vec::new();
        for _ in 0..20 {
            let mut watch = client.get(fixture.url("/api/watch")).send().await.unwrap();
            assert_eq!(watch.chunk().await.unwrap().unwrap(), "{\"type\":\"ADDED\"}\n");
            watches.push(watch);
        }
        assert_eq!(*open.borrow_and_update(), 20);
        drop((watches, client));
        open.wait_for(|count| *count == 0).await.unwrap();
    }
    let client = fixture.http(Version::HTTP_2);
    let mut watch = client.get(fixture.url("/api/watch")).send().await.unwrap();
    watch.chunk().await.unwrap().unwrap();
    fixture.running.stop().await;
    let rest = watch.bytes().await.expect("the stream ends in order");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_command_speaks_in_channels() {
    let fixture = Fixture::new().await;
    let (mut socket, mut far) = exec(&fixture).await;
    socket.send(Message::binary(&b"\x00echo hi\n"[..])).await.unwrap();
    socket.send(Message::binary(&b"\x04{\"Width\":80,\"Height\":24}"[..])).await.unwrap();
    socket.send(Message::binary(&b"\xff\x00"[..])).await.unwrap();
    assert_eq!(far.incoming.recv().await.unwrap(), Frame::new(Frame::STDIN, "echo hi\n"));
    let resize = Frame::new(Frame::RESIZE, "{\"Width\":80,\"Height\":24}");
    assert_eq!(far.incoming.recv().await.unwrap(), resize);
    assert_eq!(far.incoming.recv().await.unwrap(), Frame::new(Frame::CLOSE, &b"\0"[..]));

    far.outgoing.send(Frame::new(Frame::STDOUT, "hi\n")).await.unwrap();
    far.outgoing.send(Frame::new(Frame::STATUS, "{\"status\":\"Success\"}")).await.unwrap();
    drop(far);
    assert_eq!(next(&mut socket).await, Message::binary(&b"\x01hi\n"[..]));
    assert_eq!(next(&mut socket).await, Message::binary(&b"\x03{\"status\":\"Success\"}"[..]));
    let Message::Close(Some(close)) = next(&mut socket).await else { panic!("no close") };
    assert_eq!(u16::from(close.code), 1000);
}

#[tokio::test]
async fn a_lost_command_ends_with_a_failure() {
    let fixture = Fixture::new().await;
    let (mut socket, far) = exec(&fixture).await;
    drop(far);
    let Message::Binary(message) = next(&mut socket).await else { panic!("no status") };
    let frame = Frame::new(message[0], message.slice(1..));
    assert_eq!(frame.error().unwrap().code(), 503);
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_command() {
    let fixture = Fixture::new().await;
    let (socket, mut far) = exec(&fixture).await;
    drop(socket);
    assert_eq!(far.incoming.recv().await, None);
    far.outgoing.closed().await;
}

/// Input faster than the command reads it waits with the client, and nothing is lost.
#[tokio::test]
async fn a_command_that_reads_slowly_slows_its_client() {
    const MESSAGES: usize = 400;
    let fixture = Fixture::new().await;
    let (socket, mut far) = exec(&fixture).await;
    let (mut sink, _stream) = socket.split();
    let (sent, mut count) = tokio::sync::watch::channel(0);
    let sending = tokio::spawn(async move {
        let mut data = vec![7_u8; 32 * 1024];
        data[0] = 0;
        let data = Bytes::from(data);
        for _ in 0..MESSAGES {
            sink.send(Message::Binary(data.clone())).await.unwrap();
            sent.send_modify(|count| *count += 1);
        }
        sink
    });
    // Nothing is read until the client has been held up: its count stops below what it wants.
    let mut before = 0;
    while tokio::time::timeout(std::time::Duration::from_millis(300), count.changed()).await.is_ok()
    {
        before = *count.borrow_and_update();
    }
    assert!(before < MESSAGES, "{before} messages without a reader");
    let mut total = 0;
    while total < MESSAGES * (32 * 1024 - 1) {
        total += far.incoming.recv().await.unwrap().data.len();
    }
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn refusals_of_an_upgrade_are_statuses() {
    let fixture = Fixture::new().await;
    let Err(tungstenite::Error::Http(response)) = dial(&fixture, "/api/none", V5).await else {
        panic!("an unknown path was upgraded")
    };
    assert_eq!(response.status(), 404);
    let status = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    assert!(ApiError::from_status(&status).unwrap().is_not_found());
}

#[tokio::test]
async fn an_agent_dials_in_with_its_own_token_only() {
    let fixture = Fixture::new().await;
    let path = "/apis/longshore.dev/v1/nodes/one/tunnel";
    let Err(tungstenite::Error::Http(refused)) =
        dial(&fixture, path, &[("authorization", "Bearer two")]).await
    else {
        panic!("another node's agent was let in")
    };
    assert_eq!(refused.status(), 403);
    assert!(!fixture.service.tunnels.is_connected("one"));

    let socket = dial(&fixture, path, &[("authorization", "Bearer one")]).await.unwrap();
    let agent = tokio::spawn(async move {
        let io = client::tunnel::over_websocket(socket);
        client::tunnel::serve(io, |header: StreamHeader, connection: Connection| async move {
            connection.outgoing.send(Frame::new(Frame::STDOUT, header.pod)).await.ok();
        })
        .await
    });
    let header = StreamHeader {
        operation: Operation::Log,
        namespace: "default".to_owned(),
        pod: "web".to_owned(),
        uid: "u".to_owned(),
        container: String::new(),
        query: String::new(),
    };
    let mut connection = fixture.service.tunnels.open("one", &header).await.unwrap();
    assert_eq!(connection.incoming.recv().await.unwrap().data, "web");
    fixture.running.stop().await;
    agent.await.unwrap().expect("the server says that it leaves");
}

/// A body that is passed on is not read beforehand, and an upgrade belongs to the backend.
#[tokio::test]
async fn what_is_passed_on_is_streamed_both_ways() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let sending = client.post(fixture.url("/api/proxy/echo")).body(body).send();
    let mut answer = sending.await.unwrap();
    for part in ["one", "two"] {
        sender.send(Ok(Bytes::from_static(part.as_bytes()))).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), part);
    }
    drop(sender);
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upgrade_is_passed_on_as_the_backend_answers_it() {
    let fixture = Fixture::new().await;
    let mut socket = dial(&fixture, "/api/proxy/socket", &[]).await.unwrap();
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text(text));
    }
    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
}

#[tokio::test]
async fn a_log_can_be_read_over_a_websocket() {
    let fixture = Fixture::new().await;
    let protocol = [("sec-websocket-protocol", "binary.k8s.io")];
    let mut socket = dial(&fixture, "/api/log", &protocol).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::binary(&b"one line\n"[..]));
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
    let mut socket = dial(&fixture, "/api/watch", &[]).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("{\"type\":\"ADDED\"}\n"));
}

#[tokio::test]
async fn a_stream_of_bytes_travels_in_messages() {
    let fixture = Fixture::new().await;
    let protocol = [("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io")];
    let mut socket = dial(&fixture, "/api/bytes", &protocol).await.unwrap();
    socket.send(Message::binary(&b"abc"[..])).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::binary(&b"abc"[..]));
}

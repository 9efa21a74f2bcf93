//! The server over loopback, with a service that answers a few paths.

mod certificates;
mod clients;
mod requests;
mod streams;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use ::http::{HeaderMap, Request, Response, Version};
use api::{
    Answer, Body,
    streams::{ByteStream, Tunnels},
};
use async_trait::async_trait;
use bytes::Bytes;
use client::{Connection, Frame};
use futures::{SinkExt, StreamExt};
use object::ApiError;
use planning::access::User;
use tokio::sync::{mpsc, watch};

use super::{Listeners, Running, Service, start};
use crate::pki::Authority;

/// Answers by path; see [`Fake::handle`].
struct Fake {
    tunnels: Tunnels,
    /// Watches that are open.
    watches: watch::Sender<usize>,
    /// The other ends of connections.
    connected: Mutex<Option<mpsc::Sender<Connection>>>,
}

/// Counts a watch for as long as its stream lives.
struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Fake {
    fn watch(&self) -> Answer {
        let mut head = Response::new(());
        head.headers_mut().insert("content-type", "application/json".parse().unwrap());
        self.watches.send_modify(|count| *count += 1);
        let counted = Counted(self.watches.clone());
        let first =
            futures::stream::once(async { Ok(Bytes::from_static(b"{\"type\":\"ADDED\"}\n")) });
        let silent = futures::stream::pending().map(move |()| {
            // Held by the stream.
            let _ = &counted;
            Ok(Bytes::new())
        });
        Answer::Stream(head, first.chain(silent).boxed())
    }

    async fn connect(&self) -> Answer {
        let (outgoing, their_incoming) = mpsc::channel::<Frame>(4);
        let (their_outgoing, incoming) = mpsc::channel::<Frame>(4);
        let far = Connection { incoming: their_incoming, outgoing: their_outgoing };
        let sender = self.connected.lock().unwrap().clone();
        sender.expect("the test listens").send(far).await.expect("the test listens");
        Answer::Connect(Connection { incoming, outgoing })
    }
}

/// A stream that gives back what is written to it.
fn echo() -> ByteStream {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(far);
        tokio::io::copy(&mut reader, &mut writer).await.ok();
    });
    Box::new(near)
}

/// A backend that speaks WebSocket itself and echoes.
fn accept(headers: &HeaderMap) -> Answer {
    let key = headers["sec-websocket-key"].as_bytes();
    let accepted = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key);
    let head = Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-accept", accepted);
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
        let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(far, role, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.ok();
            }
        }
    });
    Answer::Upgraded(head.body(()).unwrap(), Box::new(near))
}

#[async_trait]
impl Service for Fake {
    async fn handle(&self, request: Request<Body>, peer: IpAddr) -> Answer {
        let text = |text: String| Answer::Full(Response::new(Bytes::from(text)));
        let authorization = request.headers().get("authorization");
        match request.uri().path() {
            "/api/echo" => text(format!(
                "{} {} from {peer} with {} bytes",
                request.method(),
                request.uri(),
                match request.body() {
                    Body::Full(bytes) => bytes.len(),
                    Body::Stream(_) => 0,
                }
            )),
            "/openapi/v3" => text(format!("{authorization:?}")),
            "/api/large" => text("longshore ".repeat(100_000)),
            "/api/watch" => self.watch(),
            "/api/exec" => self.connect().await,
            "/api/log" => {
                let mut head = Response::new(());
                let text = "text/plain".parse().unwrap();
                head.headers_mut().insert("content-type", text);
                let line = async { Ok(Bytes::from_static(b"one line\n")) };
                Answer::Stream(head, futures::stream::once(line).boxed())
            }
            "/api/bytes" => Answer::Bytes(echo()),
            "/api/proxy/echo" => match request.into_body() {
                Body::Stream(chunks) => Answer::Stream(Response::new(()), chunks),
                Body::Full(_) => panic!("the body is streamed"),
            },
            "/api/proxy/socket" => accept(request.headers()),
            "/api/broken" => panic!("as a bug would"),
            path => Answer::Full(super::respond::failure(&ApiError::not_found("paths", path))),
        }
    }

    fn passes_on(&self, path: &str) -> bool {
        path.contains("/proxy")
    }

    async fn page(&self, request: Request<Bytes>, token: Option<&str>) -> Response<web::Body> {
        let text = format!("page {} as {token:?}", request.uri().path());
        Response::new(web::Body::Full(text.into()))
    }

    async fn authenticate(&self, token: Option<&str>) -> Result<User, ApiError> {
        Ok(token.map_or_else(User::anonymous, User::node))
    }

    fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }
}

struct Fixture {
    running: Running,
    service: Arc<Fake>,
    ca_pem: String,
}

impl Fixture {
    async fn new() -> Self {
        let store = store::Memory::new(store::Limits::default());
        let authority = Authority::load(&store).await.unwrap();
        let service = Arc::new(Fake {
            tunnels: Tunnels::default(),
            watches: watch::Sender::new(0),
            connected: Mutex::new(None),
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let tls = authority.server_config(&[], &[], [10, 43, 0, 1].into()).unwrap();
        let listeners = Listeners { api: any, tls, dashboard: Some(any), workers: 1 };
        let running = start(service.clone(), listeners).unwrap();
        Self { running, service, ca_pem: authority.certificate_pem().to_owned() }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.running.api)
    }

    /// Sends what the test writes to it: the connections that the API answers with.
    fn connections(&self) -> mpsc::Receiver<Connection> {
        let (sender, receiver) = mpsc::channel(4);
        *self.service.connected.lock().unwrap() = Some(sender);
        receiver
    }

    fn tls(&self) -> rustls::ClientConfig {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap()).unwrap();
        rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
    }

    fn http(&self, version: Version) -> reqwest::Client {
        let mut tls = self.tls();
        let protocol = if version == Version::HTTP_2 { "h2" } else { "http/1.1" };
        tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
        builder.build().unwrap()
    }
}

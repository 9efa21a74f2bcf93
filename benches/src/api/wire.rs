//! The HTTP/2 client that both servers are asked with.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Body = BoxBody<Bytes, std::convert::Infallible>;

/// What one stream and one connection may have in flight: a list of 10,000 pods must not wait for
/// the reader's permission every 64 KiB.
const WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Some connections to one server.
pub struct Wire {
    connections: Vec<SendRequest<Body>>,
    next: AtomicUsize,
}

/// A whole answer.
pub struct Answer {
    pub head: Response<()>,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

impl Wire {
    pub async fn open(
        address: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        connections: usize,
    ) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(connect(address, tls.clone()).await?);
        }
        Ok(Self { connections: open, next: AtomicUsize::new(0) })
    }

    /// Sends a request on the next connection; the body follows.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>> {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut connection = self.connections[next].clone();
        connection.ready().await?;
        Ok(connection.send_request(request).await?)
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(&self, request: Request<Body>) -> Result<Answer> {
        let (parts, body) = self.send(request).await?.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let body = collected.to_bytes();
        Ok(Answer { head: Response::from_parts(parts, ()), body, trailers })
    }
}

async fn connect(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Result<SendRequest<Body>> {
    let tcp = TcpStream::connect(address).await.with_context(|| format!("no way to {address}"))?;
    tcp.set_nodelay(true)?;
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(64 * 1024);
    let Some(tls) = tls else {
        let (sender, connection) = builder.handshake(TokioIo::new(tcp)).await?;
        tokio::spawn(connection);
        return Ok(sender);
    };
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(tls).connect(name, tcp).await?;
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

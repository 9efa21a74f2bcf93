//! Opens the ports and closes them again in order.

use std::{
    any::Any,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{App, HttpRequest, HttpServer, dev::ServerHandle, rt::net::TcpStream, web};
use api::ClientCertificate;
use rustls::ServerConfig;
use tokio::task::JoinHandle;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{routes, service::Service};

/// How long requests that are under way may take when the server stops; streams end at once.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How long their answers may then take to be sent. Clients keep HTTP/2 connections open though
/// nothing is under way, so this time always passes.
const FLUSH_SECONDS: u64 = 1;
/// A connection without requests is closed after that time; over HTTP/2 it is asked for a sign of
/// life that often, so that watches of dead clients end.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// What clients may send ahead of being read, per stream and per connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Whom the client of a connection is by its certificate, which TLS has verified.
fn certificate(connection: &dyn Any) -> Option<ClientCertificate> {
    let tls = connection.downcast_ref::<TlsStream<TcpStream>>()?;
    ClientCertificate::read(tls.get_ref().1.peer_certificates()?.first()?)
}

/// Where to listen.
pub struct Listeners {
    /// The API with everything else, over TLS.
    pub api: SocketAddr,
    pub tls: ServerConfig,
    /// The same in plain HTTP, for browsers on this machine or a proxy in front.
    pub dashboard: Option<SocketAddr>,
    /// Threads that read and write connections.
    pub workers: usize,
}

/// What every handler holds.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) service: Arc<dyn Service>,
    /// Ends streams when the server stops.
    pub(super) stopping: CancellationToken,
    /// Requests that are under way.
    pub(super) requests: TaskTracker,
}

/// Lives as long as its connection. Actix notices only when it writes that the client of an HTTP/2
/// stream has left, which a quiet log does not do: this tells at once.
struct ConnectionEnd(DropGuard);

/// When the streams that answer this request must end: with its connection, or with the server.
pub(super) struct End {
    connection: Option<CancellationToken>,
    stopping: CancellationToken,
}

impl End {
    pub(super) async fn reached(self) {
        let connection = async {
            match self.connection {
                Some(connection) => connection.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = connection => {}
            () = self.stopping.cancelled() => {}
        }
    }
}

impl Shared {
    pub(super) fn end_of(&self, request: &HttpRequest) -> End {
        let connection = request.conn_data::<ConnectionEnd>().map(|end| end.0.token().clone());
        End { connection, stopping: self.stopping.clone() }
    }
}

/// A server that listens. Dropping it leaves it running; see [`Running::stop`].
pub struct Running {
    /// As bound: port 0 has become a real one.
    pub api: SocketAddr,
    pub dashboard: Option<SocketAddr>,
    stopping: CancellationToken,
    requests: TaskTracker,
    handle: ServerHandle,
    ended: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Takes no more requests, ends all streams, and waits for the requests that are under way.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.requests.close();
        if tokio::time::timeout(STOP_PATIENCE, self.requests.wait()).await.is_err() {
            tracing::warn!("some requests took too long to end and are broken off");
        }
        self.handle.stop(true).await;
        match self.ended.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the HTTP server did not end in order"),
            Err(error) => tracing::error!(%error, "the HTTP server panicked"),
        }
    }
}

/// Binds the ports and starts to serve.
///
/// # Errors
/// When an address can not be bound; the message names it.
pub fn start(service: Arc<dyn Service>, listeners: Listeners) -> io::Result<Running> {
    let api_listener = bind(listeners.api)?;
    let dashboard_listener = listeners.dashboard.map(bind).transpose()?;
    let api = api_listener.local_addr()?;
    let dashboard = dashboard_listener.as_ref().map(TcpListener::local_addr).transpose()?;

    let stopping = CancellationToken::new();
    let requests = TaskTracker::new();
    let shared = Shared { service, stopping: stopping.clone(), requests: requests.clone() };
    let mut server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(shared.clone())).configure(routes::configure)
    })
    .on_connect(|connection, extensions| {
        if let Some(certificate) = certificate(connection) {
            extensions.insert(certificate);
        }
        extensions.insert(ConnectionEnd(CancellationToken::new().drop_guard()));
    })
    .workers(listeners.workers)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_PATIENCE)
    .tls_handshake_timeout(HEAD_PATIENCE)
    // Who closes a connection wants no answer: so idle watches over HTTP/1.1 end, too.
    .h1_allow_half_closed(false)
    .h2_initial_window_size(STREAM_WINDOW_BYTES)
    .h2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
    .tcp_nodelay(true)
    .disable_signals()
    .shutdown_timeout(FLUSH_SECONDS)
    .listen_rustls_0_23(api_listener, listeners.tls)?;
    if let Some(listener) = dashboard_listener {
        server = server.listen(listener)?;
    }
    let server = server.run();
    let handle = server.handle();
    let ended = tokio::spawn(server);
    Ok(Running { api, dashboard, stopping, requests, handle, ended })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another program uses it: stop that one or choose another"
            }
            io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need root",
            _ => "",
        };
        io::Error::new(error.kind(), format!("can not listen on {address}: {error}{advice}"))
    })
}

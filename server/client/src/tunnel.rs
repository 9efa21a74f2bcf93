//! The one connection of an agent to a server copy: many streams over any stream of bytes (the
//! binary messages of a WebSocket), flow-controlled each by itself.
//!
//! A stream starts with a [`StreamHeader`], then carries [`Frame`]s both ways. The server opens,
//! the agent serves. The server also sends a heartbeat that the agent echoes, so that each side
//! notices within [`SILENCE_MAX`] that the other is gone.

mod codec;
mod deadline;
mod driver;
mod pipe;
mod pump;
mod websocket;

pub use pipe::Pipe;
pub use websocket::over_websocket;

use std::{future::Future, sync::Arc, time::Duration};

use object::ApiError;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{Connection, Frame};
use driver::Driver;

/// How long a peer may say nothing before it counts as dead.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(3);
/// How many openings may wait for the driver.
const OPENINGS_MAX: usize = 64;

/// Where the driver puts a stream that was asked for.
type Opening = oneshot::Sender<yamux::Stream>;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Log,
    Exec,
    Attach,
    PortForward,
    /// A stream of bytes to a port: of the pod that is named, from inside of it, or of any pod of
    /// the node, by its address.
    Dial,
    /// A stream of bytes on which the agent answers HTTP about its node.
    Node,
    /// Echoed by [`serve`] itself; no handler sees it.
    Heartbeat,
}

/// The first message of every stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamHeader {
    pub operation: Operation,
    pub namespace: String,
    pub pod: String,
    /// The pod's uid, so that a successor of the same name is not mistaken for it.
    pub uid: String,
    /// Empty: the handler chooses, as for `kubectl logs` of a pod with one container.
    pub container: String,
    /// The options as they stand in the request's URL: `command=ls&stdout=true`.
    pub query: String,
}

impl StreamHeader {
    /// Of a stream that is about no pod.
    pub fn of_node(operation: Operation, query: String) -> Self {
        Self {
            operation,
            namespace: String::new(),
            pod: String::new(),
            uid: String::new(),
            container: String::new(),
            query,
        }
    }
}

#[derive(Debug, Error)]
pub enum TunnelError {
    #[error("the other side said nothing for {} s", SILENCE_MAX.as_secs())]
    Silent,
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// The server's side of a tunnel. When the last clone is dropped, the connection is closed.
#[derive(Clone)]
pub struct Session {
    openings: mpsc::Sender<Opening>,
}

impl Session {
    /// Starts a session over `io`. The future drives it and must run for as long as it shall live;
    /// it ends with the connection.
    pub fn start<T>(io: T) -> (Self, impl Future<Output = Result<(), TunnelError>>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let (openings, requests) = mpsc::channel(OPENINGS_MAX);
        let session = Self { openings };
        let beating = session.downgrade();
        let driver = Driver::new(io, yamux::Mode::Server, requests);
        let running = async move {
            tokio::select! {
                biased;
                result = driver.run(drop) => result,
                error = beat(beating) => Err(error),
            }
        };
        (session, running)
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn open(&self, header: &StreamHeader) -> Result<Connection, ApiError> {
        let lost = || ApiError::unavailable("the connection to the node was lost; try again");
        let (reply, stream) = oneshot::channel();
        self.openings.send(reply).await.map_err(|_| lost())?;
        let mut stream = stream.await.map_err(|_| lost())?;
        codec::write_header(&mut stream, header).await.map_err(|_| lost())?;
        Ok(pump::spawn(stream))
    }

    /// Ends with the connection.
    pub async fn closed(&self) {
        self.openings.closed().await;
    }

    pub fn is_closed(&self) -> bool {
        self.openings.is_closed()
    }

    /// A handle that does not keep the connection open.
    pub fn downgrade(&self) -> WeakSession {
        WeakSession { openings: self.openings.downgrade() }
    }
}

/// Names a session without keeping it open.
#[derive(Clone)]
pub struct WeakSession {
    openings: mpsc::WeakSender<Opening>,
}

impl WeakSession {
    fn upgrade(&self) -> Option<Session> {
        self.openings.upgrade().map(|openings| Session { openings })
    }

    /// Whether this names that session.
    pub fn is_of(&self, session: &Session) -> bool {
        self.openings.upgrade().is_some_and(|openings| openings.same_channel(&session.openings))
    }
}

/// Keeps a heartbeat going; ends when the other side does not echo it any more. Holds no handle
/// of its own, so that it does not keep the session alive.
async fn beat(session: WeakSession) -> TunnelError {
    let broken = || TunnelError::Broken("the heartbeat ended".to_owned());
    let header = StreamHeader::of_node(Operation::Heartbeat, String::new());
    let Some(session) = session.upgrade() else { return std::future::pending().await };
    let opened = session.open(&header).await;
    drop(session);
    let Ok(mut connection) = opened else { return broken() };
    loop {
        tokio::time::sleep(HEARTBEAT_PERIOD).await;
        let sent = connection.outgoing.send(Frame::new(Frame::STDIN, "")).await;
        if sent.is_err() || connection.incoming.recv().await.is_none() {
            return broken();
        }
    }
}

/// The agent's side: answers the streams that the server opens, each in a task of its own, until
/// the connection ends. Handlers that still run then are dropped.
///
/// A handler that fails sends [`Frame::failure`] as its last frame. `incoming` ends when the other
/// side has nothing more to say, `outgoing` closes when it does not listen any more.
///
/// # Errors
/// When the connection did not end in order.
pub async fn serve<T, H, F>(io: T, handler: H) -> Result<(), TunnelError>
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Fn(StreamHeader, Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    // The sender lives as long as the driver: the agent opens no streams, but stays connected.
    let (_openings, requests) = mpsc::channel(1);
    let handler = Arc::new(handler);
    let mut running = JoinSet::new();
    Driver::new(io, yamux::Mode::Client, requests)
        .run(move |stream| {
            while running.try_join_next().is_some() {}
            let handler = Arc::clone(&handler);
            running.spawn(answer(stream, handler));
        })
        .await
}

async fn answer<H, F>(mut stream: yamux::Stream, handler: Arc<H>)
where
    H: Fn(StreamHeader, Connection) -> F,
    F: Future<Output = ()>,
{
    let header = match codec::read_header(&mut stream).await {
        Ok(header) => header,
        Err(error) => {
            tracing::warn!(%error, "a stream without a header that this version understands");
            return;
        }
    };
    let connection = pump::spawn(stream);
    if header.operation == Operation::Heartbeat {
        echo(connection).await;
    } else {
        handler(header, connection).await;
    }
}

async fn echo(mut connection: Connection) {
    while let Some(frame) = connection.incoming.recv().await {
        if connection.outgoing.send(frame).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

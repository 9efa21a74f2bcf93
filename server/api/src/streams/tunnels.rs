//! The agents that are connected, one tunnel per node.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{
    Connection, Frame,
    tunnel::{Pipe, Session, StreamHeader, TunnelError},
};
use object::ApiError;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::timeout,
};

use super::{ByteStream, dial::CONNECT_PATIENCE};

/// How long opening waits for an agent that is about to reconnect.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// The tunnels of this server copy. Cloning shares them.
#[derive(Clone, Default)]
pub struct Tunnels {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    sessions: Mutex<HashMap<Arc<str>, Session>>,
    /// Counts changes of the sessions.
    changes: watch::Sender<u64>,
}

impl Tunnels {
    /// Takes a node's tunnel over a stream of bytes; a former one of the same node is closed. The
    /// future drives the tunnel and ends with it.
    pub fn accept<T>(
        &self,
        node: &str,
        io: T,
    ) -> impl Future<Output = Result<(), TunnelError>> + use<T>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let (session, running) = Session::start(io);
        // The registry holds the only handle: replacing it closes the former tunnel.
        let entry = Entry { tunnels: self.clone(), node: node.into(), weak: session.downgrade() };
        self.change(|sessions| drop(sessions.insert(entry.node.clone(), session)));
        async move {
            let result = running.await;
            drop(entry);
            result
        }
    }

    /// Opens a stream to a node's agent. An agent that has just lost its connection gets a moment
    /// to come back.
    ///
    /// # Errors
    /// 503 when the node's agent is not connected.
    pub async fn open(&self, node: &str, header: &StreamHeader) -> Result<Connection, ApiError> {
        let deadline = tokio::time::Instant::now() + RECONNECT_PATIENCE;
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let session = self.sessions().get(node).cloned();
            if let Some(session) = session
                && let Ok(connection) = session.open(header).await
            {
                return Ok(connection);
            }
            let changed = tokio::time::timeout_at(deadline, changes.changed());
            if !matches!(changed.await, Ok(Ok(()))) {
                return Err(ApiError::unavailable(format!(
                    "node \"{node}\" is not connected to this server; check that its host is up \
                     and try again"
                )));
            }
        }
    }

    /// Opens a stream of bytes to a node's agent, which says with its first frame that it stands.
    pub(crate) async fn dial(
        &self,
        node: &str,
        header: &StreamHeader,
    ) -> Result<ByteStream, ApiError> {
        let mut connection = self.open(node, header).await?;
        let first = timeout(CONNECT_PATIENCE, connection.incoming.recv()).await;
        match first {
            Ok(Some(frame)) => match frame.error() {
                Some(error) => Err(error),
                None => Ok(Box::new(Pipe::new(connection, Frame::STDIN))),
            },
            Ok(None) => Err(ApiError::unavailable(format!(
                "the connection to node \"{node}\" was lost; try again"
            ))),
            Err(_) => Err(ApiError::unavailable(format!("node \"{node}\": i/o timeout"))),
        }
    }

    /// How many agents are connected now.
    pub fn count(&self) -> usize {
        self.sessions().len()
    }

    /// Whether the node's agent is connected now.
    pub fn is_connected(&self, node: &str) -> bool {
        self.sessions().get(node).is_some_and(|session| !session.is_closed())
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<Arc<str>, Session>)) {
        change(&mut self.sessions());
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Arc<str>, Session>> {
        // The map is whole between any two statements that change it.
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tunnel's place in the registry, given up when its driver ends or is dropped.
struct Entry {
    tunnels: Tunnels,
    node: Arc<str>,
    weak: client::tunnel::WeakSession,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.tunnels.change(|sessions| {
            if sessions.get(&self.node).is_some_and(|session| self.weak.is_of(session)) {
                sessions.remove(&self.node);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use client::{Frame, tunnel};

    use super::*;
    use crate::streams::Operation;

    fn header() -> StreamHeader {
        StreamHeader {
            operation: Operation::Log,
            namespace: "default".to_owned(),
            pod: "web".to_owned(),
            uid: "u".to_owned(),
            container: String::new(),
            query: String::new(),
        }
    }

    /// An agent that answers every stream with its name; the handle ends it.
    fn agent(tunnels: &Tunnels, name: &'static str) -> tokio::task::JoinSet<()> {
        let (server, agent) = tokio::io::duplex(4096);
        let mut tasks = tokio::task::JoinSet::new();
        let running = tunnels.accept("one", server);
        tasks.spawn(async move { drop(running.await) });
        tasks.spawn(async move {
            let answer = move |_, connection: Connection| async move {
                connection.outgoing.send(Frame::new(Frame::STDOUT, name)).await.ok();
            };
            drop(tunnel::serve(agent, answer).await);
        });
        tasks
    }

    async fn ask(tunnels: &Tunnels) -> Result<String, ApiError> {
        let mut connection = tunnels.open("one", &header()).await?;
        let frame = connection.incoming.recv().await.expect("the agent answers");
        Ok(String::from_utf8_lossy(&frame.data).into_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_tunnel_replaces_the_old_one() {
        let tunnels = Tunnels::default();
        let mut first = agent(&tunnels, "first");
        assert_eq!(ask(&tunnels).await.unwrap(), "first");
        let second = agent(&tunnels, "second");
        assert_eq!(ask(&tunnels).await.unwrap(), "second");
        // The first one has been closed, and its end leaves the second one alone.
        while first.join_next().await.is_some() {}
        assert_eq!(ask(&tunnels).await.unwrap(), "second");
        drop(second);
        let error = ask(&tunnels).await.unwrap_err();
        assert_eq!(error.code(), 503);
        assert!(error.message.contains("node \"one\" is not connected"), "{error}");
        assert!(!tunnels.is_connected("one"));
    }

    #[tokio::test(start_paused = true)]
    async fn opening_waits_for_an_agent_that_comes_back() {
        let tunnels = Tunnels::default();
        let later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            agent(&tunnels, "back")
        };
        let (answer, _agent) = tokio::join!(ask(&tunnels), later);
        assert_eq!(answer.unwrap(), "back");
    }
}

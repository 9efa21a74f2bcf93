//! How pods of a node reach the API: the agent answers at an address of its host and carries the
//! connection to a server copy that lives. TLS goes through untouched.

use std::{io, net::SocketAddrV4, sync::Arc};

use node::{AgentConfig, network::ANSWERS};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// Connections of a node's pods to the API at the same time.
const CONNECTIONS_MAX: usize = 512;

/// A gate that listens.
pub struct ApiGate {
    listener: TcpListener,
    /// `host:port` of every server copy.
    servers: Arc<[String]>,
}

impl ApiGate {
    /// Listens at an address that only this host has.
    ///
    /// # Errors
    /// When the host does not have it.
    pub async fn bind(config: &AgentConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((ANSWERS, 0)).await?;
        let address =
            |url: &String| url.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Ok(Self { listener, servers: config.servers.iter().map(address).collect() })
    }

    /// # Errors
    /// When the kernel does not know where it listens.
    pub fn address(&self) -> io::Result<SocketAddrV4> {
        match self.listener.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// Carries connections until it is dropped.
    pub async fn serve(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut carried = JoinSet::new();
        loop {
            while carried.try_join_next().is_some() {}
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let pod = match self.listener.accept().await {
                Ok((pod, _)) => pod,
                Err(error) => {
                    tracing::debug!(%error, "a pod's connection could not be accepted");
                    continue;
                }
            };
            let servers = self.servers.clone();
            carried.spawn(async move {
                carry(pod, &servers).await;
                drop(place);
            });
        }
    }
}

/// Carries one connection to the first server that answers.
async fn carry(mut pod: TcpStream, servers: &[String]) {
    for server in servers {
        let Ok(mut connection) = TcpStream::connect(server.as_str()).await else { continue };
        if let Err(error) = tokio::io::copy_bidirectional(&mut pod, &mut connection).await {
            tracing::debug!(server, %error, "a pod's connection to the API broke");
        }
        return;
    }
    tracing::warn!("a pod asks for the API, but no server answers");
}

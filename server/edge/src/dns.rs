//! The name server of a node: the cluster's names from memory, all others from the host's own name
//! servers.
//!
//! **Invariant:** what it holds at once is bounded: queries that wait for others, and connections.

mod answer;
mod upstream;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use planning::routing::dns::{Meaning, Sort};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use answer::{Answerer, Step, Transport};
use upstream::Upstream;

/// Where it is asked; another port when this one is taken.
const PORT: u16 = 10_053;
const DATAGRAM_BYTES_MAX: usize = 4096;
const FORWARDS_MAX: usize = 1024;
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may be silent.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Says what a name means at this moment.
pub type Resolve = Arc<dyn Fn(&str, Sort) -> Meaning + Send + Sync>;

/// What a name server needs to know.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// `cluster.local`.
    pub domain: String,
    /// Where pods ask. It is never asked in turn, whatever the host's configuration names.
    pub cluster_address: Ipv4Addr,
    /// The host's `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
}

/// A name server that listens.
pub struct Dns {
    datagrams: Arc<UdpSocket>,
    connections: TcpListener,
    answerer: Arc<Answerer>,
}

impl Dns {
    /// Listens at an address of this host.
    ///
    /// # Errors
    /// When the host does not have the address.
    pub async fn bind(
        address: Ipv4Addr,
        settings: DnsSettings,
        resolve: Resolve,
    ) -> io::Result<Self> {
        let datagrams = match UdpSocket::bind((address, PORT)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                UdpSocket::bind((address, 0)).await?
            }
            other => other?,
        };
        let connections = match TcpListener::bind((address, PORT)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind((address, 0)).await?
            }
            other => other?,
        };
        let upstream =
            Upstream::new(settings.resolv_conf, [settings.cluster_address, address].into());
        let answerer = Arc::new(Answerer::new(&settings.domain, resolve, upstream)?);
        Ok(Self { datagrams: Arc::new(datagrams), connections, answerer })
    }

    /// Where it is asked by datagrams, and where by connections.
    ///
    /// # Errors
    /// When the kernel does not know.
    pub fn addresses(&self) -> io::Result<[SocketAddrV4; 2]> {
        let v4 = |address: SocketAddr| match address {
            SocketAddr::V4(address) => Ok(address),
            SocketAddr::V6(_) => Err(io::Error::from(io::ErrorKind::AddrNotAvailable)),
        };
        Ok([v4(self.datagrams.local_addr()?)?, v4(self.connections.local_addr()?)?])
    }

    /// Answers until it is dropped.
    pub async fn serve(self) {
        let by_datagrams = serve_datagrams(self.datagrams, self.answerer.clone());
        tokio::join!(by_datagrams, serve_connections(self.connections, self.answerer));
    }
}

async fn serve_datagrams(socket: Arc<UdpSocket>, answerer: Arc<Answerer>) {
    let forwards = Arc::new(Semaphore::new(FORWARDS_MAX));
    let mut waiting = JoinSet::new();
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    loop {
        reap(&mut waiting);
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // What an earlier answer met at its client's.
            Err(error) => {
                debug!(%error, "a datagram could not be received");
                continue;
            }
        };
        let question = match answerer.consider(&buffer[..length], Transport::Datagram) {
            Step::Silence => continue,
            Step::Answer(answer) => {
                send(&socket, &answer, client).await;
                continue;
            }
            Step::Ask(question) => question,
        };
        // More than can wait are left to ask again.
        let Ok(permit) = forwards.clone().try_acquire_owned() else { continue };
        let (socket, answerer) = (socket.clone(), answerer.clone());
        waiting.spawn(async move {
            send(&socket, &answerer.ask(*question).await, client).await;
            drop(permit);
        });
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(answer, client).await {
        debug!(%error, %client, "a name could not be answered");
    }
}

async fn serve_connections(listener: TcpListener, answerer: Arc<Answerer>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        reap(&mut open);
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answerer = answerer.clone();
                open.spawn(async move {
                    if let Err(error) = converse(stream, &answerer).await {
                        debug!(%error, "a client of the name server went away");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                debug!(%error, "a connection could not be accepted");
                // Too many files are open, if anything: give some time to close.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Queries on a connection, each with its length before it.
async fn converse(mut stream: TcpStream, answerer: &Answerer) -> io::Result<()> {
    loop {
        let length = within(stream.read_u16()).await?;
        let mut query = vec![0; usize::from(length)];
        within(stream.read_exact(&mut query)).await?;
        let answer = match answerer.consider(&query, Transport::Connection) {
            Step::Silence => return Ok(()),
            Step::Answer(answer) => answer,
            Step::Ask(question) => answerer.ask(*question).await,
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes(), answer.as_slice()].concat();
        within(stream.write_all(&framed)).await?;
    }
}

async fn within<T>(act: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(IDLE_MAX, act).await?
}

fn reap(tasks: &mut JoinSet<()>) {
    while tasks.try_join_next().is_some() {}
}

//! The host's own name servers.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{DATAGRAM_BYTES_MAX, answer::Transport};

const PORT: u16 = 53;
const PATIENCE: Duration = Duration::from_secs(2);
/// As many as the C library asks.
const SERVERS_MAX: usize = 3;

pub(super) struct Upstream {
    resolv_conf: PathBuf,
    /// Our own addresses: asking them would go round in circles.
    own: Vec<Ipv4Addr>,
}

impl Upstream {
    pub(super) fn new(resolv_conf: PathBuf, own: Vec<Ipv4Addr>) -> Self {
        Self { resolv_conf, own }
    }

    /// Hands a query on as it is; the first answer that any server gives.
    pub(super) async fn ask(&self, query: &[u8], transport: Transport) -> io::Result<Vec<u8>> {
        let mut failure = io::Error::new(
            io::ErrorKind::NotFound,
            format!("{} names no name server to ask", self.resolv_conf.display()),
        );
        // Read each time: it changes when the host changes networks.
        for server in self.servers(&fs::read_to_string(&self.resolv_conf)?) {
            let asked = async {
                match transport {
                    Transport::Datagram => ask_by_datagram(server, query).await,
                    Transport::Connection => ask_by_connection(server, query).await,
                }
            };
            match timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(failure)
    }

    fn servers(&self, configuration: &str) -> Vec<SocketAddr> {
        let lines = configuration.lines().map(str::split_whitespace);
        let named = lines.filter_map(|mut words| {
            (words.next()? == "nameserver").then(|| words.next()?.parse::<IpAddr>().ok())?
        });
        let others = named.filter(|address| !self.own.iter().any(|own| address == own));
        others.take(SERVERS_MAX).map(|address| SocketAddr::new(address, PORT)).collect()
    }
}

async fn ask_by_datagram(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    // A port of its own for each query is what makes answers hard to forge.
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= 2 && answer[..2] == query[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn ask_by_connection(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_the_hosts_servers_but_not_itself() {
        let upstream = Upstream::new("/etc/resolv.conf".into(), vec![[10, 43, 0, 10].into()]);
        let configuration = "# a comment\nsearch example.org\nnameserver 10.43.0.10\n\
            nameserver\t192.0.2.1 # x\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\noptions x";
        let servers: Vec<_> =
            upstream.servers(configuration).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53"]);
    }
}

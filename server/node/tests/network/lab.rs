//! Hosts and pods as bare network namespaces, removed when the test ends.

use std::{
    fs::File,
    future::Future,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    ops::Deref,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, setns};
use node::network::Network;

const PATIENCE: Duration = Duration::from_secs(2);

/// A network namespace held by a process that sleeps.
pub(crate) struct Namespace {
    holder: Child,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { holder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// Runs a closure on a thread of its own inside.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                act()
            });
            inside.join().unwrap()
        })
    }

    /// `ip` inside, split at blanks; what it prints.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        self.run(&format!("ip {arguments}"))
    }

    pub(crate) fn run(&self, command: &str) -> String {
        let namespace = format!("--net=/proc/{}/ns/net", self.pid());
        let output = Command::new("nsenter")
            .arg(namespace)
            .args(command.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Listens in the background and answers every connection with the client's address.
    pub(crate) fn serve(&self, port: u16) {
        let listener = self.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                use std::io::Write;
                let peer = stream.peer_addr().unwrap().ip();
                writeln!(stream, "{peer}").ok();
            }
        });
    }

    /// Connects from inside; what the server said.
    pub(crate) fn ask(&self, address: Ipv4Addr, port: u16) -> std::io::Result<String> {
        self.inside(|| {
            let address = SocketAddrV4::new(address, port).into();
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            Ok(line.trim().to_owned())
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// A namespace with a link to another host.
pub(crate) struct Host {
    space: Namespace,
    address: Ipv4Addr,
}

impl Deref for Host {
    type Target = Namespace;
    fn deref(&self) -> &Namespace {
        &self.space
    }
}

impl Host {
    /// Two hosts on one link; each gets an address of the same /24.
    pub(crate) fn pair(addresses: [Ipv4Addr; 2]) -> [Self; 2] {
        let hosts = addresses.map(|address| Self { space: Namespace::new(), address });
        let peer = hosts[1].pid();
        hosts[0].ip(&format!("link add eth0 type veth peer name eth0 netns {peer}"));
        for host in &hosts {
            host.ip("link set lo up");
            host.ip(&format!("address add {}/24 dev eth0", host.address));
            host.ip("link set eth0 mtu 1400 up");
            // The strictest that distributions set.
            host.run("sysctl -qw net.ipv4.conf.all.rp_filter=1");
            host.act(async |_| ());
        }
        hosts
    }

    /// Does something with this host's network, made ready.
    pub(crate) fn act<T, F>(&self, act: impl FnOnce(Network) -> F + Send) -> T
    where
        T: Send,
        F: Future<Output = T>,
    {
        self.inside(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut network = Network::open("10.43.0.0/16".parse().unwrap()).unwrap();
                network.prepare(self.address).await.unwrap();
                act(network).await
            })
        })
    }
}

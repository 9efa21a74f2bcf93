//! Network namespaces that stand for hosts and pods, removed when the test ends.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, setns};

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
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter(self.pid());
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

    /// Listens in the background and answers every connection with a name and who asked.
    pub(crate) fn serve(&self, name: &str, port: u16) {
        let listener = self.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
        let name = name.to_owned();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let peer = stream.peer_addr().unwrap().ip();
                writeln!(stream, "{name} {peer}").ok();
            }
        });
    }

    /// Connects from inside; what the server said.
    pub(crate) fn ask(&self, address: Ipv4Addr, port: u16) -> io::Result<String> {
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

/// Moves the calling thread into the network namespace of a process.
pub(crate) fn enter(pid: u32) {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

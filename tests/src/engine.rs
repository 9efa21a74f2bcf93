//! Several Docker engines on one machine, each in a network namespace of its own on one bridge.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{eventually, image, run};

/// The bridge that the engines' namespaces share, in a namespace of its own.
pub struct Network {
    id: String,
}

/// One Docker engine.
pub struct Engine {
    pub number: u8,
    pub address: String,
    pub socket: PathBuf,
    namespace: String,
    folder: PathBuf,
    dockerd: Option<Child>,
}

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split_whitespace()), "").ok();
}

impl Network {
    /// `id` must be short: it becomes part of interface names.
    pub fn new(id: &str) -> Self {
        let network = Self { id: id.to_owned() };
        let switch = network.switch();
        ip(&format!("netns add {switch}"));
        ip(&format!("-n {switch} link add br0 type bridge"));
        ip(&format!("-n {switch} link set br0 up"));
        network
    }

    fn switch(&self) -> String {
        format!("ls-{}-sw", self.id)
    }

    /// A namespace on the bridge with the address 10.99.0.`number`.
    fn add_namespace(&self, number: u8) -> String {
        let (switch, namespace) = (self.switch(), format!("ls-{}-h{number}", self.id));
        ip(&format!("netns add {namespace}"));
        ip(&format!("-n {switch} link add p{number} type veth peer name eth0 netns {namespace}"));
        ip(&format!("-n {switch} link set p{number} master br0 up"));
        ip(&format!("-n {namespace} addr add 10.99.0.{number}/24 dev eth0"));
        ip(&format!("-n {namespace} link set eth0 up"));
        ip(&format!("-n {namespace} link set lo up"));
        namespace
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        run(Command::new("ip").args(["netns", "del", &self.switch()]), "");
    }
}

impl Engine {
    /// Starts an engine below `folder` and waits until it answers; `busybox:1` is there.
    pub fn start(network: &Network, folder: &Path, number: u8) -> Self {
        let namespace = network.add_namespace(number);
        let folder = folder.join(format!("h{number}"));
        fs::create_dir_all(&folder).unwrap();
        let mut engine = Self {
            number,
            address: format!("10.99.0.{number}"),
            socket: folder.join("docker.sock"),
            namespace,
            folder,
            dockerd: None,
        };
        // Docker forwards between pods and hosts only if forwarding was on before it came.
        engine.command("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]).status().unwrap();
        engine.boot();
        let archive = image::busybox_archive(engine.folder.parent().expect("it has a parent"));
        engine.import(&archive, "busybox:1");
        engine
    }

    /// Starts the engine's process.
    pub fn boot(&mut self) {
        let log = File::create(self.folder.join("dockerd.log")).unwrap();
        let at = |name: &str| self.folder.join(name);
        fs::remove_file(at("docker.pid")).ok();
        let child = self
            .command("dockerd")
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("docker.pid"))
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            .arg("--host")
            .arg(format!("tcp://{}:2375", self.address))
            .args(["--bip", &format!("172.30.{}.1/24", self.number)])
            .args(["--cgroup-parent", &format!("/{}", self.namespace)])
            .arg("--tls=false")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd is installed");
        self.dockerd = Some(child);
        eventually("the engine answers", Duration::from_secs(30), || {
            self.docker("GET", "/_ping").result().map(drop)
        });
    }

    /// A command that runs on this host, as far as the network goes.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace)).arg("--").arg(program);
        command
    }

    /// Moves the calling thread, and those that it starts, into this host's network.
    pub fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.namespace)).unwrap();
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    }

    /// One request to the engine's API.
    pub fn docker(&self, method: &str, path: &str) -> crate::Output {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "--max-time", "60", "-X", method, "--unix-socket"]);
        run(curl.arg(&self.socket).arg(format!("http://docker{path}")), "")
    }

    /// Makes an image of a root file system's archive.
    pub fn import(&self, archive: &Path, image: &str) {
        self.import_with(archive, image, &[]);
    }

    /// The same, with lines of a Dockerfile as `ENTRYPOINT ["/x"]`.
    pub fn import_with(&self, archive: &Path, image: &str, changes: &[&str]) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "-X", "POST", "--data-binary"]);
        curl.arg(format!("@{}", archive.display())).args(["-H", "Content-Type: application/x-tar"]);
        let (repo, tag) = image.split_once(':').expect("an image has a tag");
        let mut url = format!("http://docker/images/create?fromSrc=-&repo={repo}&tag={tag}");
        for change in changes {
            url.push_str("&changes=");
            url.extend(change.bytes().map(|byte| format!("%{byte:02X}")));
        }
        run(curl.arg("--unix-socket").arg(&self.socket).arg(url), "").ok();
    }

    /// The running containers' IDs whose labels match all of `labels` (`key=value`).
    pub fn containers(&self, labels: &[&str]) -> Vec<String> {
        let filter = serde_json::json!({"label": labels}).to_string();
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.docker("GET", &format!("/containers/json?filters={encoded}")).ok();
        let listed: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
        listed.iter().map(|c| c["Id"].as_str().unwrap().to_owned()).collect()
    }

    /// Kills the engine with everything that it runs, as when its machine loses power.
    pub fn kill(&mut self) {
        for id in self.containers(&[]) {
            self.docker("POST", &format!("/containers/{id}/kill"));
        }
        if let Some(mut child) = self.dockerd.take() {
            child.kill().ok();
            child.wait().ok();
        }
        kill_cgroup(&format!("/sys/fs/cgroup/{}", self.namespace));
        run(Command::new("ip").args(["-n", &self.namespace, "link", "set", "eth0", "down"]), "");
    }

    fn stop(&mut self) {
        for id in self.dockerd.as_ref().map(|_| self.containers(&[])).unwrap_or_default() {
            self.docker("DELETE", &format!("/containers/{id}?force=true"));
        }
        if let Some(mut child) = self.dockerd.take() {
            let pid = fs::read_to_string(self.folder.join("docker.pid")).unwrap_or_default();
            run(Command::new("kill").args(["-TERM", pid.trim()]), "");
            let gone = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                child.try_wait().is_ok_and(|status| status.is_some())
            });
            if !gone {
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}

/// Kills what an engine that was killed has left running.
fn kill_cgroup(path: &str) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        kill_cgroup(&entry.path().to_string_lossy());
    }
    for pid in fs::read_to_string(format!("{path}/cgroup.procs")).unwrap_or_default().lines() {
        run(Command::new("kill").args(["-KILL", pid]), "");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
        kill_cgroup(&format!("/sys/fs/cgroup/{}", self.namespace));
        kill_cgroup(&format!("/sys/fs/cgroup/unified/{}", self.namespace));
        for mount in mounts_below(&self.folder) {
            run(Command::new("umount").args(["-l", &mount]), "");
        }
        run(Command::new("ip").args(["netns", "del", &self.namespace]), "");
    }
}

/// The mount points below a folder, innermost first.
fn mounts_below(folder: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let folder = folder.to_string_lossy();
    let mut below: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|mount| mount.starts_with(&*folder))
        .map(str::to_owned)
        .collect();
    below.reverse();
    below
}

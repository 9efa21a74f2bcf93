//! A whole platform: engines, a server, an operator's kubectl.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Engine, Network, Output, eventually, run};

/// A server on the first of its hosts. Host 1 is its local engine; others join by `host add`.
pub struct TestCluster {
    // Dropped in this order: the server, the engines, their bridge, the folder.
    server: Option<Child>,
    pub engines: Vec<Engine>,
    network: Network,
    pub folder: PathBuf,
    name: String,
}

impl TestCluster {
    /// Starts a server on one host and waits until its ready block stands. `name` is short.
    pub fn start(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("longshore-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let network = Network::new(&format!("{name}{}", std::process::id() % 1000));
        let engines = vec![Engine::start(&network, &folder, 1)];
        let mut cluster = Self { server: None, engines, network, folder, name: name.to_owned() };
        cluster.boot_server();
        cluster
    }

    /// Starts one more engine, without registering it.
    pub fn add_engine(&mut self) -> &Engine {
        let number = u8::try_from(self.engines.len() + 1).expect("a few engines");
        self.engines.push(Engine::start(&self.network, &self.folder, number));
        self.engines.last().expect("just pushed")
    }

    /// Starts `longshore up` and waits for its ready block.
    pub fn boot_server(&mut self) {
        let log = File::create(self.log()).unwrap();
        let child = self
            .longshore()
            .arg("up")
            .arg("--data")
            .arg(self.data())
            .args(["--api", "10.99.0.1:6443", "--dashboard", "127.0.0.1:8080", "--docker"])
            .arg(format!("unix://{}", self.engines[0].socket.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(child);
        eventually("the ready block stands", Duration::from_secs(90), || {
            let printed = fs::read_to_string(self.log()).unwrap();
            if printed.contains("Longshore is ready") { Ok(()) } else { Err(printed) }
        });
    }

    /// Stops the server with a signal (`INT` as Ctrl-C does, `KILL` as a crash).
    pub fn stop_server(&mut self, signal: &str) {
        if let Some(mut child) = self.server.take() {
            let pid = child.id().to_string();
            run(Command::new("kill").args([&format!("-{signal}"), &pid]), "");
            child.wait().unwrap();
        }
    }

    /// `nsenter` executes the server in its own process, so that the child is the server.
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the server printed.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    pub fn longshore(&self) -> Command {
        self.engines[0].command(binary().to_str().expect("a path in UTF-8"))
    }

    /// Runs `longshore` as the operator of this cluster.
    pub fn operate(&self, arguments: &[&str]) -> Output {
        let mut command = self.longshore();
        run(command.args(arguments).arg("--data").arg(self.data()), "")
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl(&self, arguments: &str) -> Output {
        self.kubectl_with(arguments, "")
    }

    pub fn kubectl_with(&self, arguments: &str, input: &str) -> Output {
        let mut command = self.tool("kubectl");
        run(command.args(arguments.split_whitespace()), input)
    }

    /// A client from `target/tools`, set up for this cluster.
    pub fn tool(&self, name: &str) -> Command {
        let path = root().join("target/tools").join(name);
        let mut command = self.engines[0].command(path.to_str().expect("a path in UTF-8"));
        command
            .env("KUBECONFIG", self.data().join("kubeconfig"))
            .env("HOME", &self.folder)
            .env("KUBECACHEDIR", self.folder.join("kube-cache"));
        command
    }

    /// `curl` on the first host.
    pub fn curl(&self, arguments: &[&str]) -> Output {
        run(self.engines[0].command("curl").args(["-sS", "--max-time", "5"]).args(arguments), "")
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let artefacts = root().join("tests/artefacts").join(&self.name);
        fs::create_dir_all(&artefacts).ok();
        self.stop_server("INT");
        fs::copy(self.log(), artefacts.join("server.log")).ok();
        self.engines.clear();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests stands in the root").to_owned()
}

/// The executable under test: `LONGSHORE_BIN`, or the debug build.
pub fn binary() -> PathBuf {
    env::var_os("LONGSHORE_BIN").map_or_else(
        || root().join("target/x86_64-unknown-linux-gnu/debug/longshore"),
        PathBuf::from,
    )
}

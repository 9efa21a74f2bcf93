//! A server without hosts: the API and the controllers over a private Postgres, for suites that
//! need no pod to run. Starts in a second and takes free ports on loopback.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use store::embedded::EmbeddedPostgres;
use tokio::runtime::Runtime;

use crate::{
    Output,
    cluster::{binary, root},
    eventually, run,
};

/// `longshore server` beside a Postgres of its own.
pub struct ControlPlane {
    // Dropped in this order: the server, Postgres, the folder.
    server: Option<Child>,
    postgres: Option<EmbeddedPostgres>,
    runtime: Runtime,
    pub address: String,
    dashboard: String,
    pub folder: PathBuf,
    name: String,
}

/// An address on loopback that nobody listens on.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

impl ControlPlane {
    /// Starts Postgres and a server, and waits until its ready block stands.
    pub fn start(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("longshore-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let runtime = Runtime::new().unwrap();
        let postgres = runtime.block_on(EmbeddedPostgres::start(&folder.join("data"))).unwrap();
        let mut plane = Self {
            server: None,
            postgres: Some(postgres),
            runtime,
            address: free_address(),
            dashboard: free_address(),
            folder,
            name: name.to_owned(),
        };
        plane.boot_server();
        plane
    }

    pub fn boot_server(&mut self) {
        let log = File::create(self.log()).unwrap();
        let url = self.postgres.as_ref().expect("it runs until the drop").url();
        let child = Command::new(binary())
            .arg("server")
            .arg("--data")
            .arg(self.data())
            .args(["--api", &self.address, "--dashboard", &self.dashboard])
            .args(["--database-url", url])
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
            run(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]), "");
            child.wait().unwrap();
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("server")
    }

    /// What the server printed.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.data().join("kubeconfig")
    }

    /// Runs kubectl as the administrator; arguments are split at white space.
    pub fn kubectl(&self, arguments: &str) -> Output {
        self.kubectl_with(arguments, "")
    }

    pub fn kubectl_with(&self, arguments: &str, input: &str) -> Output {
        let mut command = self.tool("kubectl");
        run(command.args(arguments.split_whitespace()), input)
    }

    /// A client from `target/tools`, set up for this server.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(root().join("target/tools").join(name));
        command
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", &self.folder)
            .env("KUBECACHEDIR", self.folder.join("kube-cache"));
        command
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let artefacts = root().join("tests/artefacts").join(&self.name);
        fs::create_dir_all(&artefacts).ok();
        self.stop_server("INT");
        if let Some(postgres) = self.postgres.take() {
            self.runtime.block_on(postgres.stop());
        }
        fs::copy(self.log(), artefacts.join("server.log")).ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

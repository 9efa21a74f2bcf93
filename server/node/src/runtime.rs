//! What the agent needs of a container engine, in Kubernetes' terms.

use std::{collections::BTreeMap, net::Ipv4Addr, pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use planning::node::{ContainerLaunch, SandboxLaunch};
use thiserror::Error;
use tokio::io::AsyncWrite;

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum RuntimeError {
    /// The container, image or volume does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The engine does not answer.
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Refused(String),
}

pub(crate) type Result<T, E = RuntimeError> = std::result::Result<T, E>;

impl RuntimeError {
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

/// The engine and the machine under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    pub version: String,
    pub api_version: String,
    /// The machine's own name.
    pub host_name: String,
    pub operating_system: String,
    pub os_image: String,
    pub architecture: String,
    pub kernel: String,
    pub cpus: i64,
    pub memory_bytes: i64,
}

/// A container that carries our labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    pub id: String,
    pub labels: BTreeMap<String, String>,
    pub image: String,
    pub image_id: String,
    pub pid: Option<u32>,
    pub is_running: bool,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit_code: i32,
    pub is_oom_killed: bool,
    /// Why it could not be started.
    pub error: String,
    pub is_tty: bool,
    /// The signal that asks it to end, when it is not SIGTERM.
    pub stop_signal: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub user: String,
}

/// Who may pull from a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
    pub identity_token: String,
    pub registry: String,
}

/// Tells no secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "credentials for {}", self.registry)
    }
}

/// A volume of the engine that belongs to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryVolume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// 0: as much as the host allows.
    pub size_bytes: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    pub timestamps: bool,
    pub since: Option<Timestamp>,
    pub tail_lines: Option<u64>,
    /// `None`: both streams.
    pub only: Option<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Stdout,
    Stderr,
}

/// A piece of what a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub source: Source,
    pub data: Bytes,
}

pub(crate) type OutputStream = BoxStream<'static, Result<Output>>;

/// An attached process. Shutting the input down ends the process' stdin.
pub struct Attached {
    pub output: OutputStream,
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// A command to run in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    pub words: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandState {
    pub pid: Option<u32>,
    /// `None` while it runs.
    pub exit_code: Option<i32>,
}

/// One of our containers started, ended or vanished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub pod_uid: String,
}

/// What a container has used of CPU since it started, and uses of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    pub pod_uid: String,
    pub name: String,
    pub cpu_ns: u64,
    pub memory_bytes: u64,
}

#[async_trait]
pub trait Runtime: Send + Sync {
    async fn engine(&self) -> Result<Engine>;

    /// The uids of pods that have containers of this node here.
    async fn pods(&self, node: &str) -> Result<BTreeMap<String, PodRef>>;
    /// Every container of one pod.
    async fn containers(&self, pod_uid: &str) -> Result<Vec<Inspected>>;
    /// Of the containers of a node's pods that run.
    async fn usage(&self, node: &str) -> Result<Vec<ContainerUsage>>;
    /// Changes from now on. Ends when the engine goes away.
    async fn changes(&self, node: &str) -> Result<BoxStream<'static, Result<Change>>>;

    /// Creates and starts a sandbox; answers its id.
    async fn run_sandbox(&self, sandbox: &SandboxLaunch) -> Result<String>;
    async fn create(&self, container: &ContainerLaunch) -> Result<String>;
    async fn start(&self, id: &str) -> Result<()>;
    /// Sends a signal; a container that does not run is fine.
    async fn signal(&self, id: &str, signal: &str) -> Result<()>;
    /// Kills and removes; a container that does not exist is fine.
    async fn remove(&self, id: &str) -> Result<()>;

    /// `None` when the engine does not have it.
    async fn image(&self, name: &str) -> Result<Option<Image>>;
    async fn pull(&self, name: &str, credentials: Option<Credentials>) -> Result<()>;

    async fn create_volume(&self, volume: &MemoryVolume) -> Result<()>;
    async fn remove_volumes(&self, pod_uid: &str) -> Result<()>;

    async fn logs(&self, id: &str, options: &LogOptions) -> Result<OutputStream>;
    async fn attach(&self, id: &str, stdin: bool) -> Result<Attached>;
    async fn resize(&self, id: &str, width: u16, height: u16) -> Result<()>;
    /// Starts a command; answers its id, too.
    async fn execute(&self, container: &str, command: &Command) -> Result<(String, Attached)>;
    async fn command_state(&self, command: &str) -> Result<CommandState>;
    async fn resize_command(&self, command: &str, width: u16, height: u16) -> Result<()>;
}

/// Whose containers they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRef {
    pub namespace: String,
    pub name: String,
    /// Of its sandboxes, also of those that have ended.
    pub addresses: Vec<Ipv4Addr>,
}

/// How long the engine may take to answer a plain request.
pub(crate) const ENGINE_TIMEOUT: Duration = Duration::from_secs(120);

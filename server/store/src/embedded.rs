//! A private Postgres beside the server: the system's binaries, a folder of our own, a unix socket.
//!
//! It runs in a process group of its own, so that a terminal's Ctrl-C does not reach it before the
//! server has finished, and it is started again when it dies. One server at a time uses a folder:
//! a file lock says so.

mod binaries;
mod folder;
mod launch;
mod orphan;
mod owner;
mod socket;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use thiserror::Error;
use tokio::{sync::oneshot, task::JoinHandle};

use self::launch::Launch;

#[derive(Debug, Error)]
pub enum EmbeddedError {
    #[error("PostgreSQL is not installed. Install it: apt-get install postgresql")]
    NoBinaries,
    #[error(
        "the database in {folder} was made by PostgreSQL {wanted}, and only {found} is installed. \
         Install it: apt-get install postgresql-{wanted}"
    )]
    OtherVersion { folder: PathBuf, wanted: String, found: String },
    #[error(
        "PostgreSQL does not run as root, and there is no user {0} to run it as. \
         Make one: useradd --system {0}"
    )]
    NoUser(&'static str),
    #[error("the data folder {0} is in use by another longshore")]
    InUse(PathBuf),
    #[error("the data folder {folder} can not be used: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error("no folder for the database's socket can be made in /run or the temporary folder: {0}")]
    Socket(io::Error),
    #[error("{program} can not be run: {source}")]
    Run { program: PathBuf, source: io::Error },
    #[error("{program} failed ({status}): {output}")]
    Failed { program: PathBuf, status: ExitStatus, output: String },
    #[error(
        "a Postgres of an earlier run (process {pid}) does not stop. Stop it: kill -QUIT {pid}"
    )]
    Orphan { pid: i32 },
}

/// A running Postgres. [`stop`](Self::stop) ends it; dropped, it is told to end.
pub struct EmbeddedPostgres {
    url: String,
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<()>,
    /// Held until Postgres has ended.
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts Postgres on `postgres` inside a data folder, making both when they are missing, and
    /// waits until it accepts connections.
    ///
    /// # Errors
    /// When it is not installed, the folder can't be used or is in use, or Postgres does not start.
    pub async fn start(data: &Path) -> Result<Self, EmbeddedError> {
        folder::make(data)?;
        let lock = folder::lock(data)?;
        let launch = Launch::prepare(data).await?;
        let child = launch.start().await?;
        let url = launch.url();
        let (stop, stopped) = oneshot::channel();
        let supervisor = tokio::spawn(launch::supervise(launch, child, stopped));
        Ok(Self { url, stop, supervisor, _lock: lock })
    }

    /// What [`Postgres::open`](crate::Postgres::open) takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends Postgres cleanly and waits for it.
    pub async fn stop(self) {
        // The supervisor is there until it is told to stop, or the runtime ends.
        if self.stop.send(()).is_ok() && self.supervisor.await.is_err() {
            tracing::warn!("the supervisor of Postgres ended early");
        }
    }
}

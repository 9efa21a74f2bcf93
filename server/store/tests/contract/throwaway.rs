//! A real Postgres for one test: started by the launcher that `longshore up` uses, in a folder of
//! its own, gone when the test ends.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use store::embedded::EmbeddedPostgres;

/// A folder that is removed with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("longshore-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Closed to the user that Postgres runs as when we are root: it must do nevertheless.
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The postmaster that runs on it.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, Signal::SIGQUIT);
            while fs::read_link(format!("/proc/{pid}/cwd")).is_ok() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A running Postgres; the fields are dropped in order.
pub(crate) struct Throwaway {
    postgres: EmbeddedPostgres,
    folder: Folder,
}

impl Throwaway {
    pub(crate) async fn start() -> Self {
        let folder = Folder::new();
        let postgres = EmbeddedPostgres::start(folder.path()).await.unwrap();
        Self { postgres, folder }
    }

    pub(crate) fn url(&self) -> String {
        self.postgres.url().to_owned()
    }

    /// As a crash would: the launcher starts it again.
    pub(crate) fn kill(&self) {
        let pid = self.folder.pid().unwrap();
        kill(pid, Signal::SIGKILL).unwrap();
    }

    /// Stops it for good.
    pub(crate) async fn stop(self) -> Folder {
        self.postgres.stop().await;
        self.folder
    }
}

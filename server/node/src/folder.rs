//! Where a pod's files lie on its host. The paths are the same for the agent and for the engine.

use std::{fs, io, path::PathBuf};

use crate::AgentConfig;

#[derive(Clone, Debug)]
pub(crate) struct PodFolder {
    disk: PathBuf,
    memory: PathBuf,
}

impl PodFolder {
    pub(crate) fn new(config: &AgentConfig, uid: &str) -> Self {
        let below = |root: PathBuf| root.join("pods").join(uid);
        Self { disk: below(config.data()), memory: below(config.memory()) }
    }

    pub(crate) fn hosts(&self) -> PathBuf {
        self.disk.join("hosts")
    }

    pub(crate) fn resolv_conf(&self) -> PathBuf {
        self.disk.join("resolv.conf")
    }

    /// The termination message of one run of a container.
    pub(crate) fn message(&self, container: &str, run: i32) -> PathBuf {
        self.disk.join("messages").join(format!("{container}.{run}"))
    }

    /// An `emptyDir`.
    pub(crate) fn empty_dir(&self, volume: &str) -> PathBuf {
        self.disk.join("volumes").join(volume)
    }

    /// The note of where a volume claim leads.
    pub(crate) fn claim(&self, volume: &str) -> PathBuf {
        self.disk.join("claims").join(volume)
    }

    /// A volume made of ConfigMaps, Secrets, tokens: kept in memory.
    pub(crate) fn content(&self, volume: &str) -> PathBuf {
        self.memory.join(volume)
    }

    pub(crate) fn create(&self) -> io::Result<()> {
        fs::create_dir_all(self.disk.join("messages"))?;
        fs::create_dir_all(self.disk.join("volumes"))?;
        fs::create_dir_all(&self.memory)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        for folder in [&self.disk, &self.memory] {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

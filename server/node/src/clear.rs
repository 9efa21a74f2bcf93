//! Takes back what a node left on its host: its links, addresses and routes, and its folders.

use std::{fs, io, path::Path};

use thiserror::Error;

use crate::{
    config::AgentConfig,
    network::{Network, NetworkError},
};

/// Where the name of the node to clear stands in the container that does it.
pub(crate) const NODE_PATH: &str = "/etc/longshore/node";

#[derive(Debug, Error)]
pub enum ClearError {
    #[error("cannot remove {0}: {1}")]
    Folder(String, io::Error),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("cannot read which node to clear: {0}")]
    Node(io::Error),
}

/// The body of `longshore clear`, next to clearing the data plane's own rules.
///
/// # Errors
/// When something could not be removed.
pub async fn clear() -> Result<(), ClearError> {
    let node = fs::read_to_string(NODE_PATH).map_err(ClearError::Node)?;
    let config = AgentConfig::new(node.trim(), Vec::new(), String::new(), String::new());
    Network::open(config.services)?.clear().await?;
    for folder in [config.data(), config.memory()] {
        remove_folder(&folder)?;
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), ClearError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ClearError::Folder(folder.display().to_string(), error))
        }
        _ => Ok(()),
    }
}

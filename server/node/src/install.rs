//! Puts the agent on a host, through the engine's API alone: an image made of this very
//! executable, a container, and its configuration copied in.
//!
//! **Invariant:** may be repeated. Containers of pods stay as they are; only `remove` with `purge`
//! touches them.

mod image;

use std::{collections::BTreeMap, io};

use planning::node::labels;
use thiserror::Error;

use crate::{
    AgentConfig, Docker, Engine,
    config::{CONFIG_PATH, DATA, MEMORY},
    docker::AgentLaunch,
    network::SYSCTLS_ON_HOST,
    runtime::{Runtime, RuntimeError},
};
use image::AgentImage;

/// On agents' containers: whose they are, and what they were made of.
const AGENT: &str = "longshore.dev/agent";
const AGENT_IMAGE: &str = "longshore.dev/agent-image";
const AGENT_CONFIG: &str = "longshore.dev/agent-config";
/// What the work of an agent takes.
const CAPABILITIES: [&str; 3] = ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"];

#[derive(Debug, Error)]
pub enum InstallError {
    #[error(transparent)]
    Engine(#[from] RuntimeError),
    #[error("cannot read this program's own executable, of which the agent's image is made: {0}")]
    Executable(#[from] io::Error),
    #[error(
        "the engine's host has no Docker socket at {socket} ({source}): name the right one as the \
         host's spec.socket"
    )]
    Socket { socket: String, source: RuntimeError },
}

/// An agent that runs.
#[derive(Clone, Debug)]
pub struct Installed {
    pub node: String,
    pub engine: Engine,
}

/// Brings the agent of `config.node` up to date on the engine at `docker_url`.
///
/// # Errors
/// When the engine can't be reached or refuses.
pub async fn install(docker_url: &str, config: &AgentConfig) -> Result<Installed, InstallError> {
    let docker = Docker::connect(docker_url, "").await?;
    let engine = docker.engine().await?;
    let image = AgentImage::of_this_program().await?;
    let config = AgentConfig { image: image.name.clone(), ..config.clone() };
    let text = serde_json::to_vec(&config).map_err(io::Error::from)?;
    let launch = agent(&config, &image);
    let installed = Installed { node: config.node.clone(), engine };
    if let Some(found) = docker.find_agent(&launch.name).await? {
        let is_same = |label: &str| found.labels.get(label) == launch.labels.get(label);
        if found.is_running && is_same(AGENT_IMAGE) && is_same(AGENT_CONFIG) {
            return Ok(installed);
        }
        docker.stop_agent(&found.id).await?;
    }
    if docker.image(&image.name).await?.is_none() {
        image.load(&docker).await?;
    }
    let archive = image::single_file(CONFIG_PATH, 0o600, &text)?;
    docker.run_agent(&launch, archive).await.map_err(|source| {
        if source.to_string().contains(&config.socket) {
            InstallError::Socket { socket: config.socket.clone(), source }
        } else {
            source.into()
        }
    })?;
    docker.remove_old_images(image::REPOSITORY, &image.name).await?;
    Ok(installed)
}

/// Stops and removes a node's agent. With `purge` also the containers of its pods and what it made
/// on its host.
///
/// # Errors
/// When the engine can't be reached or refuses.
pub async fn remove(docker_url: &str, node: &str, purge: bool) -> Result<(), InstallError> {
    let docker = Docker::connect(docker_url, "").await?;
    if let Some(found) = docker.find_agent(&container_name(node)).await? {
        docker.stop_agent(&found.id).await?;
    }
    if !purge {
        return Ok(());
    }
    docker.remove_labelled(&format!("{}={node}", labels::NODE)).await?;
    let image = AgentImage::of_this_program().await?;
    if docker.image(&image.name).await?.is_none() {
        image.load(&docker).await?;
    }
    let launch = AgentLaunch {
        name: format!("longshore-clear-{node}"),
        image: image.name.clone(),
        command: vec!["clear".to_owned()],
        labels: [(AGENT.to_owned(), node.to_owned())].into(),
        folders: vec![DATA.to_owned(), MEMORY.to_owned(), SYSCTLS_ON_HOST.to_owned()],
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        ..AgentLaunch::default()
    };
    if let Some(left) = docker.find_agent(&launch.name).await? {
        docker.remove(&left.id).await?;
    }
    let archive = image::single_file(super::clear::NODE_PATH, 0o600, node.as_bytes())?;
    docker.run_to_end(&launch, archive).await?;
    // Another node of the same engine may need it.
    docker.remove_old_images(image::REPOSITORY, "").await?;
    Ok(())
}

/// The last lines that a node's agent wrote: why it does not come up.
///
/// # Errors
/// When the engine can't be reached, or there is no agent.
pub async fn last_words(docker_url: &str, node: &str) -> Result<String, InstallError> {
    let docker = Docker::connect(docker_url, "").await?;
    let name = container_name(node);
    let Some(found) = docker.find_agent(&name).await? else {
        return Err(RuntimeError::NotFound(format!("there is no container {name}")).into());
    };
    Ok(docker.last_words(&found.id).await?)
}

fn container_name(node: &str) -> String {
    format!("longshore-agent-{node}")
}

/// What the agent's container is made with. An agent renews its token by itself: another token is
/// no cause to start it anew.
fn agent(config: &AgentConfig, image: &AgentImage) -> AgentLaunch {
    let lasting = AgentConfig { token: String::new(), ..config.clone() };
    let text = serde_json::to_vec(&lasting).expect("a configuration is JSON");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let labels = [
        (AGENT, config.node.clone()),
        (AGENT_IMAGE, image.name.clone()),
        (AGENT_CONFIG, image::digest(&[&text])),
    ];
    AgentLaunch {
        name: container_name(&config.node),
        image: image.name.clone(),
        command: words(&["node", "--config", CONFIG_PATH]),
        labels: labels.map(|(k, v)| (k.to_owned(), v)).into_iter().collect::<BTreeMap<_, _>>(),
        folders: vec![path(config.data()), path(config.memory()), SYSCTLS_ON_HOST.to_owned()],
        files: vec![config.socket.clone()],
        capabilities: words(&CAPABILITIES),
        is_service: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_keeps_its_token_out_of_labels_and_command() {
        let config =
            AgentConfig::new("one", vec!["https://a".into()], "ca".into(), "s3cret".into());
        let image = AgentImage { name: "longshore-agent:1".into() };
        let launch = agent(&config, &image);
        assert!(!format!("{launch:?}").contains("s3cret"));
        assert_eq!(launch.files, ["/var/run/docker.sock"]);
        let label = |config: &AgentConfig| agent(config, &image).labels[AGENT_CONFIG].clone();
        let renewed = AgentConfig { token: "other".into(), ..config.clone() };
        assert_eq!(label(&renewed), launch.labels[AGENT_CONFIG]);
        let moved = AgentConfig { servers: vec!["https://b".into()], ..config };
        assert_ne!(label(&moved), launch.labels[AGENT_CONFIG]);
    }
}

//! What an agent is told by the server that starts it.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Where the configuration stands in the agent's container.
pub const CONFIG_PATH: &str = "/etc/longshore/agent.json";
/// Below it every node of a host has a folder of its own, the same on the host and in the agent.
pub(crate) const DATA: &str = "/var/lib/longshore-node";
/// The same for what must never reach a disk: Secrets and tokens.
pub(crate) const MEMORY: &str = "/run/longshore-node";

/// The configuration of one agent. Written by the server, read by `longshore node`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentConfig {
    /// The name of its node.
    pub node: String,
    /// Every copy of the API: `https://10.0.0.1:6443`.
    pub servers: Vec<String>,
    /// The authority that signed the API's certificate, as PEM.
    pub ca: String,
    pub token: String,
    /// The engine's socket on its host.
    #[serde(default = "default_socket")]
    pub socket: String,
    /// The agent's own image, which is that of sandboxes, too. `install` fills it in.
    #[serde(default)]
    pub image: String,
    /// The host's address for other hosts; found out when it is not given.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
    #[serde(default = "default_services")]
    pub services: Ipv4Net,
    /// Where pods reach the API.
    #[serde(default = "default_api_address")]
    pub api_address: Ipv4Addr,
    #[serde(default = "default_api_port")]
    pub api_port: u16,
    /// The cluster's name server; without one pods ask the host's.
    #[serde(default)]
    pub dns: Option<Ipv4Addr>,
    #[serde(default = "default_domain")]
    pub domain: String,
    /// Labels of the node beyond the usual ones.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

fn default_socket() -> String {
    "/var/run/docker.sock".to_owned()
}

fn default_services() -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::new(10, 43, 0, 0), 16).expect("16 bits fit an address")
}

fn default_api_address() -> Ipv4Addr {
    Ipv4Addr::new(10, 43, 0, 1)
}

fn default_api_port() -> u16 {
    443
}

fn default_domain() -> String {
    "cluster.local".to_owned()
}

impl AgentConfig {
    /// Writes the configuration whole or not at all, for its owner alone.
    ///
    /// # Errors
    /// When the folder can not be written to.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension("partial");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&partial)?.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&partial, path)
    }

    pub fn new(node: &str, servers: Vec<String>, ca: String, token: String) -> Self {
        Self {
            node: node.to_owned(),
            servers,
            ca,
            token,
            socket: default_socket(),
            image: String::new(),
            address: None,
            services: default_services(),
            api_address: default_api_address(),
            api_port: default_api_port(),
            dns: None,
            domain: default_domain(),
            labels: BTreeMap::new(),
        }
    }

    /// # Errors
    /// When the file can't be read or is no configuration.
    pub fn read(path: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(path)?).map_err(io::Error::from)
    }

    /// The engine as the agent reaches it.
    pub fn docker_url(&self) -> String {
        format!("unix://{}", self.socket)
    }

    /// The node's folder on the host's disk.
    pub(crate) fn data(&self) -> PathBuf {
        Path::new(DATA).join(&self.node)
    }

    /// The node's folder in the host's memory.
    pub(crate) fn memory(&self) -> PathBuf {
        Path::new(MEMORY).join(&self.node)
    }
}

/// Does not show the token.
impl fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AgentConfig");
        shown.field("node", &self.node).field("servers", &self.servers);
        shown.field("socket", &self.socket).field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_configuration_reads_back_and_shows_no_token() {
        let config =
            AgentConfig::new("one", vec!["https://a".into()], "ca".into(), "s3cret".into());
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AgentConfig>(&text).unwrap(), config);
        assert!(!format!("{config:?}").contains("s3cret"));
        let short: AgentConfig = serde_json::from_str(
            r#"{"node":"one","servers":["https://a"],"ca":"ca","token":"s3cret"}"#,
        )
        .unwrap();
        assert_eq!(short, config);
    }
}

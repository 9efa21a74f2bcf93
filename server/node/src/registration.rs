//! The Node of this host: what it is, what it has, and that it is alive.

mod address;
mod heartbeat;
mod status;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use client::{Client, PatchType, WriteOptions};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use object::{ApiError, Key};
use planning::{node::Room, resources::Resources};
use serde_json::{Value, json};

use crate::{AgentConfig, Engine, context::PODS_MAX};
pub(crate) use address::find_address;
pub(crate) use heartbeat::keep_lease;
pub(crate) use status::keep_status;

/// What a host keeps for itself.
const MEMORY_RESERVED: i64 = 100 << 20;
const RETRY: Duration = Duration::from_secs(2);

/// The facts about a host that do not change while its agent runs.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) address: std::net::Ipv4Addr,
    pub(crate) disk_bytes: u64,
}

impl Host {
    fn labels(&self, config: &AgentConfig) -> BTreeMap<String, String> {
        let own = [
            ("kubernetes.io/hostname", config.node.as_str()),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", architecture(&self.engine.architecture)),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        config.labels.clone().into_iter().chain(own).collect()
    }

    /// What pods may use together.
    pub(crate) fn room(&self, config: &AgentConfig) -> Room {
        let allocatable = Resources {
            cpu_milli: self.engine.cpus * 1000,
            memory_bytes: (self.engine.memory_bytes - MEMORY_RESERVED).max(0),
            others: [(
                "ephemeral-storage".to_owned(),
                i64::try_from(self.disk_bytes).unwrap_or(i64::MAX),
            )]
            .into(),
        };
        Room { allocatable, pods_max: PODS_MAX, labels: self.labels(config) }
    }
}

/// As Kubernetes names it.
fn architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Makes sure that the Node exists and has its labels. Tries until the API answers.
pub(crate) async fn register(client: &Arc<dyn Client>, config: &AgentConfig, host: &Host) {
    loop {
        match try_register(client, config, host).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "cannot register the node yet"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn try_register(
    client: &Arc<dyn Client>,
    config: &AgentConfig,
    host: &Host,
) -> Result<(), ApiError> {
    let key = Key::new("nodes", "", &config.node);
    let options = WriteOptions::default();
    let labels = host.labels(config);
    let found = match client.get(&key).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => {
            let body = json!({"apiVersion": "v1", "kind": "Node",
                "metadata": {"name": config.node, "labels": labels}});
            match client.create(&key, "", body.to_string().into(), &options).await {
                Err(error) if !error.is_already_exists() => return Err(error),
                _ => client.get(&key).await?,
            }
        }
        Err(error) => return Err(error),
    };
    let node: Node = found.decode()?;
    let there = node.metadata.labels.unwrap_or_default();
    if labels.iter().any(|(name, value)| there.get(name) != Some(value)) {
        let patch = json!({"metadata": {"labels": labels}});
        client.patch(&key, "", PatchType::Merge, patch.to_string().into(), &options).await?;
    }
    Ok(())
}

/// A time as the API keeps it.
fn seconds(time: Timestamp) -> Value {
    json!(Timestamp::from_second(time.as_second()).unwrap_or_default())
}

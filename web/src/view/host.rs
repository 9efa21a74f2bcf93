//! Hosts: the registered engines and the nodes that their agents made.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::Value;

use crate::view::{Health, age::since};

pub(crate) struct HostView {
    pub(crate) name: String,
    pub(crate) docker: String,
    pub(crate) health: Health,
    pub(crate) word: &'static str,
    pub(crate) message: String,
    pub(crate) address: String,
    pub(crate) engine: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) pods: usize,
    pub(crate) age: String,
}

/// Every registered host, and every node that is there without one.
pub(crate) fn hosts(
    hosts: &[Value],
    nodes: &[Node],
    pods: &[Pod],
    now: Timestamp,
) -> Vec<HostView> {
    let mut views: Vec<HostView> =
        hosts.iter().map(|host| of_host(host, nodes, pods, now)).collect();
    for node in nodes {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        if !views.iter().any(|view| view.name == name) {
            views.push(of_node(name, Some(node), pods, now));
        }
    }
    views
}

fn of_host(host: &Value, nodes: &[Node], pods: &[Pod], now: Timestamp) -> HostView {
    let name = host["metadata"]["name"].as_str().unwrap_or_default();
    let node_name = host["status"]["node"].as_str().unwrap_or(name);
    let node = nodes.iter().find(|node| node.metadata.name.as_deref() == Some(node_name));
    let mut view = of_node(name, node, pods, now);
    view.docker = host["spec"]["docker"].as_str().unwrap_or_default().to_owned();
    if node.is_none() {
        view.message = host["status"]["message"].as_str().unwrap_or_default().to_owned();
        if host["status"]["phase"].as_str() == Some("Failed") {
            (view.health, view.word) = (Health::Failing, "Failed");
        }
    }
    view
}

fn of_node(name: &str, node: Option<&Node>, pods: &[Pod], now: Timestamp) -> HostView {
    let status = node.and_then(|node| node.status.as_ref());
    let ready = status
        .and_then(|status| status.conditions.as_ref())
        .and_then(|conditions| conditions.iter().find(|c| c.type_ == "Ready"));
    let (health, word) = match ready.map(|ready| ready.status.as_str()) {
        Some("True") => (Health::Healthy, "Ready"),
        Some(_) => (Health::Failing, "Not ready"),
        None => (Health::Progressing, "Joining"),
    };
    let capacity = |resource: &str| {
        let capacity = status.and_then(|status| status.capacity.as_ref());
        capacity.and_then(|map| map.get(resource)).map_or_else(String::new, |q| q.0.clone())
    };
    let address = status
        .and_then(|status| status.addresses.as_ref())
        .and_then(|addresses| addresses.iter().find(|a| a.type_ == "InternalIP"));
    let here =
        |pod: &&Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(name);
    HostView {
        name: name.to_owned(),
        docker: String::new(),
        health,
        word,
        message: ready
            .filter(|_| health == Health::Failing)
            .and_then(|ready| ready.message.clone())
            .unwrap_or_default(),
        address: address.map_or_else(String::new, |address| address.address.clone()),
        engine: status
            .and_then(|status| status.node_info.as_ref())
            .map_or_else(String::new, |info| info.container_runtime_version.clone()),
        cpu: capacity("cpu"),
        memory: gibibytes(&capacity("memory")),
        pods: pods.iter().filter(here).count(),
        age: since(node.and_then(|node| node.metadata.creation_timestamp.as_ref()), now),
    }
}

/// `24561234Ki` as people say it: `23.4 GiB`.
fn gibibytes(quantity: &str) -> String {
    let Ok(bytes) = quantity.parse::<object::Quantity>() else { return String::new() };
    let tenths = bytes.value() / (1024 * 1024 * 1024 / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

//! Watches over nodes: one whose lease is not renewed is marked, and so are its pods.
//!
//! A lease counts from when this engine saw it change, not from what it says: clocks differ and are
//! set, and after a restart of the server every node gets its time again.

mod marks;
mod zones;

use std::time::Duration;

use jiff::Timestamp;
use object::Key;
use serde_json::{Value, json};

use crate::{Change, Controller, Entry, Plan, Round, World};

pub const CONTROLLER: Controller = Controller {
    name: "node-lifecycle-controller",
    watches: &[NODES, LEASES, PODS],
    keys_for,
    plan,
};

pub(super) const NODES: &str = "nodes";
pub(super) const PODS: &str = "pods";
const LEASES: &str = "leases.coordination.k8s.io";
const LEASE_NAMESPACE: &str = "kube-node-lease";
/// Agents renew every four seconds.
const SILENCE_MAX: Duration = Duration::from_secs(16);

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let node = |name: &str| Key::new(NODES, "", name);
    match &*change.key.kind {
        NODES => {
            let is_ready =
                |node: Option<&std::sync::Arc<Entry>>| node.map(|node| zones::answers(node));
            let mut keys = vec![change.key.clone()];
            if is_ready(change.old.as_ref()) != is_ready(change.new.as_ref()) {
                keys.extend(zones::concerned(world).map(|node| node.key.clone()));
            }
            keys
        }
        LEASES if &*change.key.namespace == LEASE_NAMESPACE => vec![node(&change.key.name)],
        // A pod is of interest while its node does not answer.
        PODS => pods_node(change)
            .filter(|key| {
                let entry = world.entry(key);
                entry.is_some_and(|e| e.node().is_some_and(|node| !node.is_ready))
            })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// The node of a pod that is there.
pub(super) fn pods_node(change: &Change) -> Option<Key> {
    let pod = change.new.as_ref()?.pod()?;
    (!pod.node.is_empty()).then(|| Key::new(NODES, "", &pod.node))
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    if entry.meta.is_deleting() {
        return Plan::default();
    }
    let Some(node) = entry.decode::<kinds::node::Node>() else { return Plan::default() };
    let (memory, silence) = heard(round, entry);
    let is_silent = silence >= SILENCE_MAX;
    let pace = zones::pace(round, entry);
    let (mut actions, wait) = marks::mark_node(round, entry, &node, is_silent, pace);
    if is_silent {
        actions.extend(marks::mark_pods(round, entry));
    }
    let silence_left = (!is_silent).then(|| SILENCE_MAX - silence);
    let requeue_after = silence_left.into_iter().chain(wait).min();
    Plan { actions, requeue_after, memory }
}

/// For how long the node's lease has not changed, as far as this engine saw.
fn heard(round: &Round<'_>, node: &Entry) -> (Value, Duration) {
    let lease = round.world.entry(&Key::new(LEASES, LEASE_NAMESPACE, &node.key.name));
    let at = lease.map_or(0, |lease| lease.revision);
    let since: Option<Timestamp> =
        round.memory["since"].as_str().and_then(|text| text.parse().ok());
    let same = round.memory["lease"].as_u64() == Some(at)
        && round.memory["uid"].as_str() == Some(&*node.meta.uid);
    match since.filter(|_| same) {
        Some(since) => {
            let silence =
                Duration::try_from(round.steady.duration_since(since)).unwrap_or_default();
            (round.memory.clone(), silence)
        }
        None => {
            let memory =
                json!({"uid": &*node.meta.uid, "lease": at, "since": round.steady.to_string()});
            (memory, Duration::ZERO)
        }
    }
}

#[cfg(test)]
mod tests;

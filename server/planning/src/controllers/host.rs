//! Brings a registered host's agent up, keeps it so, and tidies the host when it is removed.

mod status;

use std::time::Duration;

use jiff::Timestamp;
use object::Key;
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World};

pub const CONTROLLER: Controller =
    Controller { name: "host-controller", watches: &[HOSTS, NODES, PODS], keys_for, plan };

const HOSTS: &str = "hosts.longshore.dev";
const NODES: &str = "nodes";
const PODS: &str = "pods";
/// Keeps a removed host until its agent and containers are gone from it.
const FINALIZER: &str = "longshore.dev/agent";
/// After so long without an answer the agent is brought up again.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the pods of a removed host may take to end.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// A host's node has the host's name.
fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind != PODS {
        return vec![Key::new(HOSTS, "", &change.key.name)];
    }
    // Pods matter to a host that waits for its last one.
    let node = change.old.as_ref().and_then(|old| old.pod()).map(|pod| pod.node.clone());
    let host = node.filter(|node| !node.is_empty()).map(|node| Key::new(HOSTS, "", &node));
    let waits = |key: &Key| world.entry(key).is_some_and(|host| host.meta.is_deleting());
    host.filter(waits).into_iter().collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    if entry.meta.is_deleting() {
        return if has_finalizer(entry) { remove(round, entry) } else { Plan::default() };
    }
    if !has_finalizer(entry) {
        let mut finalizers = entry.meta.finalizers.clone();
        finalizers.push(FINALIZER.to_owned());
        return Plan { actions: vec![set_finalizers(entry, &finalizers)], ..Plan::default() };
    }
    let is_ready =
        node_of(round, entry).is_some_and(|node| node.node().is_some_and(|n| n.is_ready));
    let mut plan = Plan { memory: round.memory.clone(), ..Plan::default() };
    let due_in = install_due_in(round, entry, is_ready);
    if due_in == Some(Duration::ZERO) {
        plan.actions.push(Action::InstallAgent { host: value(entry) });
        plan.memory =
            json!({"generation": entry.meta.generation, "installed": round.steady.to_string()});
        // What the effect needs may take a while; look again whether the agent answers.
        plan.requeue_after = Some(SILENCE_MAX);
    } else {
        plan.requeue_after = due_in;
    }
    plan.actions.extend(status::action(round, entry, is_ready));
    plan
}

/// When the agent is to be brought up: now if this engine has not done so for this state of the
/// host or could not, later if it does not answer, never while it does.
fn install_due_in(round: &Round<'_>, host: &Entry, is_ready: bool) -> Option<Duration> {
    let same = round.memory["generation"].as_i64() == Some(host.meta.generation);
    if !same || !round.failures.is_empty() {
        return Some(Duration::ZERO);
    }
    if is_ready {
        return None;
    }
    let installed: Option<Timestamp> =
        round.memory["installed"].as_str().and_then(|text| text.parse().ok());
    let Some(installed) = installed else { return Some(Duration::ZERO) };
    let passed = round.steady.duration_since(installed);
    Some(SILENCE_MAX.saturating_sub(Duration::try_from(passed).unwrap_or_default()))
}

/// Lets the host's pods end, tidies the host, removes its node, lets the host go: in this order,
/// and from the start when one fails.
fn remove(round: &Round<'_>, entry: &Entry) -> Plan {
    let node = node_of(round, entry);
    let pods: Vec<_> = round.world.with_field(PODS, "spec.nodeName", &entry.key.name).collect();
    let since = entry.meta.deletion_timestamp.unwrap_or(round.now);
    let passed = Duration::try_from(round.now.duration_since(since)).unwrap_or_default();
    let left = DRAIN_MAX.saturating_sub(passed);
    if let Some(node) = node.filter(|node| node.node().is_some_and(|node| node.is_ready))
        && !pods.is_empty()
        && !left.is_zero()
    {
        let mut actions: Vec<Action> = cordon(node).into_iter().collect();
        let staying = pods.iter().filter(|pod| !pod.meta.is_deleting());
        actions.extend(staying.map(|pod| delete(pod, None)));
        return Plan { actions, requeue_after: Some(left), ..Plan::default() };
    }
    let mut actions = vec![Action::RemoveAgent { host: value(entry) }];
    actions.extend(pods.iter().map(|pod| delete(pod, Some(0))));
    actions.extend(node.map(|node| delete(node, None)));
    let mut finalizers = entry.meta.finalizers.clone();
    finalizers.retain(|name| name != FINALIZER);
    actions.push(set_finalizers(entry, &finalizers));
    if !round.failures.is_empty() {
        actions.extend(status::action(round, entry, false));
    }
    Plan { actions, ..Plan::default() }
}

/// No new pod comes to a node that is about to go.
fn cordon(node: &Entry) -> Option<Action> {
    if node.field("spec.unschedulable") == "true" {
        return None;
    }
    let patch = json!({
        "metadata": {"uid": node.meta.uid, "resourceVersion": node.revision.to_string()},
        "spec": {"unschedulable": true},
    });
    Some(Action::Patch { key: node.key.clone(), subresource: "", patch })
}

fn delete(entry: &Entry, grace_seconds: Option<i64>) -> Action {
    Action::Delete {
        key: entry.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: Some("Background"),
        grace_seconds,
    }
}

fn has_finalizer(entry: &Entry) -> bool {
    entry.meta.finalizers.iter().any(|name| name == FINALIZER)
}

fn node_of<'w>(round: &Round<'w>, host: &Entry) -> Option<&'w std::sync::Arc<Entry>> {
    round.world.entry(&Key::new(NODES, "", &host.key.name))
}

fn value(entry: &Entry) -> Value {
    let body = object::body::splice(&entry.body, entry.revision);
    serde_json::from_slice(&body).unwrap_or_default()
}

fn set_finalizers(entry: &Entry, finalizers: &[String]) -> Action {
    let patch = json!({"metadata": {
        "uid": entry.meta.uid,
        "resourceVersion": entry.revision.to_string(),
        "finalizers": if finalizers.is_empty() { Value::Null } else { json!(finalizers) },
    }});
    Action::Patch { key: entry.key.clone(), subresource: "", patch }
}

#[cfg(test)]
mod tests;

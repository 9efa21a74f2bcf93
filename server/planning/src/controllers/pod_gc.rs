//! Removes pods that nobody else removes: those of nodes that are gone, and the oldest of too many
//! that have ended.

use std::time::Duration;

use jiff::Timestamp;
use object::Key;
use serde_json::json;

use crate::{Action, Change, Controller, Entry, Plan, Round, World, taints};

pub const CONTROLLER: Controller =
    Controller { name: "pod-garbage-collector", watches: &[PODS, NODES], keys_for, plan };

const PODS: &str = "pods";
const NODES: &str = "nodes";
/// A node that is gone may come back under its name.
const QUARANTINE: Duration = Duration::from_secs(40);
/// So many pods that have ended are kept for people to look at.
const ENDED_MAX: usize = 1000;
/// Which pods have ended, as their phase says.
const ENDED: [&str; 2] = ["Failed", "Succeeded"];

/// Either a node that pods name, or all pods that have ended, which are one key without a name.
fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == NODES {
        let is_lost = change.new.as_ref().is_none_or(|node| is_out_of_service(node));
        return is_lost.then(|| change.key.clone()).into_iter().collect();
    }
    let Some(pod) = change.new.as_ref().and_then(|new| new.pod()) else { return Vec::new() };
    let mut keys = Vec::new();
    if pod.is_finished() {
        keys.push(Key::new(PODS, "", ""));
    }
    let node = Key::new(NODES, "", &pod.node);
    if !pod.node.is_empty() && world.entry(&node).is_none_or(|node| is_out_of_service(node)) {
        keys.push(node);
    }
    keys
}

/// Somebody has said that a node which does not answer is switched off.
fn is_out_of_service(node: &Entry) -> bool {
    node.node().is_some_and(|node| {
        !node.is_ready && node.taints.iter().any(|taint| taint.key == taints::OUT_OF_SERVICE)
    })
}

fn plan(round: &Round<'_>) -> Plan {
    if &*round.key.kind == PODS {
        return Plan { actions: ended(round.world), ..Plan::default() };
    }
    let world = round.world;
    let orphans: Vec<_> = world.with_field(PODS, "spec.nodeName", &round.key.name).collect();
    if world.entry(round.key).is_some_and(|node| is_out_of_service(node)) {
        // Nobody is left to end them; their volumes may go to others.
        let terminating = orphans.into_iter().filter(|pod| {
            pod.meta.is_deleting() && pod.meta.deletion_grace_period_seconds != Some(0)
        });
        let actions = terminating.map(|pod| delete(pod, Some(0))).collect();
        return Plan { actions, ..Plan::default() };
    }
    if world.entry(round.key).is_some() || orphans.is_empty() {
        return Plan::default();
    }
    let since: Option<Timestamp> = round.memory.as_str().and_then(|text| text.parse().ok());
    let since = since.unwrap_or(round.steady);
    let gone_for = Duration::try_from(round.steady.duration_since(since)).unwrap_or_default();
    let left = QUARANTINE.saturating_sub(gone_for);
    let memory = json!(since.to_string());
    if !left.is_zero() {
        return Plan { requeue_after: Some(left), memory, ..Plan::default() };
    }
    let absent = Action::Absent { key: round.key.clone(), uid: None };
    let deletions = orphans.into_iter().map(|pod| delete(pod, Some(0)));
    let actions = std::iter::once(absent).chain(deletions).collect();
    Plan { actions, memory, ..Plan::default() }
}

fn ended(world: &World) -> Vec<Action> {
    let mut all: Vec<_> = ENDED
        .into_iter()
        .flat_map(|phase| world.with_field(PODS, "status.phase", phase))
        .filter(|pod| !pod.meta.is_deleting())
        .collect();
    let surplus = all.len().saturating_sub(ENDED_MAX);
    if surplus == 0 {
        return Vec::new();
    }
    all.sort_by_key(|pod| (pod.meta.creation_timestamp, pod.key.clone()));
    all.into_iter().take(surplus).map(|pod| delete(pod, None)).collect()
}

fn delete(pod: &Entry, grace_seconds: Option<i64>) -> Action {
    Action::Delete {
        key: pod.key.clone(),
        uid: pod.meta.uid.clone(),
        propagation: Some("Background"),
        grace_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn pod(name: &str, phase: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "d"},
            "spec": {"nodeName": "gone", "containers": []}, "status": {"phase": phase}})
    }

    #[test]
    fn pods_of_a_node_that_is_gone_go_after_a_while() {
        let mut lab = Lab::with([pod("a", "Running")]);
        let node = Key::new(NODES, "", "gone");
        let change = lab.edit(&Key::new(PODS, "d", "a"), |pod| pod["x"] = 1.into()).unwrap();
        assert_eq!(keys_for(&change, &lab.world), std::slice::from_ref(&node));
        assert_eq!(lab.plan(&CONTROLLER, &node).to_string(), "again in 40s\n");
        lab.settle(&[CONTROLLER]);
        lab.pass(40);
        assert_eq!(
            lab.plan(&CONTROLLER, &node).to_string(),
            "only if absent nodes/gone\ndelete pods/d/a\n"
        );
        lab.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gone"}}));
        assert!(lab.plan(&CONTROLLER, &node).actions.is_empty());
    }

    #[test]
    fn what_terminates_on_a_node_out_of_service_goes_at_once() {
        let mut leaving = pod("leaving", "Running");
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let mut lab = Lab::with([leaving, pod("staying", "Running")]);
        let node = lab
            .put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gone"},
            "spec": {"taints": [{"key": taints::OUT_OF_SERVICE, "effect": "NoExecute"}]}}));
        let change = lab.edit(&node, |node| node["x"] = 1.into()).unwrap();
        assert_eq!(keys_for(&change, &lab.world), std::slice::from_ref(&node));
        assert_eq!(lab.plan(&CONTROLLER, &node).to_string(), "delete pods/d/leaving\n");
        let ready = json!([{"type": "Ready", "status": "True"}]);
        lab.edit(&node, |node| node["status"]["conditions"] = ready);
        assert!(lab.plan(&CONTROLLER, &node).actions.is_empty(), "it answers again");
    }

    #[test]
    fn the_oldest_of_too_many_ended_pods_go() {
        let mut lab = Lab::new();
        for at in 0..ENDED_MAX + 2 {
            lab.put(pod(&format!("p{at:04}"), ENDED[at % 2]));
            lab.pass(1);
        }
        let plan = lab.plan(&CONTROLLER, &Key::new(PODS, "", "")).to_string();
        assert_eq!(plan, "delete pods/d/p0000\ndelete pods/d/p0001\n");
    }
}

//! Gives every node its range of pod addresses.
//!
//! All nodes are one key: ranges are given one after the other, so that no two nodes get the same.

use std::collections::BTreeSet;

use object::Key;
use serde_json::json;

use crate::{Action, Change, Controller, Event, Plan, Round, Severity, World};

pub const CONTROLLER: Controller =
    Controller { name: "node-ipam-controller", watches: &[NODES], keys_for, plan };

const NODES: &str = "nodes";
/// Pods have 10.42.0.0/16, each node a /24 of it.
const NETWORK: (u8, u8) = (10, 42);
const RANGES_MAX: u16 = 256;

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    let lacks = |entry: &std::sync::Arc<crate::Entry>| {
        entry.node().is_some_and(|node| node.pod_cidr.is_none())
    };
    // A node that leaves gives back a range that another may wait for.
    let concerns = change.new.as_ref().is_none_or(lacks);
    concerns.then(|| Key::new(NODES, "", "")).into_iter().collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let mut taken = BTreeSet::new();
    let mut waiting = Vec::new();
    for entry in round.world.of_kind(NODES) {
        match entry.node().and_then(|node| node.pod_cidr.clone()) {
            Some(cidr) => drop(taken.insert(cidr)),
            None if entry.meta.is_deleting() => {}
            None => waiting.push(entry),
        }
    }
    waiting.sort_by_key(|entry| (entry.meta.creation_timestamp, entry.key.clone()));
    let (first, second) = NETWORK;
    let mut free = (0..RANGES_MAX)
        .map(|number| format!("{first}.{second}.{number}.0/24"))
        .filter(|cidr| !taken.contains(cidr));
    let mut plan = Plan::default();
    for entry in waiting {
        let Some(cidr) = free.next() else {
            // Told once for each node: the count of nodes is noted, and repeated only when it grows.
            let said = round.memory.as_u64().unwrap_or(0);
            let nodes = u64::try_from(taken.len()).unwrap_or(u64::MAX);
            if said < nodes {
                plan.actions.push(exhausted(entry));
            }
            plan.memory = json!(nodes);
            continue;
        };
        plan.actions.push(Action::Patch {
            key: entry.key.clone(),
            subresource: "",
            patch: json!({
                "metadata": {"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string()},
                "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
            }),
        });
    }
    plan
}

fn exhausted(node: &crate::Entry) -> Action {
    let (first, second) = NETWORK;
    Action::Record(Event {
        regarding: node.key.clone(),
        regarding_uid: node.meta.uid.clone(),
        severity: Severity::Warning,
        reason: "CIDRNotAvailable",
        message: format!(
            "all {RANGES_MAX} ranges of {first}.{second}.0.0/16 belong to nodes: remove a node that is not needed"
        ),
        source: CONTROLLER.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn node(name: &str, cidr: Option<&str>) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"podCIDR": cidr}})
    }

    fn cidr(lab: &Lab, name: &str) -> Option<String> {
        lab.world.entry(&Key::new(NODES, "", name)).unwrap().node().unwrap().pod_cidr.clone()
    }

    #[test]
    fn gives_the_first_that_is_free() {
        let mut lab =
            Lab::with([node("a", Some("10.42.0.0/24")), node("b", None), node("c", None)]);
        lab.settle(&[CONTROLLER]);
        assert_eq!(cidr(&lab, "b").unwrap(), "10.42.1.0/24");
        assert_eq!(cidr(&lab, "c").unwrap(), "10.42.2.0/24");
        lab.remove(&Key::new(NODES, "", "b"));
        lab.put(node("d", None));
        lab.settle(&[CONTROLLER]);
        assert_eq!(cidr(&lab, "d").unwrap(), "10.42.1.0/24");
    }

    #[test]
    fn a_node_too_many_is_told_so() {
        let all = (0..256).map(|at| node(&format!("n{at}"), Some(&format!("10.42.{at}.0/24"))));
        let mut lab = Lab::with(all);
        lab.put(node("last", None));
        let plan = lab.plan(&CONTROLLER, &Key::new(NODES, "", "")).to_string();
        assert!(plan.starts_with("record nodes/last CIDRNotAvailable: all 256"), "{plan}");
    }
}

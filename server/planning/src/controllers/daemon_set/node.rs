//! Whether a pod of a DaemonSet suits a node.

use k8s_openapi::api::core::v1::{PodSpec, Toleration};

use crate::{Change, Entry, scheduler, taints};

/// Taints that the node's own agent or lifecycle sets: pods of DaemonSets bear them.
const TOLERATED: [(&str, &str); 6] = [
    (taints::NOT_READY, taints::NO_EXECUTE),
    (taints::UNREACHABLE, taints::NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", taints::NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", taints::NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", taints::NO_SCHEDULE),
    (taints::UNSCHEDULABLE, taints::NO_SCHEDULE),
];
/// Only pods on the host's network do without a network.
const NO_NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", taints::NO_SCHEDULE);

/// Adds what pods of DaemonSets tolerate.
pub(super) fn add_tolerations(spec: &mut PodSpec) {
    let network = Some(NO_NETWORK).filter(|_| spec.host_network == Some(true));
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().chain(network) {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
}

/// Whether a pod should be made on a node, and whether one that is there may stay.
pub(super) fn verdict(spec: &PodSpec, node: &Entry) -> (bool, bool) {
    let wanted = spec.node_name.as_deref().unwrap_or_default();
    let is_named = wanted.is_empty() || *wanted == *node.key.name;
    if !is_named || !scheduler::is_selected(spec, &node.key.name, &node.meta.labels) {
        return (false, false);
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let untolerated = |effect: &str| {
        let taints = node.node().map_or(&[][..], |node| &node.taints);
        taints.iter().any(|t| t.effect == effect && taints::tolerated_by(t, tolerations).is_none())
    };
    let may_stay = !untolerated(taints::NO_EXECUTE);
    (may_stay && !untolerated(taints::NO_SCHEDULE), may_stay)
}

/// Whether a change of a node leaves every verdict as it was.
pub(super) fn suits_the_same(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return false };
    let taints = |entry: &Entry| entry.node().map(|node| node.taints.clone());
    old.meta.labels == new.meta.labels && taints(old) == taints(new)
}

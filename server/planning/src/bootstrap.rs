//! The objects that every cluster starts with.

use serde_json::{Value, json};

use crate::{access, storage};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What is created at a start where it is not there yet, in this order.
pub fn objects() -> Vec<Value> {
    let namespaces = NAMESPACES
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let classes = kinds::priority_class::SYSTEM.map(|(name, value)| {
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name}, "value": value,
            "description": "Used for system critical pods that must run in the cluster, before all others."})
    });
    let storage = std::iter::once(storage::local_class());
    namespaces
        .into_iter()
        .chain(classes)
        .chain(storage)
        .chain(access::bootstrap().into_iter().map(|(_, role)| role))
        .collect()
}

//! The objects that every cluster starts with.

use serde_json::{Value, json};

use crate::{access, fairness, storage};

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
        .chain(fairness::objects())
        .chain(access::bootstrap().into_iter().map(|(_, role)| role))
        .collect()
}

/// What is to be written of an object that is there already, if anything: what its users made of it
/// stays, unless it is marked as ours to keep up to date.
pub fn renewed(stored: &Value, ours: Value) -> Option<Value> {
    /// Kubernetes' mark on the roles that a new version may complete.
    const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
    if ours["apiVersion"] == "flowcontrol.apiserver.k8s.io/v1" {
        return fairness::renewed(stored, ours);
    }
    let is_kept_up = stored["metadata"]["annotations"][AUTOUPDATE] == "true";
    is_kept_up.then(|| access::completed(stored, ours)).flatten()
}

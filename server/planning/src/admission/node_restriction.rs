//! What the agent of a node may write into the objects that it may write at all: its own node
//! under its own name, no taints, none of the labels by which others are kept off.

use std::collections::BTreeMap;

use kinds::{AnyObject, cast, node::Node};
use object::ApiError;

use super::{Request, name_of};
use crate::World;

const LEASES: &str = "leases.coordination.k8s.io";
/// Labels of Kubernetes' own groups that agents set on their node.
const OWN_LABELS: [&str; 6] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];
const OWN_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

pub(super) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    let Some(own) = request.user.node_name() else { return Ok(()) };
    let name = name_of(object);
    if &*request.def.name == LEASES && name != own {
        let why = "can only access leases with the same name as the requesting node";
        return Err(request.forbid(object, why));
    }
    let Some(node) = cast::<Node>(object) else { return Ok(()) };
    let refuse = |what: String| {
        Err(request.forbid(object, format!("node {own:?} is not allowed to {what}")))
    };
    if name != own {
        return refuse(format!("modify node {name:?}"));
    }
    let old = request.old.and_then(cast::<Node>);
    let taints = |node: &k8s_openapi::api::core::v1::Node| {
        node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default()
    };
    if old.is_some_and(|old| taints(old) != taints(node)) {
        return refuse("modify taints".to_owned());
    }
    let none = BTreeMap::new();
    let new_labels = node.metadata.labels.as_ref().unwrap_or(&none);
    let old_labels = old.and_then(|old| old.metadata.labels.as_ref()).unwrap_or(&none);
    let changed = new_labels
        .keys()
        .chain(old_labels.keys())
        .filter(|key| new_labels.get(*key) != old_labels.get(*key) && is_restricted(key));
    let mut changed: Vec<&str> = changed.map(String::as_str).collect();
    changed.sort_unstable();
    changed.dedup();
    match (changed.is_empty(), old.is_some()) {
        (true, _) => Ok(()),
        (false, true) => refuse(format!("modify labels: {}", changed.join(", "))),
        (false, false) => refuse(format!("set the following labels: {}", changed.join(", "))),
    }
}

/// Whether a label is of Kubernetes' own groups and none of those that agents set.
fn is_restricted(label: &str) -> bool {
    let Some((prefix, _)) = label.split_once('/') else { return false };
    let within = |domain: &str| {
        prefix.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let own = OWN_LABELS.contains(&label) || OWN_PREFIXES.iter().any(|own| within(own));
    (within("kubernetes.io") || within("k8s.io")) && !own
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        access::User,
        admission::{admit, testing::Bench},
    };

    #[test]
    fn agents_write_their_own_node_only() {
        let bench = Bench::new();
        let agent = User::node("one");
        let write = |old: Option<Value>, new: Value| {
            let old = old.map(|old| bench.object("nodes", old));
            let request = Request { user: &agent, old: old.as_deref(), ..bench.request("nodes") };
            let mut node = bench.object("nodes", new);
            admit(&request, &mut *node, &bench.world).map_err(|error| error.message)
        };
        let node = |name: &str, labels: Value, taints: Value| json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}});
        let plain =
            || node("one", json!({"kubernetes.io/hostname": "one", "mine": "x"}), json!([]));
        assert_eq!(write(None, plain()), Ok(()));
        assert_eq!(write(Some(plain()), plain()), Ok(()));
        let refusal = |what: &str, name: &str| {
            Err(format!("nodes {name:?} is forbidden: node \"one\" is not allowed to {what}"))
        };
        assert_eq!(
            write(None, node("two", json!({}), json!([]))),
            refusal("modify node \"two\"", "two")
        );
        let role = node("one", json!({"node-role.kubernetes.io/master": ""}), json!([]));
        assert_eq!(
            write(None, role.clone()),
            refusal("set the following labels: node-role.kubernetes.io/master", "one")
        );
        assert_eq!(
            write(Some(role), node("one", json!({}), json!([]))),
            refusal("modify labels: node-role.kubernetes.io/master", "one")
        );
        let tainted = node("one", json!({}), json!([{"key": "a", "effect": "NoSchedule"}]));
        assert_eq!(write(None, tainted.clone()), Ok(()));
        assert_eq!(
            write(Some(tainted), node("one", json!({}), json!([]))),
            refusal("modify taints", "one")
        );
    }
}

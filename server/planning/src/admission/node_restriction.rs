//! What the agent of a node may write into the objects that it may write at all: its own node
//! under its own name, no taints, none of the labels by which others are kept off.

use std::collections::BTreeMap;

use kinds::{AnyObject, cast, node::Node};
use object::{ApiError, Key};
use serde_json::Value;

use super::{Request, name_of};
use crate::World;

const ACCOUNTS: &str = "serviceaccounts";
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

/// An agent gets tokens for its own pods only: each is bound to one, and ends with it.
pub(super) fn check_token(
    request: &Request<'_>,
    account: &Key,
    posted: &Value,
) -> Result<(), ApiError> {
    let Some(own) = request.user.node_name() else { return Ok(()) };
    if &*account.kind != ACCOUNTS || request.subresource != "token" {
        return Ok(());
    }
    let reference = &posted["spec"]["boundObjectRef"];
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (namespace, pod) = (&account.namespace, text("name"));
    let why = if text("kind") != "Pod" || pod.is_empty() {
        "node requested token not bound to a pod"
    } else if text("uid").is_empty() {
        "node requested token with a pod binding without a uid"
    } else if request.access.node_of(namespace, pod) != Some(own) {
        "node requested token bound to a pod scheduled on a different node"
    } else if !request.access.runs_as(namespace, pod, &account.name) {
        "node requested token bound to a pod that runs as another service account"
    } else {
        return Ok(());
    };
    Err(ApiError::forbidden(&account.kind, &account.name, why))
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
    use serde_json::json;

    use super::*;
    use crate::{
        access::User,
        admission::{admit, check_post, testing::Bench},
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

    #[test]
    fn agents_get_tokens_of_their_own_pods_only() {
        let pod = |name: &str, node: &str| {
            json!({"metadata": {"name": name, "namespace": "d"},
                "spec": {"nodeName": node, "serviceAccountName": "bot"}})
        };
        let bench = Bench::new().with("pods", pod("a", "one")).with("pods", pod("b", "two"));
        let agent = User::node("one");
        let request =
            Request { user: &agent, subresource: "token", ..bench.request("serviceaccounts") };
        let ask = |account: &str, reference: Value| {
            let posted = json!({"spec": {"boundObjectRef": reference}});
            let key = Key::new("serviceaccounts", "d", account);
            check_post(&request, &key, &posted).map_err(|error| error.message)
        };
        let bound = |pod: &str| json!({"kind": "Pod", "name": pod, "uid": "u"});
        assert_eq!(ask("bot", bound("a")), Ok(()));
        for (account, reference, why) in [
            ("bot", json!(null), "not bound to a pod"),
            ("bot", json!({"kind": "Pod", "name": "a"}), "with a pod binding without a uid"),
            ("bot", bound("b"), "bound to a pod scheduled on a different node"),
            ("root", bound("a"), "bound to a pod that runs as another service account"),
        ] {
            let message =
                format!("serviceaccounts {account:?} is forbidden: node requested token {why}");
            assert_eq!(ask(account, reference), Err(message));
        }
    }
}

//! What the agent of a node may write into the objects that it may write at all: its own node
//! under its own name, no taints, none of the labels by which others are kept off; of its pods their
//! status; and pods that show what it runs by itself, which must refer to nothing.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kinds::{AnyObject, cast, node::Node, pod::Pod};
use object::{ApiError, Key};
use serde_json::Value;

use super::{Request, mirror_pod, name_of};
use crate::World;

const ACCOUNTS: &str = "serviceaccounts";
const CLAIMS: &str = "persistentvolumeclaims";
const CSI_NODES: &str = "csinodes.storage.k8s.io";
const LEASES: &str = "leases.coordination.k8s.io";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Labels of Kubernetes' own groups that agents set on their node.
const OWN_LABELS: [&str; 11] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];
const OWN_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Whether a pod only shows what a node runs by itself.
pub(super) fn is_mirror(pod: &ObjectMeta) -> bool {
    pod.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR))
}

pub(super) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    let Some(own) = request.user.node_name() else { return Ok(()) };
    let refuse = |why: String| Err(request.forbid(object, why));
    match &*request.def.name {
        LEASES if name_of(object) != own => {
            refuse("can only access node lease with the same name as the requesting node".into())
        }
        CSI_NODES if name_of(object) != own => {
            refuse("can only access CSINode with the same name as the requesting node".into())
        }
        CLAIMS => check_claim(request, own, object),
        _ if cast::<Node>(object).is_some() => check_node(request, own, object),
        _ => match (cast::<Pod>(object), request.subresource) {
            (Some(pod), "" | "status") => check_pod(request, own, pod, world).or_else(refuse),
            (Some(_), other) => refuse(format!(
                "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
            )),
            (None, _) => Ok(()),
        },
    }
}

fn check_pod(request: &Request<'_>, own: &str, pod: &v1::Pod, world: &World) -> Result<(), String> {
    let node_of = |pod: &v1::Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    match (request.old.and_then(cast::<Pod>), request.subresource) {
        (None, _) if !is_mirror(&pod.metadata) => Err(format!(
            "pod does not have {MIRROR:?} annotation, node {own:?} can only create mirror pods"
        )),
        (None, _) if node_of(pod).as_deref() != Some(own) => {
            Err(format!("node {own:?} can only create pods with spec.nodeName set to itself"))
        }
        (None, _) => mirror_pod::check(own, pod, world),
        (Some(_), "") => Err(format!(
            "unexpected operation \"UPDATE\", node {own:?} can only create and delete mirror pods"
        )),
        (Some(old), _) if node_of(old).as_deref() != Some(own) => Err(format!(
            "node {own:?} can only update pod status for pods with spec.nodeName set to itself"
        )),
        (Some(old), _) if old.metadata.labels != pod.metadata.labels => {
            Err(format!("node {own:?} cannot update labels through pod status"))
        }
        (Some(old), _) if claims_of(old) != claims_of(pod) => {
            Err(format!("node {own:?} cannot update resource claim statues"))
        }
        (Some(_), _) => Ok(()),
    }
}

fn claims_of(pod: &v1::Pod) -> &[v1::PodResourceClaimStatus] {
    let status = pod.status.as_ref();
    status.and_then(|status| status.resource_claim_statuses.as_deref()).unwrap_or_default()
}

/// Of a claim, a node tells the size that its volume has got.
fn check_claim(request: &Request<'_>, own: &str, object: &dyn AnyObject) -> Result<(), ApiError> {
    let Some(old) = request.old.filter(|_| request.subresource == "status") else {
        return Err(request.forbid(object, "may only update PVC status"));
    };
    let fixed = |object: &dyn AnyObject| {
        let mut value = object.to_value();
        for field in ["resourceVersion", "managedFields"] {
            value["metadata"][field] = Value::Null;
        }
        for field in ["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"] {
            value["status"][field] = Value::Null;
        }
        value
    };
    if fixed(old) == fixed(object) {
        return Ok(());
    }
    let why = format!(
        "node {own:?} is not allowed to update fields other than status.capacity and status.conditions"
    );
    Err(request.forbid(object, why))
}

fn check_node(request: &Request<'_>, own: &str, object: &dyn AnyObject) -> Result<(), ApiError> {
    let refuse = |what: String| {
        Err(request.forbid(object, format!("node {own:?} is not allowed to {what}")))
    };
    let name = name_of(object);
    if name != own {
        return refuse(format!("modify node {name:?}"));
    }
    let Some(node) = cast::<Node>(object) else { return Ok(()) };
    let old = request.old.and_then(cast::<Node>);
    let taints = |node: &v1::Node| {
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
        (false, true) => {
            let why = format!("is not allowed to modify labels: {}", changed.join(", "));
            Err(request.forbid(object, why))
        }
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
    let is_pod = text("apiVersion") == "v1" && text("kind") == "Pod" && !pod.is_empty();
    let why = if !is_pod {
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
            Err("nodes \"one\" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/master".to_owned())
        );
        let fenced = node("one", json!({"fence.node-restriction.kubernetes.io/x": ""}), json!([]));
        assert!(write(None, fenced).is_err(), "labels by which others keep pods off a node");
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
        let bound = |pod: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": "u"});
        assert_eq!(ask("bot", bound("a")), Ok(()));
        for (account, reference, why) in [
            ("bot", json!(null), "not bound to a pod"),
            (
                "bot",
                json!({"apiVersion": "v1", "kind": "Pod", "name": "a"}),
                "with a pod binding without a uid",
            ),
            (
                "bot",
                json!({"apiVersion": "v1", "kind": "Node", "name": "one"}),
                "not bound to a pod",
            ),
            ("bot", bound("b"), "bound to a pod scheduled on a different node"),
            ("root", bound("a"), "bound to a pod that runs as another service account"),
        ] {
            let message =
                format!("serviceaccounts {account:?} is forbidden: node requested token {why}");
            assert_eq!(ask(account, reference), Err(message));
        }
    }

    #[test]
    fn agents_change_of_pods_their_status_alone() {
        let pod = |node: &str, labels: Value| {
            json!({"metadata": {"name": "a", "namespace": "d", "labels": labels},
                "spec": {"nodeName": node, "containers": []}})
        };
        let bench = Bench::new();
        let agent = User::node("one");
        let write = |subresource: &'static str, old: Value, new: Value| {
            let old = bench.object("pods", old);
            let request =
                Request { user: &agent, subresource, old: Some(&*old), ..bench.request("pods") };
            let mut pod = bench.object("pods", new);
            admit(&request, &mut *pod, &bench.world).map_err(|error| error.message)
        };
        let own = || pod("one", json!({}));
        assert_eq!(write("status", own(), own()), Ok(()));
        for (subresource, old, new, why) in [
            ("status", pod("two", json!({})), pod("two", json!({})), "spec.nodeName set to itself"),
            ("status", own(), pod("one", json!({"a": "b"})), "cannot update labels through"),
            ("", own(), own(), "unexpected operation \"UPDATE\""),
            ("ephemeralcontainers", own(), own(), "only 'status' and 'eviction' are allowed"),
        ] {
            let error = write(subresource, old, new).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}

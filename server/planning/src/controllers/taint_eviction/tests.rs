//! Who has to leave a tainted node, and when.

use super::*;
use crate::testing::Lab;

fn node(name: &str, ready: &str, taints: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": ready}]}})
}

fn unreachable() -> Value {
    json!([{"key": taints::UNREACHABLE, "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}])
}

fn pod(name: &str, tolerations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "d"},
        "spec": {"nodeName": "one", "containers": [], "tolerations": tolerations}})
}

fn key() -> Key {
    Key::new(NODES, "", "one")
}

fn shown(lab: &Lab) -> String {
    lab.plan(&CONTROLLER, &key()).to_string()
}

#[test]
fn pods_leave_after_the_time_that_they_tolerate() {
    let patient =
        json!([{"key": taints::UNREACHABLE, "operator": "Exists", "tolerationSeconds": 45}]);
    let stoic = json!([{"operator": "Exists"}]);
    let mut lab = Lab::with([
        node("one", "Unknown", unreachable()),
        node("two", "True", json!([])),
        pod("plain", json!([])),
        pod("patient", patient),
        pod("stoic", stoic),
    ]);
    assert_eq!(shown(&lab), "again in 30s\n");
    lab.pass(30);
    assert_eq!(
        shown(&lab),
        "record pods/d/plain TaintManagerEviction: Marking for deletion Pod d/plain\n\
         delete pods/d/plain\nagain in 15s\n"
    );
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.world.of_kind(PODS).count(), 2, "by force, as nobody is there to end it");
    lab.pass(15);
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.world.of_kind(PODS).map(|pod| &*pod.key.name).collect::<Vec<_>>(), ["stoic"]);
    assert_eq!(shown(&lab), "");
}

#[test]
fn a_node_that_answers_ends_its_pods_itself() {
    let taint = json!([{"key": taints::NOT_READY, "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}]);
    let mut lab = Lab::with([
        node("one", "False", taint),
        node("two", "True", json!([])),
        pod("a", json!([])),
    ]);
    lab.pass(90);
    lab.settle(&[CONTROLLER]);
    assert!(lab.world.entry(&Key::new(PODS, "d", "a")).unwrap().meta.is_deleting());
}

#[test]
fn peoples_taints_count_from_when_they_were_seen() {
    let taint = json!([{"key": "mine", "effect": "NoExecute"}]);
    let patient = json!([{"key": "mine", "operator": "Exists", "tolerationSeconds": 20}]);
    let mut lab = Lab::with([node("one", "True", taint), pod("a", patient), pod("b", json!([]))]);
    assert!(shown(&lab).contains("delete pods/d/b\nagain in 20s\n"), "{}", shown(&lab));
    lab.settle(&[CONTROLLER]);
    lab.pass(20);
    assert!(shown(&lab).contains("delete pods/d/a\n"));
}

#[test]
fn nothing_is_evicted_while_no_node_is_ready() {
    let mut lab = Lab::with([node("one", "Unknown", unreachable()), pod("a", json!([]))]);
    lab.pass(300);
    assert_eq!(shown(&lab), "");
    let two = lab.put(node("two", "Unknown", json!([])));
    let change = lab.edit(&two, |node| node["status"]["conditions"][0]["status"] = "True".into());
    assert_eq!(keys_for(&change.unwrap(), &lab.world), [key(), two]);
    assert!(shown(&lab).contains("delete pods/d/a"));
}

#[test]
fn a_pod_of_a_stateful_set_is_never_forced() {
    let mut numbered = pod("db-0", json!([]));
    numbered["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1",
        "kind": "StatefulSet", "name": "db", "uid": "set", "controller": true}]);
    let mut given_up = pod("db-1", json!([]));
    given_up["metadata"]["labels"] = json!({"statefulset.kubernetes.io/pod-name": "db-1"});
    let mut lab = Lab::with([
        node("one", "Unknown", unreachable()),
        node("two", "True", json!([])),
        numbered,
        given_up,
    ]);
    lab.pass(300);
    lab.settle(&[CONTROLLER]);
    for name in ["db-0", "db-1"] {
        let pod = lab.world.entry(&Key::new(PODS, "d", name)).expect("it stays");
        assert!(pod.meta.is_deleting());
    }
}

#[test]
fn a_clock_that_was_set_back_holds_nobody() {
    let mut lab = Lab::with([
        node("one", "Unknown", unreachable()),
        node("two", "True", json!([])),
        pod("a", json!([])),
    ]);
    lab.set_clock(-7200);
    let plan = lab.plan(&CONTROLLER, &key());
    assert_eq!(plan.to_string(), "again in 30s\n");
    lab.settle(&[CONTROLLER]);
    lab.pass(30);
    assert!(shown(&lab).contains("delete pods/d/a"), "{}", shown(&lab));
}

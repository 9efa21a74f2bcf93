//! Nodes that fall silent and come back.

use super::*;
use crate::testing::Lab;

fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one", "uid": "node"},
        "spec": {"taints": [{"key": "own", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn lease(at: &str) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "one", "namespace": LEASE_NAMESPACE}, "spec": {"renewTime": at}})
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "d"},
        "spec": {"nodeName": "one", "containers": []}, "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}})
}

fn key() -> Key {
    Key::new(NODES, "", "one")
}

fn shown(lab: &Lab) -> String {
    lab.plan(&CONTROLLER, &key()).to_string()
}

#[test]
fn a_renewed_lease_gives_time() {
    let mut lab = Lab::with([node(), lease("2026-01-01T00:00:00.000000Z")]);
    lab.settle(&[CONTROLLER]);
    assert_eq!(shown(&lab), "again in 16s\n");
    lab.pass(10);
    assert_eq!(shown(&lab), "again in 6s\n");
    let lease = lab.put(lease("2026-01-01T00:00:10.000000Z"));
    let change = lab.edit(&lease, |_| ()).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()]);
    lab.settle(&[CONTROLLER]);
    assert_eq!(shown(&lab), "again in 16s\n");
}

#[test]
fn a_silent_node_and_its_pods_are_marked() {
    let mut lab = Lab::with([node(), lease("2026-01-01T00:00:00.000000Z"), pod()]);
    lab.settle(&[CONTROLLER]);
    lab.pass(16);
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = plan.to_string();
    assert!(shown.contains("record nodes/one NodeNotReady: Node one status is now: NodeNotReady"));
    lab.settle(&[CONTROLLER]);
    let node = lab.value(&key());
    let taints: Vec<String> = node["spec"]["taints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|taint| {
            format!("{}:{}", taint["key"].as_str().unwrap(), taint["effect"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        taints,
        [
            "own:NoSchedule",
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute"
        ]
    );
    let ready = &node["status"]["conditions"][0];
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("Unknown"), &json!("NodeStatusUnknown"))
    );
    let pod = lab.value(&Key::new(PODS, "d", "a"));
    assert_eq!(pod["status"]["conditions"][0]["status"], "False");
    assert_eq!(pod["status"]["conditions"][1]["status"], "True", "others' conditions stay");
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "", "it waits for the node");
}

#[test]
fn a_node_that_is_back_loses_its_taints() {
    let mut lab = Lab::with([node(), lease("2026-01-01T00:00:00.000000Z")]);
    lab.settle(&[CONTROLLER]);
    lab.pass(20);
    lab.settle(&[CONTROLLER]);
    lab.put(lease("2026-01-01T00:00:20.000000Z"));
    lab.edit(&key(), |node| node["status"]["conditions"][0]["status"] = "True".into());
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.value(&key())["spec"]["taints"].as_array().unwrap().len(), 1);
}

#[test]
fn a_node_that_says_it_is_not_ready_is_tainted_so() {
    let mut lab = Lab::with([node()]);
    lab.edit(&key(), |node| node["status"]["conditions"][0]["status"] = "False".into());
    lab.settle(&[CONTROLLER]);
    let taints = lab.value(&key())["spec"]["taints"].to_string();
    assert!(taints.contains("node.kubernetes.io/not-ready"), "{taints}");
}

#[test]
fn after_a_restart_every_node_gets_its_time_again() {
    let mut lab = Lab::with([node(), lease("2026-01-01T00:00:00.000000Z")]);
    lab.pass(3600);
    assert_eq!(shown(&lab), "again in 16s\n", "nothing was noted before");
}

#[test]
fn a_clock_that_is_set_silences_no_node() {
    let mut lab = Lab::with([node(), lease("2026-01-01T00:00:00.000000Z")]);
    lab.settle(&[CONTROLLER]);
    for seconds in [3600, -7200] {
        lab.set_clock(seconds);
        assert_eq!(shown(&lab), "again in 16s\n");
    }
}

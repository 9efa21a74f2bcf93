//! Nodes that fall silent and come back.

use super::*;
use crate::testing::Lab;

fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one", "uid": "node"},
        "spec": {"taints": [{"key": "own", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

/// One that answers, so that the fault is not here.
fn other() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "two", "uid": "other"},
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
    let mut lab = Lab::with([node(), other(), lease("2026-01-01T00:00:00.000000Z"), pod()]);
    lab.settle(&[CONTROLLER]);
    lab.pass(16);
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = plan.to_string();
    assert!(shown.contains("record nodes/one NodeNotReady: Node one status is now: NodeNotReady"));
    lab.apply(&plan);
    let plan = lab.plan(&CONTROLLER, &key());
    lab.apply(&plan);
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

fn zone(sizes: &[(&str, usize)]) -> Lab {
    let mut lab = Lab::new();
    for (zone, size) in sizes {
        for at in 0..*size {
            let labels = json!({"topology.kubernetes.io/zone": zone});
            lab.put(json!({"apiVersion": "v1", "kind": "Node",
                "metadata": {"name": format!("{zone}-{at:02}"), "labels": labels},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        }
    }
    lab
}

fn fail(lab: &mut Lab, name: &str) {
    let key = Key::new(NODES, "", name);
    lab.edit(&key, |node| node["status"]["conditions"][0]["status"] = "False".into());
}

/// The nodes whose pods are told to go.
fn given_up(lab: &Lab) -> Vec<String> {
    let all = lab.world.of_kind(NODES);
    let is_evicted = |node: &&std::sync::Arc<Entry>| {
        node.node().is_some_and(|node| node.taints.iter().any(|t| t.effect == "NoExecute"))
    };
    all.filter(is_evicted).map(|node| node.key.name.to_string()).collect()
}

/// Lets time pass in which every node is looked at each second.
fn live(lab: &mut Lab, seconds: i64) {
    for _ in 0..seconds {
        lab.pass(1);
        for node in lab.world.clone().of_kind(NODES).filter(|node| !zones::answers(node)) {
            let plan = lab.plan(&CONTROLLER, &node.key);
            lab.apply(&plan);
        }
    }
}

#[test]
fn nodes_of_a_zone_are_given_up_one_after_the_other() {
    let mut lab = zone(&[("a", 5), ("b", 2)]);
    for name in ["a-00", "a-01", "b-00"] {
        fail(&mut lab, name);
    }
    live(&mut lab, 5);
    assert_eq!(given_up(&lab), ["a-00", "b-00"], "each zone by itself");
    live(&mut lab, 10);
    assert_eq!(given_up(&lab), ["a-00", "a-01", "b-00"]);
}

#[test]
fn a_small_zone_that_is_disrupted_gives_up_no_more() {
    let mut lab = zone(&[("a", 5), ("b", 1)]);
    fail(&mut lab, "a-00");
    live(&mut lab, 5);
    for name in ["a-01", "a-02"] {
        fail(&mut lab, name);
    }
    live(&mut lab, 300);
    assert_eq!(given_up(&lab), ["a-00"], "three of five");
    for name in ["a-03", "a-04"] {
        fail(&mut lab, name);
    }
    live(&mut lab, 60);
    assert_eq!(given_up(&lab).len(), 5, "all of a zone, and others answer: the zone is lost");
}

#[test]
fn a_large_zone_that_is_disrupted_gives_up_slowly() {
    let mut lab = zone(&[("a", 60)]);
    for at in 0..40 {
        fail(&mut lab, &format!("a-{at:02}"));
    }
    live(&mut lab, 150);
    assert_eq!(given_up(&lab), ["a-00", "a-01"], "one in a hundred seconds");
}

#[test]
fn once_no_node_answers_what_was_told_is_taken_back() {
    let mut lab = zone(&[("a", 2)]);
    fail(&mut lab, "a-00");
    live(&mut lab, 5);
    assert_eq!(given_up(&lab), ["a-00"]);
    fail(&mut lab, "a-01");
    live(&mut lab, 5);
    assert!(given_up(&lab).is_empty());
    let key = Key::new(NODES, "", "a-01");
    let ready = |node: &mut Value| node["status"]["conditions"][0]["status"] = "True".into();
    let change = lab.edit(&key, ready).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key, Key::new(NODES, "", "a-00")]);
    live(&mut lab, 5);
    assert_eq!(given_up(&lab), ["a-00"]);
}

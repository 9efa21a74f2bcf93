//! Decisions, shown as text, and what must hold of any sequence of them.

use serde_json::{Value, json};

use super::*;
use crate::{Action, testing::Lab};

mod groups;
mod hints;
mod peers;
mod preemption;
mod properties;

fn node(name: &str, cpu: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"zone": name,
            "kubernetes.io/hostname": name}},
        "spec": {}, "status": {"allocatable": {"cpu": cpu, "memory": "4Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(name: &str, spec: Value) -> Value {
    let mut full = json!({"containers": [{"name": "c"}]});
    object::patch::merge::apply(&mut full, spec);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "d",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "o",
            "uid": "owner", "controller": true}]},
        "spec": full})
}

fn asking(name: &str, cpu: &str) -> Value {
    pod(name, json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}))
}

struct Bench {
    lab: Lab,
    scheduler: Scheduler,
    seconds: u64,
}

impl Bench {
    fn new(objects: impl IntoIterator<Item = Value>) -> Self {
        let mut bench = Self { lab: Lab::new(), scheduler: Scheduler::default(), seconds: 0 };
        objects.into_iter().for_each(|object| drop(bench.put(object)));
        bench
    }

    fn put(&mut self, object: Value) -> Key {
        let before = self.lab.world.clone();
        let key = self.lab.put(object);
        let old = before.entry(&key).cloned();
        let new = self.lab.world.entry(&key).cloned();
        self.scheduler.apply(&Change { key: key.clone(), old, new });
        key
    }

    fn edit(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        let change = self.lab.edit(key, change).unwrap();
        self.scheduler.apply(&change);
    }

    fn remove(&mut self, key: &Key) {
        let change = self.lab.remove(key).unwrap();
        self.scheduler.apply(&change);
    }

    /// The world shows an assumed pod where it was put.
    fn show(&mut self, key: &Key) {
        let cluster = &self.scheduler.cluster;
        let node = cluster.find_pod(key).and_then(|pod| cluster.pods[pod].place.node());
        let name = cluster.nodes[node.unwrap()].name.to_string();
        self.edit(key, |pod| pod["spec"]["nodeName"] = name.into());
    }

    fn is_assumed(&self, key: &Key) -> bool {
        let cluster = &self.scheduler.cluster;
        let place = cluster.find_pod(key).map(|pod| cluster.pods[pod].place);
        matches!(place, Some(Place::Assumed(_)))
    }

    fn cpu_taken(&self, node: &str) -> i64 {
        let cluster = &self.scheduler.cluster;
        cluster.find_node(node).map_or(0, |node| cluster.nodes[node].requested.cpu_milli)
    }

    /// Decides about everything that waits; one line each, without what is said of preemption.
    fn decide(&mut self) -> Vec<String> {
        let lines = self.decide_in_full().into_iter();
        lines.map(|line| line.split(" preemption: ").next().unwrap().to_owned()).collect()
    }

    fn decide_in_full(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.scheduler.next(Duration::from_secs(self.seconds)))
            .map(|decision| {
                let name = &decision.pod.key.name;
                let room = decision.preemption.map(|preemption| {
                    let names: Vec<&str> =
                        preemption.victims.iter().map(|victim| &*victim.key.name).collect();
                    format!(" for it on {}: {}", preemption.node, names.join(" "))
                });
                match decision.verdict {
                    Verdict::Bind { node } => format!("{name} to {node}"),
                    Verdict::Unschedulable { message } => {
                        format!("{name}: {message}{}", room.unwrap_or_default())
                    }
                }
            })
            .collect()
    }
}

#[test]
fn spreads_the_pods_of_one_owner() {
    let mut bench = Bench::new([node("one", "4"), node("two", "4")]);
    for name in ["a", "b", "c", "d"] {
        bench.put(pod(name, json!({})));
    }
    assert_eq!(bench.decide(), ["a to one", "b to two", "c to one", "d to two"]);
    assert!(bench.decide().is_empty(), "a decision is made once");
}

#[test]
fn tells_why_no_node_fits() {
    let mut cordoned = node("three", "4");
    cordoned["spec"]["unschedulable"] = true.into();
    let mut tainted = node("four", "4");
    tainted["spec"]["taints"] = json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]);
    let mut silent = node("five", "4");
    silent["status"]["conditions"][0]["status"] = "Unknown".into();
    let mut bench = Bench::new([node("one", "1"), cordoned, tainted, silent]);
    bench.put(asking("big", "2"));
    assert_eq!(
        bench.decide(),
        ["big: 0/4 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, \
             2 node(s) had untolerated taint(s)."]
    );
}

#[test]
fn an_unschedulable_pod_is_noted_and_tried_again_when_room_comes() {
    let mut bench = Bench::new([node("one", "1")]);
    let first = bench.put(asking("first", "1"));
    assert_eq!(bench.decide(), ["first to one"]);
    bench.edit(&first, |pod| pod["spec"]["nodeName"] = "one".into());
    let second = bench.put(asking("second", "1"));
    let decision = bench.scheduler.next(Duration::ZERO).unwrap();
    let actions = decision.actions(bench.lab.now);
    let shown: Vec<String> = actions.iter().map(ToString::to_string).collect();
    assert!(shown[0].starts_with("patch pods/d/second/status"), "{shown:?}");
    assert!(
        shown[0].contains(r#""reason":"Unschedulable","status":"False","type":"PodScheduled""#)
    );
    assert_eq!(
        shown[1],
        "record pods/d/second FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. \
         preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    );
    // Our own note on it gives it no other try, and is not written twice.
    bench.edit(&second, |pod| {
        let Action::Patch { patch, .. } = &actions[0] else { panic!() };
        pod["status"]["conditions"] = patch["status"]["conditions"].clone();
    });
    assert_eq!(bench.scheduler.wake_at(), Some(Duration::from_secs(300)));
    bench.remove(&first);
    assert_eq!(bench.scheduler.wake_at(), Some(Duration::from_secs(1)));
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["second to one"]);
}

#[test]
fn a_refused_bind_gives_its_room_back_and_waits() {
    let mut bench = Bench::new([node("one", "1")]);
    let key = bench.put(asking("a", "1"));
    assert_eq!(bench.decide(), ["a to one"]);
    bench.scheduler.refused(&key, Duration::ZERO);
    assert_eq!(bench.scheduler.wake_at(), Some(Duration::from_secs(1)));
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["a to one"]);
    bench.remove(&key);
    bench.scheduler.refused(&key, Duration::ZERO);
    assert_eq!(bench.scheduler.wake_at(), None);
    assert!(bench.scheduler.cluster.pods.iter().next().is_none());
    assert!(bench.scheduler.cluster.peers.iter().next().is_none());
}

#[test]
fn a_pod_in_an_assumed_ones_place_is_scheduled() {
    let mut bench = Bench::new([node("one", "1")]);
    let mut first = asking("a", "1");
    first["metadata"]["uid"] = "x".into();
    bench.put(first);
    assert_eq!(bench.decide(), ["a to one"]);
    let mut second = asking("a", "1");
    second["metadata"]["uid"] = "y".into();
    bench.put(second);
    assert_eq!(bench.decide(), ["a to one"]);
}

#[test]
fn keeps_to_selectors_affinity_tolerations_and_ports() {
    let term = |zone: &str| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]});
    let port =
        json!({"containers": [{"name": "c", "ports": [{"hostPort": 80, "containerPort": 1}]}]});
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term("two")]}});
    let preferred = json!({"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 100, "preference": term("two")}]});
    for (spec, expected) in [
        (json!({"nodeSelector": {"zone": "two"}}), "p to two"),
        (json!({"affinity": {"nodeAffinity": required}}), "p to two"),
        (json!({"affinity": {"nodeAffinity": preferred}}), "p to two"),
        (
            json!({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"zone": "three"}}),
            "p to three",
        ),
        (port, "p to two"),
        (
            json!({"nodeSelector": {"zone": "three"}}),
            "p: 0/3 nodes are available: 1 node(s) had untolerated taint(s), \
             2 node(s) didn't match Pod's node affinity/selector.",
        ),
    ] {
        let mut three = node("three", "4");
        three["spec"]["taints"] = json!([{"key": "t", "effect": "NoExecute"}]);
        let mut bench = Bench::new([node("one", "8"), node("two", "4"), three]);
        let mut taken = pod("taken", json!({"nodeName": "one"}));
        taken["spec"]["containers"][0]["ports"] = json!([{"hostPort": 80, "containerPort": 1}]);
        taken["metadata"]["ownerReferences"] = json!([]);
        if spec["containers"].is_array() {
            bench.put(taken);
        }
        bench.put(pod("p", spec.clone()));
        assert_eq!(bench.decide(), [expected], "{spec}");
    }
}

#[test]
fn prefers_a_node_that_has_the_image() {
    let mut two = node("two", "4");
    two["status"]["images"] = json!([{"names": ["app:latest"], "sizeBytes": 900 << 20}]);
    let mut bench = Bench::new([node("one", "4"), two]);
    bench.put(pod("p", json!({"containers": [{"name": "c", "image": "app"}]})));
    assert_eq!(bench.decide(), ["p to two"]);
}

#[test]
fn the_more_important_goes_first() {
    let mut bench = Bench::new([node("one", "1")]);
    bench.put(asking("early", "1"));
    let mut late = asking("late", "1");
    late["spec"]["priority"] = 10.into();
    bench.put(late);
    let decided = bench.decide();
    assert_eq!(decided[0], "late to one");
    assert!(decided[1].starts_with("early: 0/1"));
}

#[test]
fn looks_only_as_far_as_it_must() {
    let nodes = (0..300).map(|at| node(&format!("node-{at:03}"), "1"));
    let mut bench = Bench::new(nodes);
    (0..300).for_each(|at| drop(bench.put(asking(&format!("p{at}"), "1"))));
    let decided = bench.decide();
    let mut used: Vec<&str> = decided.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 300, "a part of the nodes is enough, and every node gets its turn");
    bench.put(asking("more", "1"));
    assert_eq!(bench.decide(), ["more: 0/300 nodes are available: 300 Insufficient cpu."]);
}

#[test]
fn leaves_pods_of_other_schedulers_alone() {
    let mut bench = Bench::new([node("one", "4"), node("two", "4")]);
    bench.put(pod("theirs", json!({"schedulerName": "another"})));
    let mut taken = asking("taken", "1");
    taken["spec"]["nodeName"] = "two".into();
    bench.put(taken);
    let mut packed = asking("packed", "1");
    packed["spec"]["schedulerName"] = "most-allocated-scheduler".into();
    bench.put(packed);
    bench.put(pod("gated", json!({"schedulingGates": [{"name": "wait"}]})));
    assert_eq!(bench.decide(), ["packed to two"]);
    let gated = Key::new("pods", "d", "gated");
    bench.edit(&gated, |pod| pod["spec"]["schedulingGates"] = json!([]));
    assert_eq!(bench.decide(), ["gated to one"]);
}

#[test]
fn explains_node_by_node() {
    let mut cordoned = node("two", "4");
    cordoned["spec"]["unschedulable"] = true.into();
    let mut bench = Bench::new([node("one", "4"), cordoned, node("three", "1")]);
    let key = bench.put(asking("p", "2"));
    let said: Vec<String> = (bench.scheduler.explain(&key).unwrap().into_iter())
        .map(|one| format!("{} {:?} {}", one.node, one.filter, one.reasons.join(", ")))
        .collect();
    assert_eq!(
        said,
        [
            "one None ",
            "three Some(\"NodeResourcesFit\") Insufficient cpu",
            "two Some(\"NodeUnschedulable\") node(s) were unschedulable",
        ]
    );
}

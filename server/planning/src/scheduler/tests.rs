//! Decisions, shown as text, and what must hold of any sequence of them.

use proptest::prelude::*;

use super::*;
use crate::testing::Lab;

fn node(name: &str, cpu: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"zone": name}},
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

    /// Decides about everything that waits; one line each.
    fn decide(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.scheduler.next(Duration::from_secs(self.seconds)))
            .map(|decision| {
                let name = &decision.pod.key.name;
                match decision.verdict {
                    Verdict::Bind { node } => format!("{name} to {node}"),
                    Verdict::Unschedulable { message } => format!("{name}: {message}"),
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
        [
            "big: 0/4 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: yes}, \
          1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 1 node(s) were unschedulable."
        ]
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
        "record pods/d/second FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu."
    );
    // Our own note on it gives it no other try, and is not written twice.
    bench.edit(&second, |pod| {
        let Action::Patch { patch, .. } = &actions[0] else { panic!() };
        pod["status"]["conditions"] = patch["status"]["conditions"].clone();
    });
    assert_eq!(bench.scheduler.wake_at(), None);
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
    assert!(bench.scheduler.usage.is_empty() && bench.scheduler.assumed.is_empty());
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
            "p: 0/3 nodes are available: 1 node(s) had untolerated taint {t: }, \
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

proptest! {
    /// Whatever comes and goes: no node is given more than it has, no pod is given two nodes
    /// while the first may stand, and what is accounted for is what there is.
    #[test]
    fn never_gives_the_same_room_twice(steps in proptest::collection::vec((0..6_u8, 0..8_usize, 1..4_i64), 1..60)) {
        let mut bench = Bench::new([node("one", "4"), node("two", "3")]);
        let mut bound: BTreeMap<Key, String> = BTreeMap::new();
        for (kind, at, cpu) in steps {
            bench.seconds += 1;
            let key = Key::new("pods", "d", &format!("p{at}"));
            let is_there = bench.lab.world.entry(&key).is_some();
            match kind {
                0 | 1 if !is_there => drop(bench.put(asking(&format!("p{at}"), &cpu.to_string()))),
                2 if is_there => {
                    bench.remove(&key);
                    bound.remove(&key);
                }
                // The world shows a decision, or the write was refused.
                3 => if let Some(node) = bound.get(&key).cloned() {
                    bench.edit(&key, |pod| pod["spec"]["nodeName"] = node.into());
                },
                4 if bench.scheduler.assumed.contains_key(&key) => {
                    bench.scheduler.refused(&key, Duration::from_secs(bench.seconds));
                    bound.remove(&key);
                }
                _ => {}
            }
            while let Some(decision) = bench.scheduler.next(Duration::from_secs(bench.seconds)) {
                if let Verdict::Bind { node } = decision.verdict {
                    let before = bound.insert(decision.pod.key.clone(), node.to_string());
                    prop_assert!(before.is_none(), "{} is bound already", decision.pod.key);
                }
            }
            for (node, room) in [("one", 4000), ("two", 3000)] {
                let asked = |key: &Key| bench.lab.world.entry(key).map_or(0, |pod| pod.pod().unwrap().requests.cpu_milli);
                let sum: i64 = bound.iter().filter(|(_, on)| **on == node).map(|(key, _)| asked(key)).sum();
                prop_assert!(sum <= room, "{sum} of {room} on {node}");
                let noted = bench.scheduler.usage.get(node).map_or(0, |usage| usage.requested.cpu_milli);
                prop_assert_eq!(sum, noted);
            }
        }
    }
}

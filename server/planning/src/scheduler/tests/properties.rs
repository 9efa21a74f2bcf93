//! What must hold of any sequence of changes and decisions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Pods of several sorts: what they ask for and what they say of each other.
fn sort(at: usize) -> Value {
    let term = |app: &str, topology: &str| json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": topology});
    let spread = |topology: &str, hard: bool| {
        let effect = if hard { "DoNotSchedule" } else { "ScheduleAnyway" };
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": topology,
            "whenUnsatisfiable": effect, "labelSelector": {"matchLabels": {"app": "a"}}}]})
    };
    let required = |sort: &str, term: Value| json!({"affinity": {sort: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}});
    match at % 8 {
        0 => spread("zone", true),
        1 => spread("kubernetes.io/hostname", true),
        2 => spread("zone", false),
        3 => required("podAffinity", term("a", "zone")),
        4 => required("podAntiAffinity", term("b", "kubernetes.io/hostname")),
        5 => {
            json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
            [{"weight": 10, "podAffinityTerm": term("a", "zone")}]}}})
        }
        6 => {
            let mut spec = spread("zone", true);
            spec["nodeSelector"] = json!({"rack": "1"});
            spec
        }
        _ => json!({}),
    }
}

fn sorted(name: &str, at: usize) -> Value {
    let mut one = pod(name, sort(at));
    one["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "500m"}});
    one["metadata"]["labels"] = json!({"app": if at.is_multiple_of(3) { "b" } else { "a" }});
    if at.is_multiple_of(2) {
        one["metadata"]["ownerReferences"] = json!([]);
    }
    one
}

fn zoned(at: usize, labels: usize) -> Value {
    let mut node = node(&format!("n{at}"), "3");
    node["metadata"]["labels"]["zone"] = format!("z{}", labels % 3).into();
    node["metadata"]["labels"]["rack"] = (labels % 2).to_string().into();
    node
}

impl Bench {
    /// Where a new pod of each sort may go and would go.
    fn views(&mut self) -> Vec<String> {
        let mut views = Vec::new();
        for at in 0..8 {
            let key = self.put(sorted("probe", at));
            let said = self.scheduler.explain(&key).unwrap();
            let pod = self.scheduler.cluster.find_pod(&key).unwrap();
            let found = self.scheduler.search.find(&mut self.scheduler.cluster, pod).ok();
            let node = found.map(|node| self.scheduler.cluster.nodes[node].name.clone());
            let said = said.into_iter().map(|one| format!("{} {:?}", one.node, one.reasons));
            views.push(format!("{at} to {node:?}: {}", said.collect::<Vec<_>>().join("; ")));
            self.remove(&key);
        }
        views
    }

    fn all_pods(&self) -> Vec<Key> {
        self.lab.world.of_kind("pods").map(|entry| entry.key.clone()).collect()
    }
}

proptest! {
    /// What was counted as pods and nodes came, went and changed is what is counted afresh.
    #[test]
    fn counts_equal_a_recount(steps in proptest::collection::vec((0..9_u8, 0..10_usize, 0..8_usize), 1..80)) {
        let mut bench = Bench::new((0..4).map(|at| zoned(at, at)));
        for (kind, at, other) in steps {
            bench.seconds += 11;
            let key = Key::new("pods", "d", &format!("p{at}"));
            let is_there = bench.lab.world.entry(&key).is_some();
            let node = Key::new("nodes", "", &format!("n{}", at % 5));
            match kind {
                0..=2 if !is_there => drop(bench.put(sorted(&format!("p{at}"), other))),
                3 if is_there => bench.remove(&key),
                4 => drop(bench.put(zoned(at % 5, other))),
                5 if bench.lab.world.entry(&node).is_some() && other == 0 => bench.remove(&node),
                6 if bench.is_assumed(&key) => {
                    bench.scheduler.refused(&key, Duration::from_secs(bench.seconds));
                }
                7 if bench.is_assumed(&key) => bench.show(&key),
                _ => drop(bench.decide()),
            }
        }
        for key in bench.all_pods() {
            if bench.is_assumed(&key) {
                bench.show(&key);
            }
        }
        let mut afresh = Bench { scheduler: Scheduler::of(&bench.lab.world), lab: Lab::new(), seconds: 0 };
        std::mem::swap(&mut afresh.lab, &mut bench.lab);
        let expected = afresh.views();
        std::mem::swap(&mut afresh.lab, &mut bench.lab);
        prop_assert_eq!(bench.views(), expected);
    }

    /// In which order nodes were heard of makes no difference.
    #[test]
    fn the_order_of_nodes_is_their_names(order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(), sorts in proptest::collection::vec(0..8_usize, 1..12)) {
        let decide = |order: &[usize]| {
            let mut bench = Bench::new(order.iter().map(|at| zoned(*at, *at)));
            sorts.iter().enumerate().for_each(|(at, sort)| drop(bench.put(sorted(&format!("p{at}"), *sort))));
            bench.decide()
        };
        prop_assert_eq!(decide(&order), decide(&[0, 1, 2, 3, 4, 5]));
    }

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
                4 if bench.is_assumed(&key) => {
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
                let noted = bench.cpu_taken(node);
                prop_assert_eq!(sum, noted);
            }
        }
    }
}

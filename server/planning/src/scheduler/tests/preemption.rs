//! Room for important pods: who has to go, and what is written.

use super::*;

/// A pod with a priority that stands on a node, or waits if it is named none.
fn rated(name: &str, priority: i32, cpu: &str, node: &str) -> Value {
    let mut pod = asking(name, cpu);
    pod["metadata"]["ownerReferences"] = json!([]);
    pod["metadata"]["labels"] = json!({"app": name});
    pod["spec"]["priority"] = priority.into();
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
        pod["status"] = json!({"startTime": "2026-01-01T00:00:00Z"});
    }
    pod
}

fn since(mut pod: Value, minutes: u32) -> Value {
    pod["status"]["startTime"] = format!("2026-01-01T00:{minutes:02}:00Z").into();
    pod
}

fn budget(app: &str, allowed: i32) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": "d"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1,
            "expectedPods": 1}})
}

#[track_caller]
fn check(standing: impl IntoIterator<Item = Value>, expected: &str) {
    let mut bench = Bench::new([node("one", "2"), node("two", "2")]);
    standing.into_iter().for_each(|pod| drop(bench.put(pod)));
    bench.put(rated("p", 100, "2", ""));
    let decided = bench.decide_in_full();
    let tail = decided[0].rsplit(" for it on ").next().unwrap();
    assert_eq!(tail, expected);
}

#[test]
fn the_cheapest_node_is_chosen() {
    // Fewest broken budgets, even if its victims are more important.
    check([rated("a", 1, "2", "one"), rated("b", 50, "2", "two"), budget("a", 0)], "two: b");
    check([rated("a", 1, "2", "one"), rated("b", 50, "2", "two"), budget("a", 1)], "one: a");
    // The most important victim is the least important.
    check(
        [rated("a", 9, "1", "one"), rated("b", 1, "1", "one"), rated("c", 8, "2", "two")],
        "two: c",
    );
    // The smallest sum.
    check(
        [
            rated("a", 5, "1", "one"),
            rated("b", 4, "1", "one"),
            rated("c", 5, "1", "two"),
            rated("d", 3, "1", "two"),
        ],
        "two: c d",
    );
    // The latest start of the most important.
    check([since(rated("a", 5, "2", "one"), 1), since(rated("b", 5, "2", "two"), 2)], "two: b");
    check([since(rated("a", 5, "2", "one"), 3), since(rated("b", 5, "2", "two"), 2)], "one: a");
}

#[test]
fn only_as_many_go_as_must() {
    let mut bench = Bench::new([node("one", "3")]);
    bench.put(rated("a", 5, "1", "one"));
    bench.put(rated("b", 3, "1", "one"));
    bench.put(rated("c", 4, "1", "one"));
    bench.put(rated("p", 100, "1", ""));
    assert_eq!(
        bench.decide_in_full(),
        ["p: 0/1 nodes are available: 1 Insufficient cpu. for it on one: b"]
    );
    // A budget that would be broken saves a pod, if another can go for it.
    let mut bench = Bench::new([node("one", "2")]);
    bench.put(budget("a", 0));
    bench.put(rated("a", 1, "1", "one"));
    bench.put(rated("b", 9, "1", "one"));
    bench.put(rated("p", 100, "1", ""));
    assert_eq!(
        bench.decide_in_full(),
        ["p: 0/1 nodes are available: 1 Insufficient cpu. for it on one: b"]
    );
}

#[test]
fn says_why_nobody_goes() {
    let mut cordoned = node("two", "4");
    cordoned["spec"]["unschedulable"] = true.into();
    let mut bench = Bench::new([node("one", "1"), cordoned]);
    bench.put(rated("a", 100, "1", "one"));
    bench.put(rated("p", 100, "1", ""));
    let refused = "p: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. \
                   preemption: 0/2 nodes are available: 1 No preemption victims found for incoming \
                   pod, 1 Preemption is not helpful for scheduling.";
    assert_eq!(bench.decide_in_full(), [refused]);
    let mut never = rated("q", 1000, "1", "");
    never["spec"]["preemptionPolicy"] = "Never".into();
    bench.put(never);
    let refused = "q: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. \
                   preemption: not eligible due to preemptionPolicy=Never.";
    assert_eq!(bench.decide_in_full(), [refused]);
    // What no node has even when it is empty is not made by sending pods away.
    bench.put(rated("huge", 1000, "9", ""));
    let refused = "huge: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were \
                   unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful \
                   for scheduling.";
    assert_eq!(bench.decide_in_full(), [refused]);
}

#[test]
fn spread_and_anti_affinity_can_be_reasons_to_go() {
    let mut bench = Bench::new([node("one", "4")]);
    bench.put(rated("a", 1, "1", "one"));
    let mut picky = rated("p", 100, "1", "");
    picky["spec"]["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "kubernetes.io/hostname"}]}});
    bench.put(picky);
    let said = "p: 0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. \
                for it on one: a";
    assert_eq!(bench.decide_in_full(), [said]);
}

#[test]
fn victims_are_told_and_the_room_is_kept() {
    let mut bench = Bench::new([node("one", "1")]);
    let low = bench.put(rated("low", 1, "1", "one"));
    let high = bench.put(rated("high", 100, "1", ""));
    let decision = bench.scheduler.next(Duration::ZERO).unwrap();
    let actions = decision.actions(bench.lab.now);
    let shown: Vec<String> = actions.iter().map(ToString::to_string).collect();
    assert!(shown[0].starts_with("patch pods/d/high/status"), "{shown:?}");
    assert!(shown[0].contains(r#""nominatedNodeName":"one""#), "{shown:?}");
    assert!(shown[1].starts_with("patch pods/d/low/status"), "{shown:?}");
    let told = r#""message":"default-scheduler: preempting to accommodate a higher priority pod","reason":"PreemptionByScheduler","status":"True","type":"DisruptionTarget""#;
    assert!(shown[1].contains(told), "{shown:?}");
    assert_eq!(shown[2], "delete pods/d/low");
    let by = bench.lab.world.entry(&high).unwrap().meta.uid.clone();
    assert_eq!(shown[3], format!("record pods/d/low Preempted: Preempted by pod {by} on node one"));
    assert_eq!(
        shown[4],
        "record pods/d/high FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu."
    );
    bench.edit(&high, |pod| pod["status"]["nominatedNodeName"] = "one".into());
    // Until the victim is gone, nobody else goes, and nobody less important takes the room.
    bench.seconds = 400;
    let waits = "high: 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due \
                 to a terminating pod on the nominated node.";
    assert_eq!(bench.decide_in_full(), [waits]);
    bench.remove(&low);
    bench.put(rated("late", 50, "1", ""));
    bench.seconds = 401;
    assert_eq!(bench.decide(), ["late: 0/1 nodes are available: 1 Insufficient cpu."]);
    bench.seconds = 402;
    assert_eq!(bench.decide(), ["high to one"]);
}

#[test]
fn a_refused_preemption_is_tried_again() {
    let mut bench = Bench::new([node("one", "1")]);
    bench.put(rated("low", 1, "1", "one"));
    let high = bench.put(rated("high", 100, "1", ""));
    let said = "high: 0/1 nodes are available: 1 Insufficient cpu. for it on one: low";
    assert_eq!(bench.decide_in_full(), [said]);
    bench.scheduler.refused(&high, Duration::ZERO);
    bench.seconds = 1;
    assert_eq!(bench.decide_in_full(), [said]);
}

#[test]
fn the_more_important_take_over_a_nomination() {
    let mut bench = Bench::new([node("one", "1")]);
    let low = bench.put(rated("low", 1, "1", "one"));
    let mut middle = rated("middle", 50, "1", "");
    middle["status"] = json!({"nominatedNodeName": "one"});
    bench.put(middle);
    bench.put(rated("high", 100, "1", ""));
    let decision = bench.scheduler.next(Duration::ZERO).unwrap();
    assert_eq!(&*decision.pod.key.name, "high");
    let shown: Vec<String> =
        decision.actions(bench.lab.now).iter().map(ToString::to_string).collect();
    assert!(shown[1].starts_with("patch pods/d/middle/status"), "{shown:?}");
    assert!(shown[1].contains(r#""nominatedNodeName":null"#), "{shown:?}");
    bench.remove(&low);
    bench.decide();
    bench.seconds = 2;
    bench.decide();
    bench.seconds = 9;
    let high = Key::new("pods", "d", "high");
    assert!(bench.is_assumed(&high));
}

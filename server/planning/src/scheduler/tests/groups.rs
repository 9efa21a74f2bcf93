//! Pods of a group get their nodes together.

use super::*;

fn member(name: &str, cpu: &str, least: usize) -> Value {
    let mut pod = asking(name, cpu);
    pod["metadata"]["labels"] = json!({"scheduling.x-k8s.io/pod-group": "g"});
    pod["metadata"]["annotations"] =
        json!({"longshore.dev/pod-group-min-available": least.to_string()});
    pod
}

#[test]
fn a_group_is_placed_whole() {
    let mut bench = Bench::new([node("one", "2"), node("two", "2")]);
    bench.put(member("a", "1", 3));
    bench.put(member("b", "1", 3));
    assert_eq!(
        bench.decide(),
        [
            "a: pod group g waits: 2 of its 3 pods are there",
            "b: pod group g waits: 2 of its 3 pods are there",
        ]
    );
    bench.put(member("c", "1", 3));
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["a to one", "b to two", "c to one"]);
    bench.put(member("d", "1", 3));
    assert_eq!(bench.decide(), ["d to two"], "a group that runs grows as it likes");
}

#[test]
fn a_group_that_does_not_fit_holds_nothing() {
    let mut bench = Bench::new([node("one", "2")]);
    for name in ["a", "b", "c"] {
        bench.put(member(name, "1", 3));
    }
    let waits = "pod group g waits: 2 of its 3 pods fit at once. 0/1 nodes are available: 1 \
                 Insufficient cpu.";
    assert_eq!(
        bench.decide(),
        [format!("a: {waits}"), format!("b: {waits}"), format!("c: {waits}")]
    );
    bench.put(asking("alone", "2"));
    assert_eq!(bench.decide(), ["alone to one"], "what the group would need is free");
    bench.put(node("two", "3"));
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["a to two", "b to two", "c to two"]);
}

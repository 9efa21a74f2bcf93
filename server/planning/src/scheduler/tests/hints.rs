//! Which changes give a pod that no node would have another try.

use super::*;

/// A pod, the node that refuses it, what changes then, and whether that is worth a try.
type Case = (&'static str, Value, fn(&mut Bench), bool);

fn asks(more: Value) -> Value {
    let mut pod = asking("p", "1");
    object::patch::merge::apply(&mut pod["spec"], more);
    pod
}

fn relabel(bench: &mut Bench, label: &str) {
    let key = Key::new("nodes", "", "one");
    bench.edit(&key, |node| node["metadata"]["labels"][label] = "yes".into());
}

fn taint(bench: &mut Bench, taints: Value) {
    bench.edit(&Key::new("nodes", "", "one"), |node| node["spec"]["taints"] = taints);
}

fn leave(bench: &mut Bench, name: &str) {
    bench.remove(&Key::new("pods", "d", name));
}

fn come(bench: &mut Bench, name: &str, app: &str) {
    let mut pod = asking(name, "0");
    pod["metadata"]["labels"] = json!({"app": app});
    pod["spec"]["nodeName"] = "one".into();
    bench.put(pod);
}

fn cases() -> Vec<Case> {
    let near = json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "zone"}]}}});
    let big = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "3"}}}]});
    let selector = json!({"nodeSelector": {"disk": "yes"}});
    vec![
        ("its label comes", selector.clone(), |bench| relabel(bench, "disk"), true),
        ("another label comes", selector.clone(), |bench| relabel(bench, "tape"), false),
        ("a pod goes", selector.clone(), |bench| leave(bench, "stands"), false),
        (
            "the node reports",
            selector.clone(),
            |bench| {
                bench.edit(&Key::new("nodes", "", "one"), |node| {
                    node["status"]["nodeInfo"] = json!({"kernelVersion": "7"});
                });
            },
            false,
        ),
        (
            "a fitting node comes",
            selector.clone(),
            |bench| {
                let mut node = node("two", "4");
                node["metadata"]["labels"]["disk"] = "yes".into();
                bench.put(node);
            },
            true,
        ),
        ("an unfitting node comes", selector, |bench| drop(bench.put(node("two", "4"))), false),
        ("room comes free", big.clone(), |bench| leave(bench, "stands"), true),
        ("a pod comes", big.clone(), |bench| come(bench, "q", "y"), false),
        ("too little room comes", big, |bench| leave(bench, "little"), false),
        ("its friend comes", near.clone(), |bench| come(bench, "q", "x"), true),
        ("a stranger comes", near.clone(), |bench| come(bench, "q", "y"), false),
        ("a stranger goes", near, |bench| leave(bench, "stands"), false),
    ]
}

fn standing(name: &str, cpu: &str) -> Value {
    let mut pod = asking(name, cpu);
    pod["spec"]["nodeName"] = "one".into();
    pod["metadata"]["ownerReferences"] = json!([]);
    pod
}

#[test]
fn only_what_may_help_wakes() {
    for (what, spec, change, helps) in cases() {
        let mut bench = Bench::new([node("one", "4")]);
        bench.put(standing("stands", "1500m"));
        bench.put(standing("little", "100m"));
        let mut pod = asks(spec);
        pod["metadata"]["ownerReferences"] = json!([]);
        bench.put(pod);
        assert_eq!(bench.decide().len(), 1, "{what}");
        let flush = bench.scheduler.wake_at();
        assert_eq!(flush, Some(Duration::from_secs(300)), "{what}");
        change(&mut bench);
        let expected = Duration::from_secs(if helps { 1 } else { 300 });
        assert_eq!(bench.scheduler.wake_at(), Some(expected), "{what}");
    }
}

#[test]
fn what_refuses_next_is_waited_for_too() {
    let mut bench = Bench::new([node("one", "4")]);
    taint(&mut bench, json!([{"key": "t", "effect": "NoSchedule"}]));
    bench.put(standing("stands", "4"));
    bench.put(asking("p", "1"));
    assert_eq!(bench.decide().len(), 1);
    // Without the taint it would be the room; that is not asked for in vain.
    taint(&mut bench, json!([]));
    assert_eq!(bench.scheduler.wake_at(), Some(Duration::from_secs(300)));
    leave(&mut bench, "stands");
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["p to one"]);
}

#[test]
fn the_back_off_doubles() {
    let mut bench = Bench::new([node("one", "1")]);
    let key = bench.put(asking("p", "2"));
    for waits in [1, 2, 4, 8, 10, 10] {
        assert_eq!(bench.decide().len(), 1);
        // Our note on it was refused: it is to be written again.
        bench.scheduler.refused(&key, Duration::from_secs(bench.seconds));
        bench.seconds += waits;
        assert_eq!(bench.scheduler.wake_at(), Some(Duration::from_secs(bench.seconds)));
    }
}

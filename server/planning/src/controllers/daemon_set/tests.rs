//! Rounds of a DaemonSet: a world in, a plan as text out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::Lab;

fn set(more: Value) -> Value {
    let mut set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "log", "namespace": "d", "uid": "set"},
        "spec": {"selector": {"matchLabels": {"app": "log"}},
            "template": {"metadata": {"labels": {"app": "log"}}, "spec": {"containers": []}}}});
    object::patch::merge::apply(&mut set, json!({"spec": more}));
    set
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"name": name}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn key() -> Key {
    Key::new(DAEMON_SETS, "d", "log")
}

fn lab(nodes: usize, more: Value) -> Lab {
    let nodes = (0..nodes).map(|at| node(&format!("n{at}")));
    Lab::with(nodes.chain([set(more)]))
}

fn wanted_node(pod: &Value) -> String {
    let required = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    required[0]["matchFields"][0]["values"][0].as_str().unwrap().to_owned()
}

/// Lets all pods start and end as told, until nothing is left to do.
fn settle(lab: &mut Lab) {
    for _ in 0..50 {
        lab.settle(&[CONTROLLER]);
        let pods: Vec<Key> = lab.world.of_kind(PODS).map(|pod| pod.key.clone()).collect();
        let mut moved = false;
        for key in pods {
            let entry = lab.world.entry(&key).unwrap().clone();
            if entry.meta.is_deleting() {
                lab.remove(&key);
                moved = true;
            } else if !entry.pod().unwrap().is_ready() {
                let since = crate::conditions::time(lab.now);
                lab.edit(&key, |pod| {
                    pod["spec"]["nodeName"] = wanted_node(pod).into();
                    pod["status"] = json!({"phase": "Running", "conditions":
                        [{"type": "Ready", "status": "True", "lastTransitionTime": since}]});
                });
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
    panic!("it does not come to rest");
}

fn nodes_of_pods(lab: &Lab) -> Vec<String> {
    let pods = lab.world.of_kind(PODS);
    let mut nodes: Vec<String> = pods.map(|pod| wanted_node(&lab.value(&pod.key))).collect();
    nodes.sort();
    nodes
}

fn count(plan: &Plan, verb: &str) -> usize {
    plan.to_string().lines().filter(|line| line.starts_with(&format!("{verb} pods/"))).count()
}

/// Conformance: [sig-apps] Daemon set should run and stop simple daemon
#[test]
fn should_run_and_stop_simple_daemon() {
    let mut lab = lab(3, json!({}));
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0", "n1", "n2"]);
    let pod = lab.world.of_kind(PODS).next().unwrap().key.clone();
    let tolerations = lab.value(&pod)["spec"]["tolerations"].to_string();
    assert!(tolerations.contains("node.kubernetes.io/unreachable"), "{tolerations}");
    let status = &lab.value(&key())["status"];
    assert_eq!(
        (&status["desiredNumberScheduled"], &status["numberAvailable"]),
        (&json!(3), &json!(3))
    );
    lab.remove(&pod);
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0", "n1", "n2"]);
}

/// Conformance: [sig-apps] Daemon set should run and stop complex daemon
#[test]
fn should_run_and_stop_complex_daemon() {
    let mut lab = lab(2, json!({"template": {"spec": {"nodeSelector": {"color": "blue"}}}}));
    settle(&mut lab);
    assert!(nodes_of_pods(&lab).is_empty());
    let first = Key::new(NODES, "", "n0");
    let change = lab.edit(&first, |node| node["metadata"]["labels"]["color"] = "blue".into());
    assert_eq!(keys_for(&change.unwrap(), &lab.world), [key()]);
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0"]);
    lab.edit(&first, |node| node["metadata"]["labels"]["color"] = "green".into());
    settle(&mut lab);
    assert!(nodes_of_pods(&lab).is_empty());
    let heartbeat = lab.edit(&first, |node| node["status"]["x"] = 1.into()).unwrap();
    assert!(keys_for(&heartbeat, &lab.world).is_empty(), "reports wake nobody");
}

/// Conformance: [sig-apps] Daemon set should retry creating failed daemon pods
#[test]
fn should_retry_creating_failed_daemon_pods() {
    let mut lab = lab(1, json!({}));
    settle(&mut lab);
    let pod = lab.world.of_kind(PODS).next().unwrap().key.clone();
    lab.edit(&pod, |pod| pod["status"] = json!({"phase": "Failed"}));
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains(&format!("delete {pod}")) && plan.contains("FailedDaemonPod"), "{plan}");
    settle(&mut lab);
    let pod = lab.world.of_kind(PODS).next().unwrap().key.clone();
    lab.edit(&pod, |pod| pod["status"] = json!({"phase": "Failed"}));
    let plan = lab.plan(&CONTROLLER, &key());
    assert_eq!((count(&plan, "delete"), plan.requeue_after), (0, Some(Duration::from_secs(1))));
}

#[test]
fn taints_keep_pods_away_or_drive_them_out() {
    let mut lab = lab(3, json!({}));
    let taint = |effect: &str| json!([{"key": "k", "effect": effect}]);
    lab.edit(&Key::new(NODES, "", "n1"), |node| node["spec"]["taints"] = taint("NoSchedule"));
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0", "n2"]);
    lab.edit(&Key::new(NODES, "", "n0"), |node| node["spec"]["taints"] = taint("NoSchedule"));
    lab.edit(&Key::new(NODES, "", "n2"), |node| node["spec"]["taints"] = taint("NoExecute"));
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0"], "one that is there may stay");
    assert_eq!(lab.value(&key())["status"]["numberMisscheduled"], 1);
}

fn set_image(lab: &mut Lab, image: &str) {
    let containers = json!([{"name": "c", "image": image}]);
    lab.edit(&key(), |set| set["spec"]["template"]["spec"]["containers"] = containers);
}

/// Conformance: [sig-apps] Daemon set should update pod when spec was updated and update strategy
/// is RollingUpdate
#[test]
fn should_update_pod_when_spec_was_updated_and_update_strategy_is_rolling_update() {
    let mut lab = lab(
        4,
        json!({"updateStrategy":
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}}),
    );
    settle(&mut lab);
    set_image(&mut lab, "two");
    lab.settle(&[CONTROLLER]);
    let leaving = lab.world.of_kind(PODS).filter(|pod| pod.meta.is_deleting()).count();
    assert_eq!(leaving, 2, "half of them at once");
    settle(&mut lab);
    assert_eq!(lab.value(&key())["status"]["updatedNumberScheduled"], 4);
    assert_eq!(lab.world.of_kind(REVISIONS).count(), 2);
}

/// Conformance: [sig-apps] Daemon set should rollback without unnecessary restarts
#[test]
fn should_rollback_without_unnecessary_restarts() {
    let mut lab = lab(3, json!({"updateStrategy": {"type": "RollingUpdate"}}));
    set_image(&mut lab, "one");
    settle(&mut lab);
    let uids = |lab: &Lab| -> std::collections::BTreeSet<String> {
        lab.world.of_kind(PODS).map(|pod| pod.meta.uid.to_string()).collect()
    };
    let before = uids(&lab);
    set_image(&mut lab, "broken");
    lab.settle(&[CONTROLLER]);
    set_image(&mut lab, "one");
    settle(&mut lab);
    assert_eq!(uids(&lab).intersection(&before).count(), 2, "only the one that had gone is new");
}

#[test]
fn with_surge_the_new_pod_comes_first() {
    let mut lab = lab(
        2,
        json!({"updateStrategy": {"type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
    );
    settle(&mut lab);
    set_image(&mut lab, "two");
    lab.settle(&[CONTROLLER]);
    let deleting = lab.world.of_kind(PODS).filter(|pod| pod.meta.is_deleting()).count();
    assert_eq!((lab.world.of_kind(PODS).count(), deleting), (3, 0));
    settle(&mut lab);
    assert_eq!(nodes_of_pods(&lab), ["n0", "n1"]);
    assert_eq!(lab.value(&key())["status"]["updatedNumberScheduled"], 2);
}

#[test]
fn on_delete_waits_for_people() {
    let mut lab = lab(2, json!({"updateStrategy": {"type": "OnDelete"}}));
    settle(&mut lab);
    set_image(&mut lab, "two");
    settle(&mut lab);
    assert!(lab.value(&key())["status"]["updatedNumberScheduled"].is_null());
}

proptest! {
    /// Whatever nodes come, go and are marked, each that suits ends with one pod.
    #[test]
    fn each_node_that_suits_ends_with_one_pod(
        changes in proptest::collection::vec((0..4_usize, 0..4_u8, any::<bool>()), 1..10),
        surges in any::<bool>(),
    ) {
        let rolling = if surges { json!({"maxSurge": 1, "maxUnavailable": 0}) } else { json!({}) };
        let mut lab = lab(4, json!({"updateStrategy":
            {"type": "RollingUpdate", "rollingUpdate": rolling}}));
        for (at, what, is_settled) in changes {
            let key = Key::new(NODES, "", &format!("n{at}"));
            match what {
                0 => drop(lab.remove(&key)),
                1 => drop(lab.put(node(&format!("n{at}")))),
                2 if lab.world.entry(&key).is_some() => {
                    let taints = json!([{"key": "k", "effect": "NoExecute"}]);
                    lab.edit(&key, |node| node["spec"]["taints"] = taints);
                }
                _ => set_image(&mut lab, &format!("image-{at}")),
            }
            if is_settled {
                settle(&mut lab);
            } else {
                lab.settle(&[CONTROLLER]);
            }
        }
        settle(&mut lab);
        let mut suits: Vec<String> = lab
            .world
            .of_kind(NODES)
            .filter(|node| node.node().unwrap().taints.is_empty())
            .map(|node| node.key.name.to_string())
            .collect();
        suits.sort();
        prop_assert_eq!(nodes_of_pods(&lab), suits);
        prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    }
}

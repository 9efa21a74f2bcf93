//! Rounds of a PodDisruptionBudget: a world in, a status out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::Lab;

fn budget(spec: Value) -> Value {
    let mut budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "d", "uid": "b"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}}});
    object::patch::merge::apply(&mut budget, json!({"spec": spec}));
    budget
}

fn owner(replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "d", "uid": "set"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}}}})
}

fn pod(at: usize, is_ready: bool, owner: Option<(&str, &str)>) -> Value {
    let word = conditions::word(is_ready);
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("p{at}"), "namespace": "d", "labels": {"app": "web"}},
        "spec": {"nodeName": "one", "containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": word}]}});
    if let Some((api_version, kind)) = owner {
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": api_version, "kind": kind,
            "name": "web", "uid": "set", "controller": true}]);
    }
    pod
}

const SET: Option<(&str, &str)> = Some(("apps/v1", "ReplicaSet"));

fn key() -> Key {
    Key::new(BUDGETS, "d", "b")
}

/// Allowed, current, desired, expected.
fn counts(spec: Value, ready: usize, broken: usize, replicas: i32) -> [i64; 4] {
    let mut lab = Lab::with([budget(spec), owner(replicas)]);
    for at in 0..ready + broken {
        lab.put(pod(at, at < ready, SET));
    }
    lab.settle(&[CONTROLLER]);
    assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    let status = lab.value(&key())["status"].clone();
    ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"]
        .map(|name| status[name].as_i64().unwrap())
}

#[test]
fn counts_by_number_and_percentage() {
    assert_eq!(counts(json!({"minAvailable": 2}), 3, 0, 3), [1, 3, 2, 3]);
    assert_eq!(counts(json!({"minAvailable": "50%"}), 3, 0, 5), [0, 3, 3, 5]);
    assert_eq!(counts(json!({"maxUnavailable": 1}), 3, 1, 4), [0, 3, 3, 4]);
    assert_eq!(counts(json!({"maxUnavailable": "30%"}), 4, 0, 4), [2, 4, 2, 4], "it rounds up");
    assert_eq!(counts(json!({"maxUnavailable": "150%"}), 2, 0, 2), [2, 2, 0, 2]);
    assert_eq!(counts(json!({"minAvailable": "100%"}), 2, 0, 2), [0, 2, 2, 2], "nothing at all");
    assert_eq!(counts(json!({"maxUnavailable": 1}), 0, 0, 3), [0, 0, 0, 0]);
}

#[test]
fn an_evicted_pod_does_not_count_until_it_is_too_late() {
    let mut lab = Lab::with([budget(json!({"minAvailable": 1})), owner(2)]);
    lab.put(pod(0, true, SET));
    lab.put(pod(1, true, SET));
    lab.edit(&key(), |b| b["status"] = json!({"disruptedPods": {"p0": "2026-01-01T00:00:00Z"}}));
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.value(&key())["status"]["disruptionsAllowed"], 0);
    assert_eq!(lab.plan(&CONTROLLER, &key()).requeue_after, Some(Duration::from_secs(120)));
    lab.pass(120);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains("record pods/d/p0 NotDeleted"), "{plan}");
    lab.settle(&[CONTROLLER]);
    let status = lab.value(&key())["status"].clone();
    assert_eq!(
        (&status["disruptionsAllowed"], &status["disruptedPods"]),
        (&json!(1), &Value::Null)
    );
}

#[test]
fn what_has_no_scale_allows_nothing() {
    let mut lab = Lab::with([budget(json!({"maxUnavailable": 1}))]);
    lab.put(json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "web", "namespace": "d", "uid": "set"}, "spec": {}}));
    lab.put(pod(0, true, Some(("apps/v1", "DaemonSet"))));
    lab.settle(&[CONTROLLER]);
    let status = lab.value(&key())["status"].clone();
    assert_eq!(status["disruptionsAllowed"], 0);
    assert_eq!(status["conditions"][0]["reason"], "SyncFailed");
}

#[test]
fn pods_and_owners_wake_their_budget() {
    let mut lab = Lab::with([budget(json!({"minAvailable": 1}))]);
    let pod = lab.put(pod(0, true, SET));
    let change = lab.edit(&pod, |pod| pod["metadata"]["labels"] = json!({})).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()]);
    let set = lab.put(owner(1));
    let change = lab.edit(&set, |set| set["spec"]["replicas"] = 2.into()).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()]);
}

proptest! {
    /// Never are more allowed than are healthy beyond what must be.
    #[test]
    fn never_allows_too_much(
        ready in 0..6_usize, broken in 0..4_usize, amount in 0..8_i32, is_least in any::<bool>(),
    ) {
        let name = if is_least { "minAvailable" } else { "maxUnavailable" };
        let total = i32::try_from(ready + broken).unwrap();
        let [allowed, current, desired, _] = counts(json!({name: amount}), ready, broken, total);
        prop_assert!(allowed >= 0 && current - allowed >= desired.min(current));
        prop_assert!(is_least || allowed + i64::try_from(broken).unwrap() <= i64::from(amount).max(i64::try_from(broken).unwrap()));
    }
}

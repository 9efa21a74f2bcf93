//! Rounds of a ReplicaSet: a world in, a plan as text out.

use object::{ApiError, Reason};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Failure, testing::Lab};

fn set(replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "d", "uid": "set"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}})
}

fn pod(name: &str, owner: Option<&str>, status: Value) -> Value {
    let owners: Vec<Value> = owner
        .map(|uid| {
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid,
                "controller": true})
        })
        .into_iter()
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "labels": {"app": "web"}, "ownerReferences": owners},
        "spec": {"nodeName": "one", "containers": []}, "status": status})
}

fn running(ready: &str, since: &str) -> Value {
    json!({"phase": "Running",
        "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}]})
}

const SINCE: &str = "2025-12-31T23:59:50Z";

fn key() -> Key {
    Key::new(REPLICA_SETS, "d", "web")
}

fn text(plan: &Plan) -> String {
    plan.to_string()
        .lines()
        .filter(|line| !line.starts_with("record"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn creates_what_is_missing_under_derived_names() {
    let lab = Lab::with([set(2)]);
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = plan.to_string();
    let names: Vec<&str> =
        shown.lines().filter_map(|line| line.strip_prefix("create pods/d/")).collect();
    assert_eq!(names.len(), 2);
    assert!(shown.contains(&format!("SuccessfulCreate: Created pod: {}", names[0])), "{shown}");
    assert!(shown.contains(r#"{"observedGeneration":1,"replicas":0}"#), "{shown}");
    let Action::Create { body, .. } = &plan.actions[0] else { panic!("{shown}") };
    assert_eq!(body["metadata"]["generateName"], "web-");
    assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "set");
    assert_eq!(shown, lab.plan(&CONTROLLER, &key()).to_string(), "a repetition asks for the same");
}

#[test]
fn a_vacated_slot_gets_another_name() {
    let mut lab = Lab::with([set(1)]);
    lab.settle(&[CONTROLLER]);
    let first = lab.world.of_kind(PODS).next().unwrap().key.clone();
    lab.edit(&first, |pod| pod["status"]["phase"] = "Failed".into());
    lab.settle(&[CONTROLLER]);
    lab.remove(&first);
    lab.settle(&[CONTROLLER]);
    let second = lab.world.of_kind(PODS).next().unwrap().key.clone();
    assert_ne!(first, second);
    let set = lab.world.entry(&key()).unwrap();
    assert_eq!(set.meta.annotations[INCARNATIONS], "0:1", "it outlives the pod that told it");
}

#[test]
fn deletes_surplus_in_kubernetes_order() {
    let mut lab = Lab::with([set(1)]);
    lab.put(pod("ready", Some("set"), running("True", SINCE)));
    lab.put(pod("not-ready", Some("set"), running("False", SINCE)));
    lab.put(pod("pending", Some("set"), json!({"phase": "Pending"})));
    lab.put(pod("ended", Some("set"), json!({"phase": "Failed"})));
    assert_eq!(
        text(&lab.plan(&CONTROLLER, &key())),
        "delete pods/d/pending\ndelete pods/d/not-ready\nstatus replicasets.apps/d/web \
         {\"availableReplicas\":1,\"fullyLabeledReplicas\":3,\"observedGeneration\":1,\
         \"readyReplicas\":1,\"replicas\":3}"
    );
}

#[test]
fn adopts_orphans_and_releases_strangers() {
    let mut lab = Lab::with([set(1)]);
    lab.put(pod("orphan", None, running("True", SINCE)));
    let mut stranger = pod("stranger", Some("set"), running("True", SINCE));
    stranger["metadata"]["labels"]["app"] = "other".into();
    lab.put(stranger);
    lab.put(pod("foreign", Some("another"), running("True", SINCE)));
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = text(&plan);
    assert!(
        shown.contains(r#"patch pods/d/stranger {"metadata":{"ownerReferences":null"#),
        "{shown}"
    );
    assert!(shown.contains("patch pods/d/orphan") && !shown.contains("foreign"), "{shown}");
    assert!(!shown.contains("create") && !shown.contains("delete"), "{shown}");
}

#[test]
fn counts_as_available_only_after_the_least_time() {
    let mut object = set(1);
    object["spec"]["minReadySeconds"] = 30.into();
    let mut lab = Lab::with([object, pod("a", Some("set"), running("True", SINCE))]);
    let plan = lab.plan(&CONTROLLER, &key());
    assert!(plan.to_string().ends_with("\"replicas\":1}\nagain in 20s\n"), "{plan}");
    lab.pass(20);
    assert!(lab.plan(&CONTROLLER, &key()).to_string().contains("availableReplicas"));
}

#[test]
fn a_refusal_becomes_a_condition() {
    let lab = Lab::with([set(1)]);
    let error = ApiError::new(Reason::Forbidden, "pods \"web-x\" is forbidden: exceeded quota");
    let failure = Failure { action: "create pods/d/web-x".to_owned(), error };
    let plan = lab.plan_after(&CONTROLLER, &key(), &[failure]).to_string();
    assert!(plan.contains("FailedCreate: Error creating: pods \"web-x\" is forbidden"), "{plan}");
    assert!(
        plan.contains(r#""reason":"FailedCreate","status":"True","type":"ReplicaFailure""#),
        "{plan}"
    );
}

#[test]
fn a_dying_set_touches_nothing() {
    let mut object = set(3);
    object["metadata"]["deletionTimestamp"] = SINCE.into();
    object["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
    let mut lab = Lab::with([object]);
    lab.put(pod("orphan", None, running("True", SINCE)));
    let plan = text(&lab.plan(&CONTROLLER, &key()));
    assert!(plan.starts_with("status") && plan.lines().count() == 1, "{plan}");
}

#[test]
fn a_changed_pod_wakes_its_owners_before_and_after() {
    let mut lab = Lab::with([set(1)]);
    let orphan = lab.put(pod("p", Some("set"), json!({})));
    let change = lab.edit(&orphan, |pod| pod["metadata"]["ownerReferences"] = json!([])).unwrap();
    assert_eq!(keys_of(&SORT, &change, &lab.world), [key()]);
    let change = lab.edit(&orphan, |pod| pod["metadata"]["labels"]["app"] = "x".into()).unwrap();
    assert!(keys_of(&SORT, &change, &lab.world).is_empty());
}

#[test]
fn a_slot_whose_pods_end_at_once_waits_longer_each_time() {
    let mut lab = Lab::with([set(2)]);
    let mut made = 0;
    for _ in 0..120 {
        lab.settle(&[CONTROLLER]);
        let pods: Vec<Key> = lab.world.of_kind(PODS).map(|pod| pod.key.clone()).collect();
        made = pods.len();
        for pod in pods {
            lab.edit(&pod, |pod| pod["status"]["phase"] = "Failed".into());
        }
        lab.pass(1);
    }
    // At 0, 1, 2, 4, 8, 16, 32 and 64 s, in both slots.
    assert!((14..=18).contains(&made), "{made} pods in two minutes");
}

proptest! {
    /// Whatever pods there are, the rounds end with as many as asked for, and repeat nothing.
    #[test]
    fn ends_with_the_size_that_is_asked_for(
        replicas in 0..6_i32,
        pods in proptest::collection::vec((0..5_u8, any::<bool>()), 0..8),
    ) {
        let mut lab = Lab::with([set(replicas)]);
        for (at, (state, is_owned)) in pods.iter().enumerate() {
            let status = match state {
                0 => json!({"phase": "Pending"}),
                1 => json!({"phase": "Failed"}),
                2 => running("False", SINCE),
                _ => running("True", SINCE),
            };
            lab.put(pod(&format!("p{at}"), is_owned.then_some("set"), status));
        }
        lab.settle(&[CONTROLLER]);
        let active = lab.world.of_kind(PODS).filter(|pod| is_running(pod)).count();
        prop_assert_eq!(active, usize::try_from(replicas).unwrap());
        prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    }

    /// The order in which the world came to be does not matter.
    #[test]
    fn order_of_pods_does_not_matter(seed in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let pods: Vec<Value> = (0..6)
            .map(|at| {
                let mut pod = pod(&format!("p{at}"), Some("set"), running(["True", "False"][at % 2], SINCE));
                pod["metadata"]["uid"] = format!("u{at}").into();
                pod
            })
            .collect();
        let straight = Lab::with(std::iter::once(set(3)).chain(pods.clone()));
        let shuffled = Lab::with(std::iter::once(set(3)).chain(seed.iter().map(|at| pods[*at].clone())));
        prop_assert_eq!(
            straight.plan(&CONTROLLER, &key()).to_string(),
            shuffled.plan(&CONTROLLER, &key()).to_string()
        );
    }
}

/// Conformance: [sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota [Conformance]
#[test]
fn should_surface_a_failure_condition_on_a_common_issue_like_exceeded_quota() {
    use crate::controllers::replication_controller;
    let mut controller = set(3);
    controller["apiVersion"] = "v1".into();
    controller["kind"] = "ReplicationController".into();
    controller["spec"]["selector"] = json!({"app": "web"});
    let mut lab = Lab::with([controller]);
    let key = Key::new("replicationcontrollers", "d", "web");
    let error = ApiError::new(Reason::Forbidden, "pods \"web-x\" is forbidden: exceeded quota");
    let failure = Failure { action: "create pods/d/web-x".to_owned(), error };
    let plan = lab.plan_after(&replication_controller::CONTROLLER, &key, &[failure]);
    let status = plan.actions.iter().filter(|a| matches!(a, Action::SetStatus { .. })).cloned();
    lab.apply(&Plan { actions: status.collect(), ..Plan::default() });
    let condition = &lab.value(&key)["status"]["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["reason"]),
        (&json!("ReplicaFailure"), &json!("FailedCreate"))
    );
    // Fewer are asked for, and there is room for them.
    lab.edit(&key, |controller| controller["spec"]["replicas"] = 2.into());
    lab.settle(&[replication_controller::CONTROLLER]);
    let status = lab.value(&key)["status"].clone();
    assert_eq!((&status["replicas"], &status["conditions"]), (&json!(2), &Value::Null));
}

//! Rounds of a Deployment, alone and together with its ReplicaSets.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Action, controllers::replica_set, testing::Lab};

const BOTH: &[Controller] = &[CONTROLLER, replica_set::CONTROLLER];

fn deployment(replicas: i32, strategy: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d", "uid": "deployment",
            "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "spec": {"replicas": replicas, "strategy": strategy, "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "one"}]}}}})
}

fn rolling(surge: i32, unavailable: i32) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

fn key() -> Key {
    Key::new(DEPLOYMENTS, "d", "web")
}

fn set_image(lab: &mut Lab, image: &str) {
    lab.edit(&key(), |o| o["spec"]["template"]["spec"]["containers"][0]["image"] = image.into());
}

/// Makes so many pods ready that are not yet; says whether there was one.
fn make_ready(lab: &mut Lab, count: usize) -> bool {
    let waiting: Vec<Key> = lab
        .world
        .of_kind(PODS)
        .filter(|pod| !pod.meta.is_deleting() && !pod.pod().unwrap().is_ready())
        .map(|pod| pod.key.clone())
        .take(count)
        .collect();
    let since = json!(crate::conditions::time(lab.now));
    for key in &waiting {
        lab.edit(key, |pod| {
            pod["status"] = json!({"phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}]});
        });
    }
    !waiting.is_empty()
}

fn finish(lab: &mut Lab) {
    lab.settle(BOTH);
    while make_ready(lab, 1) {
        lab.pass(1);
        lab.settle(BOTH);
    }
}

fn sizes(lab: &Lab) -> Vec<(String, i64)> {
    let mut sizes: Vec<(String, i64)> = lab
        .world
        .of_kind(REPLICA_SETS)
        .map(|set| {
            let value = lab.value(&set.key);
            let image = &value["spec"]["template"]["spec"]["containers"][0]["image"];
            (image.as_str().unwrap().to_owned(), value["spec"]["replicas"].as_i64().unwrap())
        })
        .collect();
    sizes.sort();
    sizes
}

fn sizes_are(lab: &Lab, expected: &[(&str, i64)]) {
    let expected: Vec<(String, i64)> =
        expected.iter().map(|(image, size)| ((*image).to_owned(), *size)).collect();
    assert_eq!(sizes(lab), expected);
}

fn condition<'v>(value: &'v Value, type_: &str) -> &'v Value {
    let conditions = value["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == type_).unwrap()
}

#[test]
fn the_first_round_makes_a_set() {
    let lab = Lab::with([deployment(3, rolling(1, 0))]);
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = plan.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].contains(r#""deployment.kubernetes.io/revision":"1""#), "{shown}");
    let name = lines[1].strip_prefix("create replicasets.apps/d/").unwrap();
    assert_eq!(
        lines[2],
        format!(
            "record deployments.apps/d/web ScalingReplicaSet: Scaled up replica set {name} from 0 to 3"
        )
    );
    assert!(lines[3].contains(&format!("Created new replica set \\\"{name}\\\"")), "{shown}");
    let Action::Create { body, .. } = &plan.actions[1] else { panic!("{shown}") };
    let hash = name.strip_prefix("web-").unwrap();
    assert_eq!(
        body["spec"]["selector"]["matchLabels"],
        json!({"app": "web", "pod-template-hash": hash})
    );
    assert_eq!(body["spec"]["template"]["metadata"]["labels"]["pod-template-hash"], hash);
    assert_eq!(
        body["metadata"]["annotations"],
        json!({"note": "kept", "deployment.kubernetes.io/revision": "1",
            "deployment.kubernetes.io/desired-replicas": "3", "deployment.kubernetes.io/max-replicas": "4"})
    );
}

#[test]
fn a_finished_rollout_says_so() {
    let mut lab = Lab::with([deployment(2, rolling(1, 0))]);
    finish(&mut lab);
    let value = lab.value(&key());
    let status = &value["status"];
    for count in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        assert_eq!(status[count], 2, "{count}");
    }
    assert!(status["unavailableReplicas"].is_null());
    assert_eq!(condition(&value, "Available")["reason"], "MinimumReplicasAvailable");
    let progressing = condition(&value, "Progressing");
    assert_eq!(progressing["reason"], "NewReplicaSetAvailable");
    assert!(progressing["message"].as_str().unwrap().ends_with("has successfully progressed."));
    assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    assert_eq!(lab.plan(&CONTROLLER, &key()).requeue_after, None);
}

/// Conformance: [sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones [Conformance]
#[test]
fn rolls_one_by_one_and_back() {
    let mut lab = Lab::with([deployment(2, rolling(1, 0))]);
    finish(&mut lab);
    set_image(&mut lab, "two");
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 2), ("two", 1)]);
    make_ready(&mut lab, 1);
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 1), ("two", 2)]);
    finish(&mut lab);
    sizes_are(&lab, &[("one", 0), ("two", 2)]);

    set_image(&mut lab, "one");
    finish(&mut lab);
    sizes_are(&lab, &[("one", 2), ("two", 0)]);
    let revisions: Vec<(String, String)> = lab
        .world
        .of_kind(REPLICA_SETS)
        .map(|set| {
            let get = |name: &str| set.meta.annotations.get(name).cloned().unwrap_or_default();
            (get(history::REVISION), get("deployment.kubernetes.io/revision-history"))
        })
        .collect();
    assert!(revisions.contains(&("3".to_owned(), "1".to_owned())), "{revisions:?}");
    assert_eq!(lab.world.entry(&key()).unwrap().meta.annotations[history::REVISION], "3");
}

/// Conformance: [sig-apps] Deployment deployment should support rollover [Conformance]
#[test]
fn deployment_should_support_rollover() {
    let mut lab = Lab::with([deployment(2, rolling(1, 0))]);
    finish(&mut lab);
    set_image(&mut lab, "broken");
    lab.settle(BOTH);
    sizes_are(&lab, &[("broken", 1), ("one", 2)]);
    // What is under way gives way before it was ever ready.
    set_image(&mut lab, "two");
    finish(&mut lab);
    sizes_are(&lab, &[("broken", 0), ("one", 0), ("two", 2)]);
    assert_eq!(available(&lab), 2);
}

/// Conformance: [sig-apps] Deployment RecreateDeployment should delete old pods and create new ones [Conformance]
#[test]
fn recreate_waits_for_the_last_old_pod() {
    let mut lab = Lab::with([deployment(2, json!({"type": "Recreate"}))]);
    finish(&mut lab);
    let pods: Vec<Key> = lab.world.of_kind(PODS).map(|pod| pod.key.clone()).collect();
    for pod in &pods {
        lab.edit(pod, |pod| pod["spec"]["nodeName"] = "one".into());
    }
    set_image(&mut lab, "two");
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 0)]);
    assert!(pods.iter().all(|pod| lab.world.entry(pod).unwrap().meta.is_deleting()));
    pods[..1].iter().for_each(|pod| drop(lab.remove(pod)));
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 0)]);
    let change = lab.remove(&pods[1]).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()]);
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 0), ("two", 2)]);
}

#[test]
fn a_paused_deployment_scales_but_rolls_nothing_out() {
    let mut lab = Lab::with([deployment(2, rolling(1, 0))]);
    finish(&mut lab);
    lab.edit(&key(), |o| o["spec"]["paused"] = true.into());
    set_image(&mut lab, "two");
    lab.edit(&key(), |o| o["spec"]["replicas"] = 4.into());
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 4)]);
    let value = lab.value(&key());
    assert_eq!(condition(&value, "Progressing")["reason"], "DeploymentPaused");
    lab.edit(&key(), |o| o["spec"]["paused"] = Value::Null);
    finish(&mut lab);
    sizes_are(&lab, &[("one", 0), ("two", 4)]);
}

/// Conformance: [sig-apps] Deployment deployment should support proportional scaling [Conformance]
#[test]
fn scales_all_sets_in_proportion() {
    let mut lab = Lab::with([deployment(10, rolling(3, 2))]);
    finish(&mut lab);
    set_image(&mut lab, "two");
    lab.settle(BOTH);
    sizes_are(&lab, &[("one", 8), ("two", 5)]);
    lab.edit(&key(), |o| o["spec"]["replicas"] = 15.into());
    let plan = lab.plan(&CONTROLLER, &key());
    lab.apply(&plan);
    sizes_are(&lab, &[("one", 11), ("two", 7)]);
}

#[test]
fn time_without_progress_ends_at_the_deadline() {
    let mut lab = Lab::with([deployment(1, rolling(1, 0))]);
    lab.edit(&key(), |o| o["spec"]["progressDeadlineSeconds"] = 60.into());
    lab.settle(BOTH);
    let again = lab.plan(&CONTROLLER, &key()).requeue_after.unwrap();
    assert_eq!(again.as_secs(), 61);
    lab.pass(61);
    lab.settle(BOTH);
    let value = lab.value(&key());
    let progressing = condition(&value, "Progressing");
    assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
    assert_eq!(progressing["status"], "False");
    finish(&mut lab);
    let value = lab.value(&key());
    assert_eq!(condition(&value, "Progressing")["reason"], "NewReplicaSetAvailable");
}

/// Conformance: [sig-apps] Deployment deployment should delete old replica sets [Conformance]
#[test]
fn keeps_as_many_old_sets_as_the_limit_says() {
    let mut lab = Lab::with([deployment(1, rolling(1, 0))]);
    for image in ["one", "two", "three", "four", "five"] {
        set_image(&mut lab, image);
        finish(&mut lab);
    }
    sizes_are(&lab, &[("five", 1), ("four", 0), ("three", 0)]);
}

#[test]
fn a_taken_name_raises_the_collision_count() {
    let mut lab = Lab::with([deployment(1, rolling(1, 0))]);
    let plan = lab.plan(&CONTROLLER, &key());
    let Action::Create { key: set, .. } = &plan.actions[1] else { panic!("{plan}") };
    lab.put(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": &*set.name, "namespace": "d"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "other"}}, "template": {}}}));
    finish(&mut lab);
    assert_eq!(lab.value(&key())["status"]["collisionCount"], 1);
    assert_eq!(lab.world.of_kind(REPLICA_SETS).count(), 2);
}

#[test]
fn undo_leaves_no_trace_of_a_set_on_the_deployment() {
    let mut lab = Lab::with([deployment(1, rolling(1, 0))]);
    finish(&mut lab);
    lab.edit(&key(), |o| o["metadata"]["annotations"][replica_set::INCARNATIONS] = "0:7".into());
    lab.settle(BOTH);
    let annotations = &lab.world.entry(&key()).unwrap().meta.annotations;
    assert!(!annotations.contains_key(replica_set::INCARNATIONS));
    let set = lab.world.of_kind(REPLICA_SETS).next().unwrap();
    assert!(!set.meta.annotations.contains_key(replica_set::INCARNATIONS));
}

fn available(lab: &Lab) -> usize {
    let works = |pod: &&std::sync::Arc<crate::Entry>| {
        !pod.meta.is_deleting() && pod.pod().unwrap().is_ready()
    };
    lab.world.of_kind(PODS).filter(works).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Templates change in the middle of rollouts, pods become ready in any order: there are never
    /// fewer that work than allowed, never more in all, and in the end everything is new.
    #[test]
    fn keeps_within_its_limits(
        replicas in 1..7_i32,
        surge in 0..4_i32,
        unavailable in 0..4_i32,
        steps in proptest::collection::vec((0..4_u8, 1..4_usize), 1..20),
    ) {
        let mut lab = Lab::with([deployment(replicas, rolling(surge, unavailable))]);
        finish(&mut lab);
        let spec = serde_json::from_value(lab.value(&key())["spec"].clone()).unwrap();
        let limits = limits::Limits::of(&spec, replicas);
        let least = usize::try_from(replicas - limits.unavailable).unwrap();
        let most = usize::try_from(replicas + limits.surge).unwrap();
        for (step, (kind, count)) in steps.into_iter().enumerate() {
            match kind {
                0 => set_image(&mut lab, &format!("image-{step}")),
                1 => lab.pass(1),
                _ => drop(make_ready(&mut lab, count)),
            }
            lab.settle(BOTH);
            prop_assert!(available(&lab) >= least, "{} of {least}: {:?}", available(&lab), sizes(&lab));
            let all = lab.world.of_kind(PODS).filter(|pod| !pod.meta.is_deleting()).count();
            prop_assert!(all <= most, "{all} of {most}: {:?}", sizes(&lab));
        }
        finish(&mut lab);
        let sizes = sizes(&lab);
        prop_assert_eq!(sizes.iter().filter(|(_, size)| *size > 0).count(), 1, "{:?}", sizes);
        prop_assert_eq!(available(&lab), usize::try_from(replicas).unwrap());
        prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    }
}

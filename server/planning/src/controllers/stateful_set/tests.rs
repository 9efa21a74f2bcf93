//! Rounds of a StatefulSet: a world in, a plan as text out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::Lab;

fn set(replicas: i32, more: Value) -> Value {
    let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "d", "uid": "set"},
        "spec": {"replicas": replicas, "serviceName": "db",
            "podManagementPolicy": "OrderedReady",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}}}});
    object::patch::merge::apply(&mut set, json!({"spec": more}));
    set
}

fn key() -> Key {
    Key::new(STATEFUL_SETS, "d", "db")
}

fn pod(ordinal: i32) -> Key {
    Key::new(PODS, "d", &format!("db-{ordinal}"))
}

fn writes(lab: &Lab) -> Vec<String> {
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    let is_write = |line: &&str| {
        ["create", "delete", "patch"].iter().any(|verb| line.starts_with(verb))
            && !line.contains(REVISIONS)
    };
    plan.lines().filter(is_write).map(ToOwned::to_owned).collect()
}

fn make_ready(lab: &mut Lab, pod: &Key) {
    let since = crate::conditions::time(lab.now);
    lab.edit(pod, |pod| {
        pod["spec"]["nodeName"] = "one".into();
        pod["status"] = json!({"phase": "Running", "conditions":
            [{"type": "Ready", "status": "True", "lastTransitionTime": since}]});
    });
}

/// Lets all pods start and end as told, until nothing is left to do.
fn settle(lab: &mut Lab) {
    for _ in 0..100 {
        lab.settle(&[CONTROLLER]);
        let is_deleting = |lab: &Lab, key: &Key| lab.world.entry(key).unwrap().meta.is_deleting();
        let pods: Vec<Key> = lab.world.of_kind(PODS).map(|pod| pod.key.clone()).collect();
        let due: Vec<&Key> = pods
            .iter()
            .filter(|key| {
                is_deleting(lab, key) || !lab.world.entry(key).unwrap().pod().unwrap().is_ready()
            })
            .collect();
        if due.is_empty() {
            return;
        }
        for key in due {
            if is_deleting(lab, key) {
                lab.remove(key);
            } else {
                make_ready(lab, key);
            }
        }
    }
    panic!("it does not come to rest");
}

fn names(lab: &Lab) -> Vec<String> {
    lab.world.of_kind(PODS).map(|pod| pod.key.name.to_string()).collect()
}

fn image(lab: &Lab, ordinal: i32) -> String {
    lab.value(&pod(ordinal))["spec"]["containers"][0]["image"].as_str().unwrap_or("-").to_owned()
}

fn set_image(lab: &mut Lab, image: &str) {
    let containers = json!([{"name": "c", "image": image}]);
    lab.edit(&key(), |set| set["spec"]["template"]["spec"]["containers"] = containers);
}

#[test]
fn makes_pods_in_order_with_identity() {
    let mut lab = Lab::with([set(2, json!({}))]);
    assert_eq!(writes(&lab), ["create pods/d/db-0"]);
    lab.settle(&[CONTROLLER]);
    let first = lab.value(&pod(0));
    assert_eq!(first["spec"]["hostname"], "db-0");
    assert_eq!(first["spec"]["subdomain"], "db");
    assert_eq!(first["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "0");
    assert_eq!(first["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "db-0");
    assert_eq!(names(&lab), ["db-0"], "the next waits until this one is available");
    make_ready(&mut lab, &pod(0));
    assert_eq!(writes(&lab), ["create pods/d/db-1"]);
    settle(&mut lab);
    let status = &lab.value(&key())["status"];
    assert_eq!((&status["readyReplicas"], &status["updatedReplicas"]), (&json!(2), &json!(2)));
    assert_eq!(status["currentRevision"], status["updateRevision"]);
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Scaling
/// should happen in predictable order and halt if any stateful pod is unhealthy
#[test]
fn scaling_should_happen_in_predictable_order_and_halt_if_any_stateful_pod_is_unhealthy() {
    let mut lab = Lab::with([set(3, json!({}))]);
    settle(&mut lab);
    lab.edit(&pod(1), |pod| pod["status"]["conditions"][0]["status"] = "False".into());
    lab.edit(&key(), |set| set["spec"]["replicas"] = 4.into());
    assert!(writes(&lab).is_empty(), "nothing moves past a pod that is not ready");
    lab.edit(&key(), |set| set["spec"]["replicas"] = 2.into());
    assert!(writes(&lab).is_empty());
    make_ready(&mut lab, &pod(1));
    assert_eq!(writes(&lab), ["delete pods/d/db-2"]);
    lab.edit(&key(), |set| set["spec"]["replicas"] = 0.into());
    settle(&mut lab);
    assert!(names(&lab).is_empty());
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Burst
/// scaling should run to completion even with unhealthy pods
#[test]
fn burst_scaling_should_run_to_completion_even_with_unhealthy_pods() {
    let mut lab = Lab::with([set(3, json!({"podManagementPolicy": "Parallel"}))]);
    lab.settle(&[CONTROLLER]);
    assert_eq!(names(&lab), ["db-0", "db-1", "db-2"]);
    lab.edit(&key(), |set| set["spec"]["replicas"] = 0.into());
    assert_eq!(writes(&lab), ["delete pods/d/db-2", "delete pods/d/db-1", "delete pods/d/db-0"]);
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should
/// perform rolling updates and roll backs of template modifications
#[test]
fn should_perform_rolling_updates_and_roll_backs_of_template_modifications() {
    let mut lab = Lab::with([set(3, json!({}))]);
    set_image(&mut lab, "one");
    settle(&mut lab);
    let first = lab.value(&key())["status"]["currentRevision"].clone();
    set_image(&mut lab, "two");
    assert_eq!(writes(&lab), ["delete pods/d/db-2"], "the highest number first, one at a time");
    lab.settle(&[CONTROLLER]);
    let status = lab.value(&key())["status"].clone();
    assert_eq!(status["currentRevision"], first);
    assert_ne!(status["updateRevision"], first);
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 1), image(&lab, 2)], ["two", "two", "two"]);
    set_image(&mut lab, "one");
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 2)], ["one", "one"]);
    assert_eq!(lab.value(&key())["status"]["currentRevision"], first, "it is found again");
    assert_eq!(lab.world.of_kind(REVISIONS).count(), 2);
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should
/// perform canary updates and phased rolling updates of template modifications
#[test]
fn should_perform_canary_updates_and_phased_rolling_updates_of_template_modifications() {
    let rolling = json!({"updateStrategy": {"type": "RollingUpdate",
        "rollingUpdate": {"partition": 2}}});
    let mut lab = Lab::with([set(3, rolling)]);
    set_image(&mut lab, "one");
    settle(&mut lab);
    set_image(&mut lab, "two");
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 1), image(&lab, 2)], ["one", "one", "two"]);
    lab.remove(&pod(0));
    settle(&mut lab);
    assert_eq!(image(&lab, 0), "one", "below the partition a pod comes back as it was");
    let status = lab.value(&key())["status"].clone();
    assert_eq!((&status["currentReplicas"], &status["updatedReplicas"]), (&json!(2), &json!(1)));
    lab.edit(&key(), |set| {
        set["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 0.into();
    });
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 1), image(&lab, 2)], ["two", "two", "two"]);
}

#[test]
fn on_delete_waits_for_people() {
    let mut lab = Lab::with([set(2, json!({"updateStrategy": {"type": "OnDelete"}}))]);
    set_image(&mut lab, "one");
    settle(&mut lab);
    set_image(&mut lab, "two");
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 1)], ["one", "one"]);
    lab.remove(&pod(1));
    settle(&mut lab);
    assert_eq!([image(&lab, 0), image(&lab, 1)], ["one", "two"]);
}

#[test]
fn several_may_be_unavailable_at_once() {
    let more = json!({"podManagementPolicy": "Parallel", "updateStrategy":
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}});
    let mut lab = Lab::with([set(4, more)]);
    settle(&mut lab);
    set_image(&mut lab, "two");
    assert_eq!(writes(&lab), ["delete pods/d/db-3", "delete pods/d/db-2"]);
}

#[test]
fn numbers_begin_where_the_set_says() {
    let mut lab = Lab::with([set(2, json!({"ordinals": {"start": 5}}))]);
    settle(&mut lab);
    assert_eq!(names(&lab), ["db-5", "db-6"]);
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Should
/// recreate evicted statefulset
#[test]
fn should_recreate_evicted_statefulset() {
    let mut lab = Lab::with([set(1, json!({}))]);
    settle(&mut lab);
    lab.edit(&pod(0), |pod| {
        pod["spec"]["nodeName"] = "".into();
        pod["status"] = json!({"phase": "Failed"});
    });
    let uid = lab.world.entry(&pod(0)).unwrap().meta.uid.clone();
    settle(&mut lab);
    assert_ne!(lab.world.entry(&pod(0)).unwrap().meta.uid, uid);
    // One that fails again at once has to wait.
    lab.edit(&pod(0), |pod| pod["status"] = json!({"phase": "Failed"}));
    assert_eq!(
        lab.plan(&CONTROLLER, &key()).requeue_after,
        Some(std::time::Duration::from_secs(1))
    );
}

fn with_claims(policy: Value) -> Value {
    let template = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    set(
        2,
        json!({"volumeClaimTemplates": [template],
        "persistentVolumeClaimRetentionPolicy": policy}),
    )
}

#[test]
fn claims_come_before_pods_and_stay() {
    let mut lab = Lab::with([with_claims(json!({}))]);
    assert_eq!(writes(&lab), ["create persistentvolumeclaims/d/data-db-0"]);
    settle(&mut lab);
    assert_eq!(
        lab.value(&pod(1))["spec"]["volumes"],
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}])
    );
    let claim = Key::new(claims::CLAIMS, "d", "data-db-1");
    assert_eq!(lab.value(&claim)["metadata"]["labels"]["app"], "db");
    lab.edit(&key(), |set| set["spec"]["replicas"] = 1.into());
    settle(&mut lab);
    assert!(lab.value(&claim)["metadata"]["ownerReferences"].is_null());
}

#[test]
fn claims_belong_to_set_or_pod_as_the_policy_says() {
    let mut lab =
        Lab::with([with_claims(json!({"whenDeleted": "Delete", "whenScaled": "Delete"}))]);
    settle(&mut lab);
    let claim = Key::new(claims::CLAIMS, "d", "data-db-1");
    let owner = |lab: &Lab| lab.value(&claim)["metadata"]["ownerReferences"][0]["kind"].clone();
    assert_eq!(owner(&lab), "StatefulSet");
    lab.edit(&key(), |set| set["spec"]["replicas"] = 1.into());
    lab.settle(&[CONTROLLER]);
    assert_eq!(owner(&lab), "Pod");
    lab.edit(&key(), |set| set["spec"]["replicas"] = 2.into());
    lab.remove(&pod(1));
    settle(&mut lab);
    assert_eq!(owner(&lab), "StatefulSet", "it is wanted again");
}

proptest! {
    /// Whatever was asked for in between, the rounds end as asked for, and repeat nothing.
    #[test]
    fn ends_as_asked_for(
        wishes in proptest::collection::vec((0..5_i32, 0..3_u8, any::<bool>()), 1..5),
        is_parallel in any::<bool>(),
        partition in 0..3_i32,
    ) {
        let policy = if is_parallel { "Parallel" } else { "OrderedReady" };
        let mut lab = Lab::with([set(1, json!({"podManagementPolicy": policy, "updateStrategy":
            {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}}))]);
        let mut asked = 1;
        for (replicas, number, is_settled) in wishes {
            set_image(&mut lab, &format!("image-{number}"));
            lab.edit(&key(), |set| set["spec"]["replicas"] = replicas.into());
            asked = replicas;
            if is_settled {
                settle(&mut lab);
            } else {
                lab.settle(&[CONTROLLER]);
            }
        }
        settle(&mut lab);
        let expected: Vec<String> = (0..asked).map(|ordinal| format!("db-{ordinal}")).collect();
        prop_assert_eq!(names(&lab), expected);
        prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
        let newest = lab.value(&key())["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        for ordinal in partition..asked {
            prop_assert_eq!(&json!(image(&lab, ordinal)), &newest);
        }
    }
}

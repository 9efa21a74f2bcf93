//! Rounds of a Job: a world in, a plan as text out.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::testing::Lab;

mod ends;
mod policies;

fn job(more: Value) -> Value {
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "pi", "namespace": "d", "uid": "job"},
        "spec": {"parallelism": 1, "completions": 1, "backoffLimit": 6,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "job"}},
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}});
    object::patch::merge::apply(&mut job, json!({"spec": more}));
    job
}

fn indexed(completions: u32, more: Value) -> Value {
    let mut job =
        job(json!({"completionMode": "Indexed", "completions": completions, "parallelism": 2}));
    object::patch::merge::apply(&mut job, json!({"spec": more}));
    job
}

fn key() -> Key {
    Key::new(JOBS, "d", "pi")
}

fn status(lab: &Lab) -> Value {
    lab.value(&key())["status"].clone()
}

fn active(lab: &Lab) -> Vec<Key> {
    let pods = lab.world.of_kind(PODS).filter(|pod| crate::pods::is_running(pod));
    pods.map(|pod| pod.key.clone()).collect()
}

fn index(lab: &Lab, pod: &Key) -> u32 {
    lab.world.entry(pod).unwrap().meta.annotations[work::INDEX].parse().unwrap()
}

fn end(lab: &mut Lab, pod: &Key, code: i32) {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let ended = json!({"exitCode": code, "finishedAt": crate::conditions::time(lab.now)});
    lab.edit(pod, |pod| {
        pod["spec"]["nodeName"] = "one".into();
        pod["status"] = json!({"phase": phase, "containerStatuses":
            [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": ended}}]});
    });
}

/// Ends pods that were told to go.
fn reap(lab: &mut Lab) {
    let doomed: Vec<Key> = lab
        .world
        .of_kind(PODS)
        .filter(|pod| pod.meta.is_deleting())
        .map(|pod| pod.key.clone())
        .collect();
    for pod in doomed {
        if is_held(lab.world.entry(&pod).unwrap()) {
            lab.edit(&pod, |pod| pod["metadata"]["deletionGracePeriodSeconds"] = 0.into());
        } else {
            lab.remove(&pod);
        }
    }
}

fn condition(lab: &Lab, type_: &str) -> Option<String> {
    let conditions = status(lab)["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|c| c["type"] == type_ && c["status"] == "True")?;
    Some(found["reason"].as_str().unwrap().to_owned())
}

/// Lets pods come, and be replaced as soon as their pause is over.
fn settle(lab: &mut Lab) {
    for _ in 0..4 {
        lab.settle(&[CONTROLLER]);
        reap(lab);
    }
    lab.settle(&[CONTROLLER]);
}

#[test]
fn runs_one_pod_to_completion() {
    let mut lab = Lab::with([job(json!({}))]);
    settle(&mut lab);
    let pods = active(&lab);
    assert_eq!(pods.len(), 1);
    let pod = lab.value(&pods[0]);
    assert_eq!(pod["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"], "pi");
    assert_eq!(status(&lab)["active"], 1);
    end(&mut lab, &pods[0], 0);
    settle(&mut lab);
    let status = status(&lab);
    assert_eq!((&status["succeeded"], &status["active"]), (&json!(1), &Value::Null));
    assert_eq!(condition(&lab, "Complete").as_deref(), Some("CompletionsReached"));
    assert!(!status["completionTime"].is_null());
    assert_eq!(status["uncountedTerminatedPods"], json!({}));
    assert!(lab.value(&pods[0])["metadata"]["finalizers"].is_null());
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "");
}

#[test]
fn counts_in_three_steps() {
    let mut lab = Lab::with([job(json!({}))]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    end(&mut lab, &pod, 0);
    let noted = lab.plan(&CONTROLLER, &key());
    let text = noted.to_string();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
    assert!(at("\"uncountedTerminatedPods\":{\"succeeded\":[") < at("\"finalizers\":null"));
    assert!(!text.contains("\"succeeded\":1"), "it counts once the finalizer is gone: {text}");
    // The status is lost on its way: nothing was counted, nothing is forgotten.
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), text);
    lab.apply(&noted);
    // The pod goes altogether before the count is raised.
    lab.remove(&pod);
    settle(&mut lab);
    assert_eq!(status(&lab)["succeeded"], 1);
}

/// Conformance: [sig-apps] Job should create pods for an Indexed job with completion indexes and
/// specified hostname
#[test]
fn should_create_pods_for_an_indexed_job_with_completion_indexes_and_specified_hostname() {
    let mut lab = Lab::with([indexed(4, json!({}))]);
    settle(&mut lab);
    let pods = active(&lab);
    let mut indexes: Vec<u32> = pods.iter().map(|pod| index(&lab, pod)).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1]);
    let pod = lab.value(&pods[0]);
    assert_eq!(pod["spec"]["hostname"], format!("pi-{}", index(&lab, &pods[0])));
    assert_eq!(
        pod["spec"]["containers"][0]["env"][0],
        json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef":
            {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}}})
    );
    for _ in 0..4 {
        if let Some(pod) = active(&lab).first().cloned() {
            end(&mut lab, &pod, 0);
            settle(&mut lab);
        }
    }
    assert_eq!(status(&lab)["completedIndexes"], "0-3");
    assert_eq!(condition(&lab, "Complete").as_deref(), Some("CompletionsReached"));
}

/// Conformance: [sig-apps] Job should adopt matching orphans and release non-matching pods
#[test]
fn should_adopt_matching_orphans_and_release_non_matching_pods() {
    let mut lab = Lab::with([job(json!({}))]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    lab.edit(&pod, |pod| pod["metadata"]["ownerReferences"] = Value::Null);
    settle(&mut lab);
    assert_eq!(lab.value(&pod)["metadata"]["ownerReferences"][0]["uid"], "job");
    assert_eq!(active(&lab).len(), 1);
    lab.edit(&pod, |pod| pod["metadata"]["labels"] = json!({}));
    settle(&mut lab);
    assert!(lab.value(&pod)["metadata"]["ownerReferences"].is_null());
    assert!(lab.value(&pod)["metadata"]["finalizers"].is_null());
    assert_eq!(active(&lab).len(), 2, "another one has taken its place");
}

#[test]
fn fewer_at_once_costs_no_failure() {
    let mut lab = Lab::with([indexed(9, json!({"parallelism": 4}))]);
    settle(&mut lab);
    lab.edit(&key(), |job| job["spec"]["parallelism"] = 1.into());
    settle(&mut lab);
    assert_eq!((active(&lab).len(), &status(&lab)["failed"]), (1, &Value::Null));
}

#[test]
fn suspension_stops_and_resumes() {
    let mut lab = Lab::with([job(json!({"suspend": true}))]);
    settle(&mut lab);
    assert_eq!(condition(&lab, "Suspended").as_deref(), Some("JobSuspended"));
    assert!(active(&lab).is_empty() && status(&lab)["startTime"].is_null());
    lab.edit(&key(), |job| job["spec"]["suspend"] = false.into());
    settle(&mut lab);
    assert_eq!(active(&lab).len(), 1);
    assert_eq!(condition(&lab, "Suspended"), None);
    lab.edit(&key(), |job| job["spec"]["suspend"] = true.into());
    settle(&mut lab);
    assert!(active(&lab).is_empty());
    assert!(status(&lab)["failed"].is_null(), "a suspension is no failure");
}

#[test]
fn others_may_manage_it() {
    let lab = Lab::with([job(json!({"managedBy": "example.com/other"}))]);
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "");
}

/// Conformance: [sig-apps] Job should delete a job
#[test]
fn should_delete_a_job() {
    let mut lab = Lab::with([job(json!({}))]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    let gone = lab.remove(&key()).unwrap();
    assert_eq!(keys_for(&gone, &lab.world), [key(), pod.clone()]);
    assert_eq!(
        lab.plan(&CONTROLLER, &pod).to_string().lines().next(),
        Some("only if absent jobs.batch/d/pi")
    );
    lab.settle(&[CONTROLLER]);
    assert!(lab.value(&pod)["metadata"]["finalizers"].is_null());
}

#[test]
fn ten_thousand_indexes_cost_no_scan() {
    let mut lab = Lab::with([indexed(10_000, json!({"parallelism": 3}))]);
    lab.edit(&key(), |job| {
        job["status"] = json!({"completedIndexes": "0-9989", "succeeded": 9990})
    });
    settle(&mut lab);
    let indexes: Vec<u32> = active(&lab).iter().map(|pod| index(&lab, pod)).collect();
    assert_eq!(indexes.iter().min(), Some(&9990));
    assert_eq!(lab.world.held_by("job", FINALIZER).count(), 3, "only what runs is looked at");
}

proptest! {
    /// However pods end, every completion counts once, none is asked for in vain, and rounds end.
    #[test]
    fn every_end_counts_once(
        ends in proptest::collection::vec((0..6_usize, 0..4_i32), 1..40),
        completions in 1..5_u32,
        parallelism in 1..4,
        is_indexed in any::<bool>(),
    ) {
        let more = json!({"completions": completions, "parallelism": parallelism,
            "backoffLimit": 1000});
        let mut lab = Lab::with([if is_indexed { indexed(completions, more) } else { job(more) }]);
        let (mut succeeded, mut failed) = (0, 0);
        for (at, code) in ends {
            lab.pass(700);
            settle(&mut lab);
            let pods = active(&lab);
            prop_assert!(pods.len() + succeeded <= completions as usize);
            let Some(pod) = pods.get(at % pods.len().max(1)) else { break };
            end(&mut lab, pod, code);
            if code == 0 { succeeded += 1 } else { failed += 1 }
        }
        settle(&mut lab);
        let count = |name: &str| status(&lab)[name].as_u64().unwrap_or(0);
        prop_assert_eq!((count("succeeded"), count("failed")), (succeeded as u64, failed));
        let is_complete = condition(&lab, "Complete").is_some();
        prop_assert_eq!(is_complete, succeeded == completions as usize);
        prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    }
}

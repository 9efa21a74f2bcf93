//! How Jobs end.

use std::time::Duration;

use super::*;

#[test]
fn failures_are_replaced_after_a_pause_until_there_are_too_many() {
    let mut lab = Lab::with([job(json!({"backoffLimit": 2}))]);
    for pause in [10, 20] {
        settle(&mut lab);
        let pod = active(&lab).remove(0);
        end(&mut lab, &pod, 1);
        settle(&mut lab);
        assert!(active(&lab).is_empty());
        let plan = lab.plan(&CONTROLLER, &key());
        assert_eq!(plan.requeue_after, Some(Duration::from_secs(pause)));
        lab.pass(i64::try_from(pause).unwrap());
    }
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    end(&mut lab, &pod, 1);
    settle(&mut lab);
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("BackoffLimitExceeded"));
    assert_eq!(status(&lab)["failed"], 3);
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "");
}

/// Conformance: [sig-apps] Job should run a job to completion when tasks sometimes fail and are
/// locally restarted
#[test]
fn should_run_a_job_to_completion_when_tasks_sometimes_fail_and_are_locally_restarted() {
    let more = json!({"template": {"spec": {"restartPolicy": "OnFailure"}}, "backoffLimit": 3});
    let mut lab = Lab::with([job(more)]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    let restarted = |count: i32| {
        json!({"phase": "Running", "containerStatuses": [{"name": "c", "image": "", "imageID": "",
            "ready": true, "restartCount": count}]})
    };
    lab.edit(&pod, |pod| pod["status"] = restarted(2));
    settle(&mut lab);
    assert_eq!(active(&lab).len(), 1);
    lab.edit(&pod, |pod| pod["status"] = restarted(3));
    settle(&mut lab);
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("BackoffLimitExceeded"));
}

#[test]
fn a_deadline_ends_it_and_its_pods() {
    let mut lab = Lab::with([job(json!({"activeDeadlineSeconds": 30}))]);
    settle(&mut lab);
    assert_eq!(lab.plan(&CONTROLLER, &key()).requeue_after, Some(Duration::from_secs(30)));
    let pod = active(&lab).remove(0);
    lab.edit(&pod, |pod| pod["spec"]["nodeName"] = "one".into());
    lab.pass(30);
    lab.settle(&[CONTROLLER]);
    assert_eq!(condition(&lab, "FailureTarget").as_deref(), Some("DeadlineExceeded"));
    assert_eq!(condition(&lab, "Failed"), None, "its pod still runs");
    settle(&mut lab);
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("DeadlineExceeded"));
    assert!(active(&lab).is_empty());
}

#[test]
fn a_queue_of_work_ends_with_its_workers() {
    let mut lab = Lab::with([job(json!({"completions": null, "parallelism": 2}))]);
    settle(&mut lab);
    let pods = active(&lab);
    assert_eq!(pods.len(), 2);
    end(&mut lab, &pods[0], 0);
    settle(&mut lab);
    assert_eq!((active(&lab).len(), condition(&lab, "Complete")), (1, None));
    end(&mut lab, &pods[1], 0);
    settle(&mut lab);
    assert!(condition(&lab, "Complete").is_some());
    assert_eq!(status(&lab)["succeeded"], 2);
}

#[test]
fn a_pod_that_is_deleted_is_replaced() {
    let mut lab = Lab::with([job(json!({"podReplacementPolicy": "Failed"}))]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    let deleted = json!("2026-01-01T00:00:00Z");
    lab.edit(&pod, |pod| pod["metadata"]["deletionTimestamp"] = deleted);
    lab.settle(&[CONTROLLER]);
    assert!(active(&lab).is_empty(), "it is there until it has ended");
    assert_eq!(status(&lab)["terminating"], 1);
    settle(&mut lab);
    lab.pass(10);
    settle(&mut lab);
    assert_eq!((active(&lab).len(), &status(&lab)["failed"]), (1, &json!(1)));
}

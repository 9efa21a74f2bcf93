//! What failures and successes of pods mean, where a Job says so.

use super::*;

/// Ends the pods of an index, one after the other, as often as there are codes.
fn run_index(lab: &mut Lab, wanted: u32, codes: &[i32]) {
    for code in codes {
        settle(lab);
        let pods = active(lab);
        let pod = pods.iter().find(|pod| index(lab, pod) == wanted);
        let pod = pod.unwrap_or_else(|| panic!("index {wanted} does not run")).clone();
        end(lab, &pod, *code);
        settle(lab);
        lab.pass(1000);
    }
    settle(lab);
}

/// Conformance: [sig-apps] Job should execute all indexes despite some failing when using
/// backoffLimitPerIndex
#[test]
fn should_execute_all_indexes_despite_some_failing_when_using_backoff_limit_per_index() {
    let mut lab = Lab::with([indexed(3, json!({"backoffLimitPerIndex": 1, "parallelism": 3}))]);
    run_index(&mut lab, 0, &[1]);
    let pod = active(&lab).into_iter().find(|pod| index(&lab, pod) == 0).unwrap();
    let annotations = lab.world.entry(&pod).unwrap().meta.annotations.clone();
    assert_eq!(annotations["batch.kubernetes.io/job-index-failure-count"], "1");
    run_index(&mut lab, 0, &[1]);
    run_index(&mut lab, 1, &[0]);
    run_index(&mut lab, 2, &[0]);
    let status = status(&lab);
    assert_eq!(
        (&status["failedIndexes"], &status["completedIndexes"]),
        (&json!("0"), &json!("1,2"))
    );
    assert_eq!((&status["failed"], &status["succeeded"]), (&json!(2), &json!(2)));
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("FailedIndexes"));
}

/// Conformance: [sig-apps] Job should terminate job execution when the number of failed indexes
/// exceeds maxFailedIndexes
#[test]
fn should_terminate_job_execution_when_the_number_of_failed_indexes_exceeds_max_failed_indexes() {
    let more = json!({"backoffLimitPerIndex": 0, "maxFailedIndexes": 1, "parallelism": 9});
    let mut lab = Lab::with([indexed(9, more)]);
    run_index(&mut lab, 3, &[1]);
    run_index(&mut lab, 5, &[1]);
    assert_eq!(status(&lab)["failedIndexes"], "3,5");
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("MaxFailedIndexesExceeded"));
    assert!(active(&lab).is_empty());
}

/// Conformance: [sig-apps] Job should mark indexes as failed when the FailIndex action is matched
/// in podFailurePolicy
#[test]
fn should_mark_indexes_as_failed_when_the_fail_index_action_is_matched_in_pod_failure_policy() {
    let rule = json!({"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}});
    let more = json!({"backoffLimitPerIndex": 5, "podFailurePolicy": {"rules": [rule]}});
    let mut lab = Lab::with([indexed(2, more)]);
    run_index(&mut lab, 0, &[42]);
    run_index(&mut lab, 1, &[1, 0]);
    assert_eq!(status(&lab)["failedIndexes"], "0");
    assert_eq!(status(&lab)["completedIndexes"], "1");
}

/// Conformance: [sig-apps] Job should allow to use the pod failure policy on exit code to fail the
/// job early
#[test]
fn should_allow_to_use_the_pod_failure_policy_on_exit_code_to_fail_the_job_early() {
    let rule = json!({"action": "FailJob", "onExitCodes":
        {"containerName": "c", "operator": "In", "values": [1]}});
    let mut lab = Lab::with([job(json!({"podFailurePolicy": {"rules": [rule]}}))]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    end(&mut lab, &pod, 1);
    settle(&mut lab);
    assert_eq!(condition(&lab, "Failed").as_deref(), Some("PodFailurePolicy"));
    let message = format!(
        "Container c for pod d/{} failed with exit code 1 matching FailJob rule at index 0",
        pod.name
    );
    assert!(status(&lab)["conditions"].to_string().contains(&message));
}

/// Conformance: [sig-apps] Job should allow to use a pod failure policy to ignore failure matching
/// on DisruptionTarget condition
#[test]
fn should_allow_to_use_a_pod_failure_policy_to_ignore_failure_matching_on_disruption_target() {
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]});
    let more = json!({"backoffLimit": 0, "podFailurePolicy": {"rules": [rule]}});
    let mut lab = Lab::with([job(more)]);
    settle(&mut lab);
    let pod = active(&lab).remove(0);
    end(&mut lab, &pod, 137);
    let disrupted = json!([{"type": "DisruptionTarget", "status": "True"}]);
    lab.edit(&pod, |pod| pod["status"]["conditions"] = disrupted);
    settle(&mut lab);
    assert_eq!((active(&lab).len(), &status(&lab)["failed"]), (1, &Value::Null));
    let pod = active(&lab).remove(0);
    end(&mut lab, &pod, 0);
    settle(&mut lab);
    assert!(condition(&lab, "Complete").is_some());
}

/// Conformance: [sig-apps] Job with successPolicy should succeeded when all indexes succeeded
#[test]
fn with_success_policy_should_succeeded_when_all_indexes_succeeded() {
    let rule = json!({"succeededIndexes": "0-1"});
    let mut lab = Lab::with([indexed(2, json!({"successPolicy": {"rules": [rule]}}))]);
    run_index(&mut lab, 0, &[0]);
    assert_eq!(condition(&lab, "Complete"), None);
    run_index(&mut lab, 1, &[0]);
    assert_eq!(condition(&lab, "Complete").as_deref(), Some("SuccessPolicy"));
}

/// Conformance: [sig-apps] Job with successPolicy succeededIndexes rule should succeeded even when
/// some indexes remain pending
#[test]
fn with_success_policy_succeeded_indexes_should_succeeded_even_when_some_indexes_remain_pending() {
    let rule = json!({"succeededIndexes": "1"});
    let mut lab = Lab::with([indexed(3, json!({"successPolicy": {"rules": [rule]}}))]);
    run_index(&mut lab, 1, &[0]);
    assert_eq!(condition(&lab, "Complete").as_deref(), Some("SuccessPolicy"));
    assert_eq!(status(&lab)["completedIndexes"], "1");
    assert!(active(&lab).is_empty(), "the others are not needed");
}

/// Conformance: [sig-apps] Job with successPolicy succeededCount rule should succeeded even when
/// some indexes remain pending
#[test]
fn with_success_policy_succeeded_count_should_succeeded_even_when_some_indexes_remain_pending() {
    let rule = json!({"succeededCount": 1});
    let mut lab = Lab::with([indexed(3, json!({"successPolicy": {"rules": [rule]}}))]);
    run_index(&mut lab, 0, &[0]);
    assert_eq!(condition(&lab, "Complete").as_deref(), Some("SuccessPolicy"));
    assert!(condition(&lab, "SuccessCriteriaMet").is_some());
}

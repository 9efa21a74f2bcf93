//! Rounds of a CronJob: a world in, a plan as text out.

use serde_json::Value;

use super::*;
use crate::testing::Lab;

fn cron(more: Value) -> Value {
    let mut cron = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "d", "uid": "cron"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"metadata": {"labels": {"a": "b"}},
            "spec": {"template": {"spec": {"containers": []}}}}}});
    object::patch::merge::apply(&mut cron, json!({"spec": more}));
    cron
}

fn key() -> Key {
    Key::new(CRON_JOBS, "d", "tick")
}

fn jobs(lab: &Lab) -> Vec<Key> {
    lab.world.of_kind(JOBS).map(|job| job.key.clone()).collect()
}

fn finish(lab: &mut Lab, job: &Key, how: &str) {
    let now = conditions::time(lab.now);
    let status = json!({"startTime": now, "completionTime": now,
        "conditions": [{"type": how, "status": "True"}]});
    lab.edit(job, |job| job["status"] = status);
}

fn minutes(lab: &mut Lab, count: usize) {
    for _ in 0..count {
        lab.pass(60);
        lab.settle(&[CONTROLLER]);
    }
}

/// Conformance: [sig-apps] CronJob should schedule multiple jobs concurrently
#[test]
fn should_schedule_multiple_jobs_concurrently() {
    let mut lab = Lab::with([cron(json!({"concurrencyPolicy": "Allow"}))]);
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "again in 60s\n");
    minutes(&mut lab, 2);
    assert_eq!(jobs(&lab).len(), 2);
    let job = lab.value(&jobs(&lab)[0]);
    assert_eq!(job["metadata"]["annotations"][SCHEDULED_AT], "2026-01-01T00:01:00Z");
    assert_eq!(job["metadata"]["labels"]["a"], "b");
    let status = lab.value(&key())["status"].clone();
    assert_eq!(status["active"].as_array().unwrap().len(), 2);
    assert_eq!(status["lastScheduleTime"], "2026-01-01T00:02:00Z");
    assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
}

/// Conformance: [sig-apps] CronJob should not schedule jobs when suspended
#[test]
fn should_not_schedule_jobs_when_suspended() {
    let mut lab = Lab::with([cron(json!({"suspend": true}))]);
    minutes(&mut lab, 3);
    assert!(jobs(&lab).is_empty());
}

/// Conformance: [sig-apps] CronJob should not schedule new jobs when ForbidConcurrent
#[test]
fn should_not_schedule_new_jobs_when_forbid_concurrent() {
    let mut lab = Lab::with([cron(json!({"concurrencyPolicy": "Forbid"}))]);
    minutes(&mut lab, 3);
    assert_eq!(jobs(&lab).len(), 1);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains("JobAlreadyActive") && !plan.contains("create"), "{plan}");
    let first = jobs(&lab).remove(0);
    finish(&mut lab, &first, "Complete");
    lab.settle(&[CONTROLLER]);
    assert_eq!(jobs(&lab).len(), 2, "the last time that was missed is made up for");
}

/// Conformance: [sig-apps] CronJob should replace jobs when ReplaceConcurrent
#[test]
fn should_replace_jobs_when_replace_concurrent() {
    let mut lab = Lab::with([cron(json!({"concurrencyPolicy": "Replace"}))]);
    minutes(&mut lab, 1);
    let first = jobs(&lab);
    minutes(&mut lab, 1);
    assert_eq!(jobs(&lab).len(), 1);
    assert_ne!(jobs(&lab), first);
}

#[test]
fn keeps_as_much_history_as_asked_for() {
    let limits = json!({"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 0});
    let mut lab = Lab::with([cron(limits)]);
    for minute in 0..5 {
        minutes(&mut lab, 1);
        let job = jobs(&lab).pop().unwrap();
        finish(&mut lab, &job, if minute == 4 { "Failed" } else { "Complete" });
    }
    lab.settle(&[CONTROLLER]);
    assert_eq!(jobs(&lab).len(), 2);
    let status = lab.value(&key())["status"].clone();
    assert_eq!(status["lastSuccessfulTime"], "2026-01-01T00:04:00Z");
    assert!(status["active"].is_null());
}

#[test]
fn what_is_too_late_is_not_made_up_for() {
    let mut lab =
        Lab::with([cron(json!({"schedule": "0 * * * *", "startingDeadlineSeconds": 30}))]);
    lab.pass(3600 + 31);
    let plan = lab.plan(&CONTROLLER, &key());
    assert!(plan.actions.is_empty(), "{plan}");
    lab.pass(3600 - 2);
    assert!(lab.plan(&CONTROLLER, &key()).to_string().contains("create jobs.batch/d/tick-"));
}

#[test]
fn what_never_comes_is_told_once_and_waits_for_nothing() {
    for (schedule, reason) in
        [("0 0 30 2 *", "UnsatisfiableSchedule"), ("x * * * *", "UnparseableSchedule")]
    {
        let lab = Lab::with([cron(json!({"schedule": schedule}))]);
        let plan = lab.plan(&CONTROLLER, &key());
        assert!(plan.to_string().contains(reason), "{plan}");
        assert_eq!((plan.actions.len(), plan.requeue_after), (1, None));
    }
}

#[test]
fn a_job_whose_note_was_lost_is_not_started_twice() {
    let mut lab = Lab::with([cron(json!({}))]);
    lab.pass(60);
    let plan = lab.plan(&CONTROLLER, &key());
    let create = plan.actions.iter().filter(|action| matches!(action, Action::Create { .. }));
    let only_create = Plan { actions: create.cloned().collect(), ..Plan::default() };
    lab.apply(&only_create);
    lab.settle(&[CONTROLLER]);
    assert_eq!(jobs(&lab).len(), 1);
    assert_eq!(lab.value(&key())["status"]["lastScheduleTime"], "2026-01-01T00:01:00Z");
}

/// The Job of a later time took the place of the one whose note was lost.
#[test]
fn what_a_later_job_has_replaced_is_not_started_again() {
    let mut lab = Lab::with([cron(json!({"concurrencyPolicy": "Replace"}))]);
    minutes(&mut lab, 2);
    let later = jobs(&lab);
    assert_eq!(later.len(), 1);
    lab.edit(&key(), |cron| cron["status"] = json!({}));
    lab.set_clock(-60);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(!plan.contains("create"), "{plan}");
    lab.settle(&[CONTROLLER]);
    assert_eq!(jobs(&lab), later);
    assert_eq!(lab.value(&key())["status"]["lastScheduleTime"], "2026-01-01T00:02:00Z");
}

#[test]
fn what_could_not_be_started_is_not_noted_as_started() {
    let mut lab = Lab::with([cron(json!({"concurrencyPolicy": "Allow"}))]);
    lab.pass(60);
    let plan = lab.plan(&CONTROLLER, &key());
    let refused = plan.actions.into_iter().filter(|a| matches!(a, Action::SetStatus { .. }));
    // A status is written though the creation before it was refused.
    lab.apply(&Plan { actions: refused.collect(), ..Plan::default() });
    assert!(lab.value(&key())["status"]["lastScheduleTime"].is_null());
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.starts_with("create jobs.batch/d/tick-"), "{plan}");
    assert!(plan.contains("\nupdate cronjobs.batch/d/tick/status\n"), "{plan}");
}

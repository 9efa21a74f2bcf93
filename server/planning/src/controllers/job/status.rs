//! A Job's status, and the end of its round.

use k8s_openapi::api::batch::v1::JobCondition;

use super::{
    release, scale,
    work::{Ending, State, Work},
};
use crate::{
    Action, Plan, Severity, conditions,
    pods::{self, count, some},
};

const SUSPENDED: &str = "Suspended";

/// First the status, which notes whose end is counted; then what depends on its having been
/// written.
pub(super) fn finish(mut work: Work<'_>) -> Plan {
    let memory = scale::memory(&work);
    // Nothing is begun before it is known since when.
    let is_begun = work.status.start_time.is_some() || work.is_suspended();
    count_pods(&mut work);
    note_suspension(&mut work);
    if let Some(ending) = work.ending.clone() {
        note_ending(&mut work, &ending);
    }
    let mut actions = std::mem::take(&mut work.before);
    if work.job.status.as_ref() != Some(&work.status) {
        actions.extend(pods::set_status(work.entry, &work.status));
    }
    actions.extend(work.released.iter().map(|at| release(work.tracked[*at].entry)));
    if is_begun {
        actions.append(&mut work.after);
    } else {
        work.events.retain(|event| !is_of_pods(event));
    }
    actions.append(&mut work.events);
    let actions = pods::sort_events(actions);
    Plan { actions, requeue_after: work.waits.iter().min().copied(), memory }
}

fn is_of_pods(event: &Action) -> bool {
    matches!(event, Action::Record(event) if event.reason == "SuccessfulCreate")
}

fn count_pods(work: &mut Work<'_>) {
    let is_ready = |pod: &&super::work::Tracked<'_>| {
        pod.entry.pod().is_some_and(crate::world::PodSummary::is_ready)
    };
    let active = count(work.of_state(State::Active));
    let ready = count(work.of_state(State::Active).filter(is_ready));
    let is_leaving = |pod: &&super::work::Tracked<'_>| {
        pod.entry.meta.is_deleting() && pod.entry.pod().is_some_and(|pod| !pod.is_finished())
    };
    let terminating = count(work.tracked.iter().filter(is_leaving));
    work.status.active = some(active);
    work.status.ready = Some(ready);
    work.status.terminating = Some(terminating);
    if work.is_indexed {
        work.status.succeeded = some(i32::try_from(work.completed.len()).unwrap_or(i32::MAX));
        work.status.completed_indexes =
            Some(work.completed.to_string()).filter(|text| !text.is_empty());
    }
    if work.limit_per_index().is_some() {
        work.status.failed_indexes = Some(work.failed_indexes.to_string());
    }
}

fn note_suspension(work: &mut Work<'_>) {
    if work.ending.is_some() {
        return;
    }
    let was = work.has_condition(SUSPENDED);
    if work.is_suspended() {
        if !was {
            set(work, SUSPENDED, "True", "JobSuspended", "Job suspended");
            work.event(Severity::Normal, "Suspended", "Job suspended".to_owned());
        }
        work.status.start_time = None;
        return;
    }
    if was {
        set(work, SUSPENDED, "False", "JobResumed", "Job resumed");
        work.event(Severity::Normal, "Resumed", "Job resumed".to_owned());
    }
    if work.status.start_time.is_none() {
        work.status.start_time = Some(conditions::time(work.now));
    }
}

/// A Job has ended when all its pods are gone and counted.
fn note_ending(work: &mut Work<'_>, ending: &Ending) {
    let (first, last) = if ending.succeeds {
        ("SuccessCriteriaMet", "Complete")
    } else {
        ("FailureTarget", "Failed")
    };
    if !work.has_condition(first) {
        set(work, first, "True", &ending.reason, &ending.message);
    }
    let noted = work.status.uncounted_terminated_pods.clone().unwrap_or_default();
    let is_counted = noted.succeeded.is_none_or(|pods| pods.is_empty())
        && noted.failed.is_none_or(|pods| pods.is_empty());
    if !work.tracked.is_empty() || !is_counted || work.is_finished() {
        return;
    }
    set(work, last, "True", &ending.reason, &ending.message);
    if ending.succeeds {
        work.status.completion_time = Some(conditions::time(work.now));
        work.event(Severity::Normal, "Completed", "Job completed".to_owned());
    }
}

fn set(work: &mut Work<'_>, type_: &str, status: &str, reason: &str, message: &str) {
    let time = Some(conditions::time(work.now));
    let all = work.status.conditions.get_or_insert_default();
    all.retain(|condition| condition.type_ != type_);
    all.push(JobCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: time.clone(),
        last_transition_time: time,
    });
}

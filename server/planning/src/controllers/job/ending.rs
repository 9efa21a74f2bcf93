//! Whether a Job is done, or has failed.

use jiff::{SignedDuration, Timestamp};

use super::{
    indexes::Indexes,
    work::{Ending, State, Work},
};
use crate::Severity;

pub(super) fn decide(work: &mut Work<'_>) {
    let was_decided =
        work.has_condition("FailureTarget") || work.has_condition("SuccessCriteriaMet");
    if work.ending.is_none() {
        work.ending = success(work).or_else(|| failure(work));
    }
    let Some(ending) = work.ending.clone().filter(|_| !was_decided) else { return };
    if !ending.succeeds {
        let reason = match ending.reason.as_str() {
            "PodFailurePolicy" => "PodFailurePolicy",
            "DeadlineExceeded" => "DeadlineExceeded",
            "MaxFailedIndexesExceeded" => "MaxFailedIndexesExceeded",
            "FailedIndexes" => "FailedIndexes",
            _ => "BackoffLimitExceeded",
        };
        work.event(Severity::Warning, reason, ending.message);
    }
}

fn success(work: &Work<'_>) -> Option<Ending> {
    if let Some(rule) = matched_rule(work) {
        let message = format!("Matched rules at index {rule}");
        return Some(ending(true, "SuccessPolicy", message));
    }
    let succeeded = work.succeeded();
    let is_reached = match work.completions {
        Some(completions) => succeeded >= completions,
        // A queue of work is empty when one pod says so and none works any more.
        None => {
            succeeded > 0
                && work.of_state(State::Active).next().is_none()
                && work.of_state(State::Terminating).next().is_none()
        }
    };
    is_reached.then(|| {
        let message = "Reached expected number of succeeded pods".to_owned();
        ending(true, "CompletionsReached", message)
    })
}

fn matched_rule(work: &Work<'_>) -> Option<usize> {
    let policy = work.spec().success_policy.as_ref().filter(|_| work.is_indexed)?;
    policy.rules.iter().position(|rule| {
        let count = rule.succeeded_count.and_then(|count| u32::try_from(count).ok());
        match &rule.succeeded_indexes {
            Some(text) => {
                let wanted = Indexes::parse(text, work.completions.unwrap_or(0));
                let done = wanted.common(&work.completed);
                done >= count.unwrap_or(wanted.len())
            }
            None => count.is_some_and(|count| work.completed.len() >= count),
        }
    })
}

fn failure(work: &mut Work<'_>) -> Option<Ending> {
    if let Some(why) = deadline(work) {
        return Some(why);
    }
    let spec = work.spec();
    if let Some(completions) = work.completions.filter(|_| work.limit_per_index().is_some()) {
        let failed = work.failed_indexes.len();
        let most = spec.max_failed_indexes.and_then(|most| u32::try_from(most).ok());
        if most.is_some_and(|most| failed > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return Some(ending(false, "MaxFailedIndexesExceeded", message.to_owned()));
        }
        if failed > 0 && failed + work.completed.len() >= completions {
            let message = "Job has failed indexes".to_owned();
            return Some(ending(false, "FailedIndexes", message));
        }
    }
    let limit = spec.backoff_limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(6);
    if work.failed() > limit || restarts_exceed(work, limit) {
        let message = "Job has reached the specified backoff limit".to_owned();
        return Some(ending(false, "BackoffLimitExceeded", message));
    }
    None
}

/// Containers that their node restarts count, too.
fn restarts_exceed(work: &Work<'_>, limit: u32) -> bool {
    let template = work.spec().template.spec.as_ref();
    if template.and_then(|spec| spec.restart_policy.as_deref()) != Some("OnFailure") {
        return false;
    }
    let restarts: u32 = work
        .of_state(State::Active)
        .filter_map(|pod| u32::try_from(pod.entry.pod()?.restarts).ok())
        .sum();
    restarts > 0 && restarts >= limit
}

fn deadline(work: &mut Work<'_>) -> Option<Ending> {
    let seconds = work.spec().active_deadline_seconds.filter(|_| !work.is_suspended())?;
    let start: Timestamp = work.status.start_time.as_ref()?.0;
    let left = start.saturating_add(SignedDuration::from_secs(seconds)).ok()?;
    let left = std::time::Duration::try_from(left.duration_since(work.now)).unwrap_or_default();
    if !left.is_zero() {
        work.waits.push(left);
        return None;
    }
    let message = "Job was active longer than specified deadline".to_owned();
    Some(ending(false, "DeadlineExceeded", message))
}

fn ending(succeeds: bool, reason: &str, message: String) -> Ending {
    Ending { succeeds, reason: reason.to_owned(), message }
}

//! How many pods run at once, and when those that failed are replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::json;

use super::{
    accounting::{FAILURES, IGNORED, failures_before},
    create,
    failure_policy::{self, Verdict},
    release,
    work::{State, Work},
};
use crate::{Memory, Severity, pods};

/// A pod that failed is replaced after a pause, which doubles with each failure.
const PAUSE_MIN: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// At most so many pods are created or deleted by one plan; the next one goes on.
const BURST_MAX: usize = 250;

/// What the next pod of an index carries on.
#[derive(Clone, Copy, Default)]
pub(super) struct Tries {
    pub(super) failures: u32,
    pub(super) ignored: u32,
}

pub(super) fn scale(work: &mut Work<'_>) {
    if work.ending.is_some() {
        return stop(work);
    }
    let active: Vec<usize> = at_states(work, &[State::Active]);
    if work.is_suspended() {
        return remove(work, &active);
    }
    let wanted = wanted(work, active.len());
    let doubles = doubles(work, &active);
    if !doubles.is_empty() {
        return remove(work, &doubles);
    }
    if active.len() > wanted {
        let surplus = active.len() - wanted;
        let mut ranked = active;
        // What has come least far goes first; of equals the highest index.
        ranked.sort_by_key(|at| {
            let pod = &work.tracked[*at];
            let phase = pod.entry.pod().map(|summary| (summary.phase, summary.is_ready()));
            (phase, std::cmp::Reverse(pod.index), pod.entry.key.clone())
        });
        ranked.truncate(surplus.min(BURST_MAX));
        return remove(work, &ranked);
    }
    let replaces_failed = is_strict(work);
    let terminating = at_states(work, &[State::Terminating]);
    let busy = active.len() + if replaces_failed { terminating.len() } else { 0 };
    let missing = wanted.saturating_sub(busy).min(BURST_MAX);
    if missing > 0 {
        add(work, missing);
    }
}

fn is_strict(work: &Work<'_>) -> bool {
    let spec = work.spec();
    spec.pod_replacement_policy.as_deref() == Some("Failed") || spec.pod_failure_policy.is_some()
}

fn at_states(work: &Work<'_>, states: &[State]) -> Vec<usize> {
    let all = work.tracked.iter().enumerate();
    all.filter(|(_, pod)| states.contains(&pod.state)).map(|(at, _)| at).collect()
}

fn wanted(work: &Work<'_>, active: usize) -> usize {
    let parallelism = work.spec().parallelism.unwrap_or(1).max(0);
    let parallelism = usize::try_from(parallelism).unwrap_or(0);
    match work.completions {
        None if work.succeeded() > 0 => active,
        None => parallelism,
        Some(completions) => {
            let over = work.succeeded() + work.failed_indexes.len();
            let left = usize::try_from(completions.saturating_sub(over)).unwrap_or(usize::MAX);
            left.min(parallelism)
        }
    }
}

/// Of an index that is done, beyond the completions or has two pods, pods that should not run.
fn doubles(work: &Work<'_>, active: &[usize]) -> Vec<usize> {
    if !work.is_indexed {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut surplus = Vec::new();
    for at in active {
        let index = work.tracked[*at].index;
        let is_asked = index.is_some_and(|index| {
            work.completions.is_some_and(|bound| index < bound)
                && !work.completed.contains(index)
                && !work.failed_indexes.contains(index)
        });
        if !is_asked || !seen.insert(index) {
            surplus.push(*at);
        }
    }
    surplus
}

/// A Job that ends takes its pods along, and counts them.
fn stop(work: &mut Work<'_>) {
    for at in at_states(work, &[State::Active]).into_iter().take(BURST_MAX) {
        let pod = work.tracked[at].entry;
        work.after.push(pods::delete(pod));
        let message = format!("Deleted pod: {}", pod.key.name);
        work.event(Severity::Normal, "SuccessfulDelete", message);
    }
}

/// Pods that are too many go without being counted.
fn remove(work: &mut Work<'_>, doomed: &[usize]) {
    for at in doomed.iter().take(BURST_MAX) {
        let pod = work.tracked[*at].entry;
        work.after.push(release(pod));
        work.after.push(pods::delete(pod));
        let message = format!("Deleted pod: {}", pod.key.name);
        work.event(Severity::Normal, "SuccessfulDelete", message);
    }
}

fn add(work: &mut Work<'_>, missing: usize) {
    if let Some(failure) = pods::refusal(work.failures, "create pods") {
        let message = format!("Error creating: {}", failure.error);
        work.event(Severity::Warning, "FailedCreate", message);
    }
    if !work.is_indexed {
        if pause_left(work).is_zero() {
            create::numbered(work, missing);
        }
        return;
    }
    let tries = due_tries(work);
    if work.limit_per_index().is_none() && !pause_left(work).is_zero() {
        return;
    }
    let busy: BTreeSet<u32> = work
        .tracked
        .iter()
        .filter(|pod| matches!(pod.state, State::Active | State::Terminating))
        .filter_map(|pod| pod.index)
        .collect();
    let bound = work.completions.unwrap_or(0);
    let due: Vec<(u32, Tries)> = work
        .completed
        .gaps(bound)
        .filter(|index| !busy.contains(index) && !work.failed_indexes.contains(*index))
        .filter_map(|index| match tries.get(&index) {
            None => Some((index, Tries::default())),
            Some(due) => due.map(|tries| (index, tries)),
        })
        .take(missing)
        .collect();
    create::indexed(work, &due);
}

/// For each index whose last pod failed, what the next one carries on, once its pause is over.
fn due_tries(work: &mut Work<'_>) -> BTreeMap<u32, Option<Tries>> {
    let mut due = BTreeMap::new();
    for at in work.waiting.clone() {
        let pod = &work.tracked[at];
        let Some(index) = pod.index else { continue };
        let is_ignored = failure_policy::judge(work, pod.entry) == Verdict::Ignore;
        let tries = Tries {
            failures: failures_before(pod, FAILURES) + u32::from(!is_ignored),
            ignored: failures_before(pod, IGNORED) + u32::from(is_ignored),
        };
        let left = left(ended_at(pod.entry), tries.failures, work.now);
        if !left.is_zero() {
            work.waits.push(left);
        }
        due.insert(index, left.is_zero().then_some(tries));
    }
    due
}

/// When a failed pod's containers ended, as far as it is known.
fn ended_at(entry: &crate::Entry) -> Timestamp {
    let pod = entry.read::<k8s_openapi::api::core::v1::Pod>();
    let statuses = pod.and_then(|pod| pod.status?.container_statuses);
    let ends = statuses.iter().flatten().filter_map(|container| {
        Some(container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0)
    });
    let deleted = entry.meta.deletion_timestamp;
    ends.max().or(deleted).or(entry.meta.creation_timestamp).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn left(last: Timestamp, failures: u32, now: Timestamp) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let pause = PAUSE_MIN.saturating_mul(1 << (failures - 1).min(16)).min(PAUSE_MAX);
    let age = now.duration_since(last);
    // Far ahead: the clock was set back since. It would have to come there again.
    if age.is_negative() && age.unsigned_abs() > pause {
        return Duration::ZERO;
    }
    pause.saturating_sub(Duration::try_from(age).unwrap_or_default())
}

/// Failures in a row, as this engine saw them: `[count, last]`.
fn row(work: &Work<'_>) -> (u32, Timestamp) {
    let count = work.memory[0].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let last = work.memory[1].as_str().and_then(|text| text.parse().ok());
    let (count, last) = (count, last.unwrap_or(work.now));
    match (work.new_failures, work.new_successes) {
        (0, 0) => (count, last),
        (_, 1..) => (0, work.now),
        (new, 0) => {
            let ends = work.released.iter().map(|at| &work.tracked[*at]);
            let failed = ends.filter(|pod| pod.state == State::Failed);
            (count + new, failed.map(|pod| ended_at(pod.entry)).max().unwrap_or(work.now))
        }
    }
}

fn pause_left(work: &mut Work<'_>) -> Duration {
    let (count, last) = row(work);
    let left = left(last, count, work.now);
    if !left.is_zero() {
        work.waits.push(left);
    }
    left
}

pub(super) fn memory(work: &Work<'_>) -> Memory {
    match row(work) {
        (0, _) => Memory::Null,
        (count, last) => json!([count, last.to_string()]),
    }
}

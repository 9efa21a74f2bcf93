//! The counting of pods that have ended.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::batch::v1::UncountedTerminatedPods;

use super::{
    failure_policy::{self, Verdict},
    work::{Ending, State, Tracked, Work},
};

/// Of pods of Jobs that limit failures per index: how often the index has failed before.
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
pub(super) const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// At most so many ends are noted by one status.
const NOTED_MAX: usize = 500;

pub(super) fn count(work: &mut Work<'_>) {
    settle(work);
    let tries = tries_per_index(work);
    for at in 0..work.tracked.len() {
        if work.released.len() >= NOTED_MAX {
            return;
        }
        match work.tracked[at].state {
            State::Succeeded => succeed(work, at),
            State::Failed => fail(work, at, &tries),
            State::Active | State::Terminating => {}
        }
    }
}

/// Counts the noted pods whose finalizer is gone.
fn settle(work: &mut Work<'_>) {
    let held: BTreeSet<&str> = work.tracked.iter().map(|pod| &*pod.entry.meta.uid).collect();
    let noted = work.status.uncounted_terminated_pods.take().unwrap_or_default();
    let split = |uids: Option<Vec<String>>| {
        let (left, done): (Vec<_>, Vec<_>) =
            uids.unwrap_or_default().into_iter().partition(|uid| held.contains(uid.as_str()));
        (Some(left).filter(|left| !left.is_empty()), i32::try_from(done.len()).unwrap_or(i32::MAX))
    };
    let (succeeded, new_successes) = split(noted.succeeded);
    let (failed, new_failures) = split(noted.failed);
    let add = |count: &mut Option<i32>, more: i32| {
        if more > 0 {
            *count = Some(count.unwrap_or(0).saturating_add(more));
        }
    };
    add(&mut work.status.succeeded, new_successes);
    add(&mut work.status.failed, new_failures);
    work.status.uncounted_terminated_pods = Some(UncountedTerminatedPods { failed, succeeded });
}

fn noted<'t>(work: &'t mut Work<'_>) -> &'t mut UncountedTerminatedPods {
    work.status.uncounted_terminated_pods.get_or_insert_default()
}

fn succeed(work: &mut Work<'_>, at: usize) {
    let Tracked { entry, index, .. } = work.tracked[at];
    if work.is_indexed {
        let is_asked = |index: &u32| work.completions.is_some_and(|bound| *index < bound);
        if let Some(index) = index.filter(is_asked).filter(|i| !work.completed.contains(*i)) {
            work.completed.insert(index);
            work.new_successes += 1;
        }
    } else {
        let uid = entry.meta.uid.to_string();
        let list = noted(work).succeeded.get_or_insert_default();
        if !list.contains(&uid) {
            list.push(uid);
            work.new_successes += 1;
        }
    }
    work.released.push(at);
}

/// The highest number of tries that each index is known to have had.
fn tries_per_index(work: &Work<'_>) -> BTreeMap<u32, u32> {
    let mut tries = BTreeMap::new();
    for pod in &work.tracked {
        if let Some(index) = pod.index {
            let own = failures_before(pod, FAILURES) + failures_before(pod, IGNORED);
            let most = tries.entry(index).or_insert(own);
            *most = own.max(*most);
        }
    }
    tries
}

pub(super) fn failures_before(pod: &Tracked<'_>, annotation: &str) -> u32 {
    let text = pod.entry.meta.annotations.get(annotation);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn fail(work: &mut Work<'_>, at: usize, tries: &BTreeMap<u32, u32>) {
    let verdict = failure_policy::judge(work, work.tracked[at].entry);
    let uid = work.tracked[at].entry.meta.uid.to_string();
    if let Verdict::FailJob(message) = &verdict
        && work.ending.is_none()
    {
        work.ending = Some(Ending {
            succeeds: false,
            reason: "PodFailurePolicy".to_owned(),
            message: message.clone(),
        });
    }
    if !waits_for_successor(work, at, &verdict, tries) {
        work.released.push(at);
        let list = noted(work).failed.get_or_insert_default();
        if verdict != Verdict::Ignore && !list.contains(&uid) {
            list.push(uid);
            work.new_failures += 1;
        }
        noted(work).failed.take_if(|list| list.is_empty());
    }
}

/// Where each index has its own count, a failed pod holds it until a successor carries it on.
fn waits_for_successor(
    work: &mut Work<'_>,
    at: usize,
    verdict: &Verdict,
    tries: &BTreeMap<u32, u32>,
) -> bool {
    let (Some(limit), Some(index)) = (work.limit_per_index(), work.tracked[at].index) else {
        return false;
    };
    let pod = &work.tracked[at];
    let failures = failures_before(pod, FAILURES);
    let own = failures + failures_before(pod, IGNORED);
    let is_over = work.completed.contains(index) || work.failed_indexes.contains(index);
    if is_over || work.ending.is_some() || tries.get(&index).is_some_and(|most| *most > own) {
        return false;
    }
    let is_given_up = match verdict {
        Verdict::FailIndex => true,
        Verdict::Ignore => false,
        Verdict::Count | Verdict::FailJob(_) => failures + 1 > limit,
    };
    if is_given_up {
        work.failed_indexes.insert(index);
        return false;
    }
    work.waiting.push(at);
    true
}

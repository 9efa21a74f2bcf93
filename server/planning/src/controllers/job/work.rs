//! What a round knows of a Job and the pods whose end is not counted yet, and what it has decided
//! so far.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use serde_json::json;

use super::{CONTROLLER, FINALIZER, indexes::Indexes};
use crate::{
    Action, Entry, Failure, Memory, Round, Severity, World, owners, pods,
    pods::{PODS, is_running},
    world::Phase,
};

pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const OURS: &str = "kubernetes.io/job-controller";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// Told to go, and still there.
    Terminating,
    Succeeded,
    Failed,
}

/// A pod that its finalizer holds.
pub(super) struct Tracked<'w> {
    pub(super) entry: &'w Arc<Entry>,
    pub(super) index: Option<u32>,
    pub(super) state: State,
}

impl Tracked<'_> {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Succeeded | State::Failed)
    }
}

/// Why a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) succeeds: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

pub(super) struct Work<'w> {
    pub(super) world: &'w World,
    pub(super) now: Timestamp,
    pub(super) failures: &'w [Failure],
    pub(super) memory: &'w Memory,
    pub(super) entry: &'w Arc<Entry>,
    pub(super) job: Job,
    pub(super) status: JobStatus,
    pub(super) completions: Option<u32>,
    pub(super) is_indexed: bool,
    pub(super) tracked: Vec<Tracked<'w>>,
    /// Indexes that are done, and those that are given up.
    pub(super) completed: Indexes,
    pub(super) failed_indexes: Indexes,
    pub(super) ending: Option<Ending>,
    /// Pods whose end this round counts: how many, and when the last one failed.
    pub(super) new_failures: u32,
    pub(super) new_successes: u32,
    /// Failed pods that tell how often their index failed, until they are replaced.
    pub(super) waiting: Vec<usize>,
    /// Pods whose finalizer goes once the status is written.
    pub(super) released: Vec<usize>,
    pub(super) before: Vec<Action>,
    pub(super) after: Vec<Action>,
    pub(super) events: Vec<Action>,
    pub(super) waits: Vec<std::time::Duration>,
}

impl<'w> Work<'w> {
    pub(super) fn of(round: &Round<'w>) -> Option<Self> {
        let entry = round.world.entry(round.key)?;
        let job: Job = entry.read()?;
        let spec = job.spec.as_ref()?;
        let mut status = job.status.clone().unwrap_or_default();
        status.uncounted_terminated_pods.get_or_insert_default();
        let is_indexed = spec.completion_mode.as_deref() == Some("Indexed");
        let completions = spec.completions.and_then(|count| u32::try_from(count).ok());
        let bound = completions.unwrap_or(0);
        let indexes = |text: &Option<String>| {
            Indexes::parse(text.as_deref().filter(|_| is_indexed).unwrap_or_default(), bound)
        };
        let ending = ending_of(&status);
        let replaces_failed = spec.pod_replacement_policy.as_deref() == Some("Failed");
        // A Job that ends waits for its pods to be gone; so does one that replaces no pod before.
        let is_strict = replaces_failed || spec.pod_failure_policy.is_some() || ending.is_some();
        let tracked = round
            .world
            .held_by(&entry.meta.uid, FINALIZER)
            .filter(|pod| &*pod.key.kind == PODS)
            .filter(|pod| pod.meta.controller().is_some_and(|owner| owner.uid == entry.meta.uid))
            .map(|pod| Tracked {
                entry: pod,
                index: index_of(pod).filter(|_| is_indexed),
                state: state_of(pod, is_strict),
            })
            .collect();
        Some(Self {
            world: round.world,
            now: round.now,
            failures: round.failures,
            memory: round.memory,
            entry,
            completions,
            is_indexed,
            tracked,
            completed: indexes(&status.completed_indexes),
            failed_indexes: indexes(&status.failed_indexes),
            job,
            status,
            ending,
            new_failures: 0,
            new_successes: 0,
            waiting: Vec::new(),
            released: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            events: Vec::new(),
            waits: Vec::new(),
        })
    }

    pub(super) fn spec(&self) -> &k8s_openapi::api::batch::v1::JobSpec {
        self.job.spec.as_ref().expect("a round is only begun with one")
    }

    /// Another controller may have been named.
    pub(super) fn is_ours(&self) -> bool {
        self.spec().managed_by.as_deref().is_none_or(|name| name == OURS)
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.spec().suspend == Some(true)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.has_condition("Complete") || self.has_condition("Failed")
    }

    pub(super) fn has_condition(&self, type_: &str) -> bool {
        let all = self.status.conditions.iter().flatten();
        all.into_iter().any(|condition| condition.type_ == type_ && condition.status == "True")
    }

    pub(super) fn of_state(&self, state: State) -> impl Iterator<Item = &Tracked<'w>> {
        self.tracked.iter().filter(move |pod| pod.state == state)
    }

    /// Ends that count, in the status or about to.
    pub(super) fn succeeded(&self) -> u32 {
        if self.is_indexed {
            return self.completed.len();
        }
        let uncounted = self.status.uncounted_terminated_pods.iter();
        let uncounted: usize = uncounted.flat_map(|pods| &pods.succeeded).map(Vec::len).sum();
        number(self.status.succeeded) + u32::try_from(uncounted).unwrap_or(u32::MAX)
    }

    pub(super) fn failed(&self) -> u32 {
        let uncounted = self.status.uncounted_terminated_pods.iter();
        let uncounted: usize = uncounted.flat_map(|pods| &pods.failed).map(Vec::len).sum();
        number(self.status.failed) + u32::try_from(uncounted).unwrap_or(u32::MAX)
    }

    /// How often an index may fail, if each has its own count.
    pub(super) fn limit_per_index(&self) -> Option<u32> {
        self.spec().backoff_limit_per_index.and_then(|limit| u32::try_from(limit).ok())
    }

    pub(super) fn event(&mut self, severity: Severity, reason: &'static str, message: String) {
        let source = CONTROLLER.name;
        self.events.push(pods::record(self.entry, source, severity, reason, message));
    }

    /// Takes pods without controller that the selector means, with the finalizer; gives up those
    /// that it no longer means.
    pub(super) fn adopt(&mut self) {
        let Some(selector) = self.entry.selector().filter(|s| !s.requirements().is_empty()) else {
            return;
        };
        let uid = &self.entry.meta.uid;
        let namespace = &self.entry.key.namespace;
        let orphans = self.world.orphans(PODS, namespace, selector);
        for pod in orphans.into_iter().filter(|pod| is_running(pod)) {
            let reference = json!(owners::controller_reference(self.entry));
            let taken = owners::set_owners(pod, |owners| owners.push(reference));
            self.before.push(with_finalizer(taken, pod, true));
        }
        let (own, strangers): (Vec<_>, Vec<_>) = std::mem::take(&mut self.tracked)
            .into_iter()
            .partition(|pod| selector.matches(&pod.entry.meta.labels));
        self.tracked = own;
        for pod in strangers.iter().map(|pod| pod.entry) {
            let given_up = owners::set_owners(pod, |owners| {
                owners.retain(|reference| reference["uid"] != **uid);
            });
            self.before.push(with_finalizer(given_up, pod, false));
        }
    }
}

fn with_finalizer(mut patch_of_owners: Action, pod: &Entry, has: bool) -> Action {
    if let Action::Patch { patch, .. } = &mut patch_of_owners {
        let finalizers = pod.meta.finalizers.iter().map(String::as_str);
        let others = finalizers.filter(|finalizer| *finalizer != FINALIZER);
        let all: Vec<&str> = others.chain(has.then_some(FINALIZER)).collect();
        patch["metadata"]["finalizers"] =
            if all.is_empty() { serde_json::Value::Null } else { json!(all) };
    }
    patch_of_owners
}

pub(super) fn number(count: Option<i32>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn index_of(pod: &Entry) -> Option<u32> {
    pod.meta.annotations.get(INDEX)?.parse().ok()
}

fn state_of(pod: &Entry, is_strict: bool) -> State {
    let is_over = pod.meta.deletion_grace_period_seconds == Some(0);
    match pod.pod().map(|pod| pod.phase) {
        Some(Phase::Succeeded) => State::Succeeded,
        Some(Phase::Failed) => State::Failed,
        _ if !pod.meta.is_deleting() => State::Active,
        _ if is_strict && !is_over => State::Terminating,
        _ => State::Failed,
    }
}

/// What an earlier round decided.
fn ending_of(status: &JobStatus) -> Option<Ending> {
    let all = status.conditions.iter().flatten();
    let decided = all.into_iter().find(|condition| {
        condition.status == "True"
            && matches!(&*condition.type_, "FailureTarget" | "SuccessCriteriaMet")
    })?;
    Some(Ending {
        succeeds: decided.type_ == "SuccessCriteriaMet",
        reason: decided.reason.clone().unwrap_or_default(),
        message: decided.message.clone().unwrap_or_default(),
    })
}

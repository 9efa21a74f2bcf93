//! A ReplicaSet's status.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use serde_json::json;

use super::{Active, available_in};
use crate::{Action, Entry, Round, conditions};

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// The write of the status, if it changed.
pub(super) fn action(
    round: &Round<'_>,
    entry: &Entry,
    set: &ReplicaSet,
    active: &[Active<'_>],
    min_ready: Duration,
) -> Option<Action> {
    let old = set.status.clone().unwrap_or_default();
    let template = set.spec.template.as_ref();
    let labels = template.and_then(|template| template.metadata.as_ref()?.labels.as_ref());
    let has_labels = |pod: &&Active<'_>| {
        let own = &pod.entry.meta.labels;
        labels.into_iter().flatten().all(|(label, value)| own.get(label) == Some(value))
    };
    let is_available =
        |one: &&Active<'_>| available_in(one.pod, min_ready, round.now) == Some(Duration::ZERO);
    let new = ReplicaSetStatus {
        replicas: count(active.iter()),
        fully_labeled_replicas: some(count(active.iter().filter(has_labels))),
        ready_replicas: some(count(active.iter().filter(|one| one.pod.is_ready()))),
        available_replicas: some(count(active.iter().filter(is_available))),
        observed_generation: Some(entry.meta.generation),
        conditions: conditions_now(round, &old),
        ..ReplicaSetStatus::default()
    };
    if set.status.as_ref() == Some(&new) {
        return None;
    }
    let set = ReplicaSet { status: Some(new), ..set.clone() };
    Some(Action::SetStatus { key: entry.key.clone(), body: json!(set) })
}

fn count<T>(pods: impl Iterator<Item = T>) -> i32 {
    i32::try_from(pods.count()).unwrap_or(i32::MAX)
}

/// Kubernetes leaves zeros out.
fn some(count: i32) -> Option<i32> {
    Some(count).filter(|count| *count > 0)
}

/// Tells what the last round could not do, for as long as it can not.
fn conditions_now(round: &Round<'_>, old: &ReplicaSetStatus) -> Option<Vec<ReplicaSetCondition>> {
    let others = old.conditions.iter().flatten().filter(|c| !is_failure(c));
    let mut all: Vec<ReplicaSetCondition> = others.cloned().collect();
    if let Some(failure) = round.failures.first() {
        let deletes = failure.action.starts_with("delete");
        let reason = if deletes { "FailedDelete" } else { "FailedCreate" };
        let before =
            old.conditions.iter().flatten().find(|condition| {
                is_failure(condition) && condition.reason.as_deref() == Some(reason)
            });
        all.push(before.cloned().unwrap_or_else(|| ReplicaSetCondition {
            type_: Some(REPLICA_FAILURE.to_owned()),
            status: Some("True".to_owned()),
            reason: Some(reason.to_owned()),
            message: Some(failure.error.to_string()),
            last_transition_time: Some(conditions::time(round.now)),
        }));
    }
    (!all.is_empty()).then_some(all)
}

fn is_failure(condition: &ReplicaSetCondition) -> bool {
    condition.type_.as_deref() == Some(REPLICA_FAILURE)
}

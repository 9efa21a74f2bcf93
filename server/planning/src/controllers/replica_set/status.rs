//! A ReplicaSet's status.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};

use super::Active;
use crate::{
    Action, Entry, Round, conditions,
    pods::{self, count, some},
};

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
    let is_available = |one: &&Active<'_>| one.pod.is_available(min_ready, round.now);
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
    pods::set_status(entry, &new)
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

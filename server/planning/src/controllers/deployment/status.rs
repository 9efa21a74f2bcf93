//! A Deployment's status, and the end of its round.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSetStatus};
use serde_json::json;

use super::{progress, rollout::Rollout};
use crate::{Action, Plan, conditions};

const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Whether a round may judge the rollout's progress.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Estimated,
    /// While paused, scaled or deleted there is none to judge.
    Ignored,
}

/// The counts, and the condition Available.
fn counted(rollout: &Rollout<'_>) -> DeploymentStatus {
    let statuses = || rollout.sets.iter().filter_map(|set| set.object.status.as_ref());
    let sum = |read: fn(&ReplicaSetStatus) -> i32| statuses().map(read).sum::<i32>();
    let replicas = sum(|status| status.replicas);
    let available = sum(|status| status.available_replicas.unwrap_or(0));
    let updated = rollout.new.and_then(|new| rollout.sets[new].object.status.as_ref());
    let some = |count: i32| Some(count).filter(|count| *count > 0);
    let old = rollout.object.status.clone().unwrap_or_default();
    let mut status = DeploymentStatus {
        observed_generation: Some(rollout.entry.meta.generation),
        replicas: some(replicas),
        updated_replicas: some(updated.map_or(0, |status| status.replicas)),
        ready_replicas: some(sum(|status| status.ready_replicas.unwrap_or(0))),
        available_replicas: some(available),
        unavailable_replicas: some(rollout.total() - available),
        collision_count: rollout.collision_count,
        conditions: old.conditions,
        terminating_replicas: None,
    };
    let is_enough = available >= rollout.desired - rollout.limits.unavailable;
    let (reason, message) = if is_enough {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    progress::set_condition(
        &mut status,
        AVAILABLE,
        conditions::word(is_enough),
        reason,
        message.to_owned(),
        rollout.now,
        false,
    );
    status
}

/// Whether all pods that are asked for have the new template and work, and no others are left.
pub(super) fn is_complete(rollout: &Rollout<'_>) -> bool {
    has_arrived(rollout, &counted(rollout))
}

fn has_arrived(rollout: &Rollout<'_>, status: &DeploymentStatus) -> bool {
    [status.updated_replicas, status.replicas, status.available_replicas]
        .into_iter()
        .all(|count| count.unwrap_or(0) == rollout.desired)
        && rollout.sets.iter().all(|set| is_observed(set))
}

/// Whether a set's status speaks of its size as it is now.
fn is_observed(set: &super::rollout::Set<'_>) -> bool {
    let seen = set.object.status.as_ref().and_then(|status| status.observed_generation);
    seen.unwrap_or(0) >= set.entry.meta.generation
}

pub(super) fn finish(rollout: Rollout<'_>, judge: Progress) -> Plan {
    let mut status = counted(&rollout);
    let is_complete = has_arrived(&rollout, &status);
    match progress::deadline(&rollout.object) {
        None => retain_conditions(&mut status, progress::PROGRESSING),
        Some(_) => {
            let note = rollout.note.clone().or_else(|| progress::pause_note(&rollout.object));
            if let Some(note) = note {
                progress::set(&mut status, note, rollout.now);
            }
            if judge == Progress::Estimated {
                estimate(&rollout, &mut status, is_complete);
            }
        }
    }
    if judge == Progress::Estimated {
        copy_failure(&rollout, &mut status);
    }
    let requeue_after = requeue(&rollout, &status, is_complete, judge);
    let Rollout { object, entry, mut actions, records, .. } = rollout;
    actions.extend(records);
    if object.status.as_ref() != Some(&status) {
        let body = json!(Deployment { status: Some(status), ..object });
        actions.push(Action::SetStatus { key: entry.key.clone(), body });
    }
    Plan { actions, requeue_after, ..Plan::default() }
}

fn estimate(rollout: &Rollout<'_>, status: &mut DeploymentStatus, is_complete: bool) {
    let whose = match rollout.new {
        Some(new) => format!("ReplicaSet \"{}\"", rollout.sets[new].entry.key.name),
        None => format!("Deployment \"{}\"", rollout.entry.key.name),
    };
    let note = progress::estimate(&rollout.object, &whose, status, is_complete, rollout.now);
    if let Some(note) = note {
        progress::set(status, note, rollout.now);
    }
}

fn requeue(
    rollout: &Rollout<'_>,
    status: &DeploymentStatus,
    is_complete: bool,
    judge: Progress,
) -> Option<Duration> {
    (judge == Progress::Estimated)
        .then(|| progress::look_again(&rollout.object, status, is_complete, rollout.now))
        .flatten()
}

/// What keeps a ReplicaSet from its pods is told on the Deployment too; the new one's goes first.
fn copy_failure(rollout: &Rollout<'_>, status: &mut DeploymentStatus) {
    let sets = rollout.new.into_iter().chain(rollout.old()).map(|at| &rollout.sets[at]);
    let failure = sets
        .filter_map(|set| set.object.status.as_ref())
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| condition.type_.as_deref() == Some(REPLICA_FAILURE));
    let Some(failure) = failure else {
        return retain_conditions(status, REPLICA_FAILURE);
    };
    progress::set_condition(
        status,
        REPLICA_FAILURE,
        failure.status.as_deref().unwrap_or("True"),
        failure.reason.as_deref().unwrap_or_default(),
        failure.message.clone().unwrap_or_default(),
        rollout.now,
        false,
    );
}

/// Drops a condition.
fn retain_conditions(status: &mut DeploymentStatus, without: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_.as_deref() != Some(without));
    }
    status.conditions = status.conditions.take().filter(|conditions| !conditions.is_empty());
}

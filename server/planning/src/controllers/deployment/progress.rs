//! The condition Progressing: what `kubectl rollout status` waits for.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use object::ApiError;

use crate::conditions;

pub(super) const PROGRESSING: &str = "Progressing";
const NEW_AVAILABLE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

/// Something to say of the progress.
#[derive(Clone)]
pub(super) struct Note {
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Note {
    pub(super) fn created(set: &str) -> Self {
        let message = format!("Created new replica set \"{set}\"");
        Self { status: "True", reason: "NewReplicaSetCreated", message }
    }

    pub(super) fn found(set: &str) -> Self {
        let message = format!("Found new replica set \"{set}\"");
        Self { status: "True", reason: "FoundNewReplicaSet", message }
    }

    pub(super) fn create_error(set: &str, error: &ApiError) -> Self {
        let message = format!("Failed to create new replica set \"{set}\": {error}");
        Self { status: "False", reason: "ReplicaSetCreateError", message }
    }

    fn done(whose: &str) -> Self {
        let message = format!("{whose} has successfully progressed.");
        Self { status: "True", reason: NEW_AVAILABLE, message }
    }

    fn moving(whose: &str) -> Self {
        let message = format!("{whose} is progressing.");
        Self { status: "True", reason: "ReplicaSetUpdated", message }
    }

    fn timed_out(whose: &str) -> Self {
        let message = format!("{whose} has timed out progressing.");
        Self { status: "False", reason: TIMED_OUT, message }
    }

    fn paused() -> Self {
        Self { status: "Unknown", reason: PAUSED, message: "Deployment is paused".to_owned() }
    }

    fn resumed() -> Self {
        let message = "Deployment is resumed".to_owned();
        Self { status: "Unknown", reason: "DeploymentResumed", message }
    }
}

/// The condition as it stands.
pub(super) fn of(deployment: &Deployment) -> Option<&DeploymentCondition> {
    find(deployment.status.as_ref()?, PROGRESSING)
}

pub(super) fn find<'s>(
    status: &'s DeploymentStatus,
    type_: &str,
) -> Option<&'s DeploymentCondition> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|condition| condition.type_.as_deref() == Some(type_))
}

/// How long there may be no progress, if there is a limit.
pub(super) fn deadline(deployment: &Deployment) -> Option<Duration> {
    let seconds = deployment.spec.progress_deadline_seconds.unwrap_or(600);
    (seconds != i32::MAX).then(|| Duration::from_secs(seconds.max(0).unsigned_abs().into()))
}

/// What a change of `spec.paused` has to say.
pub(super) fn pause_note(deployment: &Deployment) -> Option<Note> {
    let reason = of(deployment).and_then(|condition| condition.reason.as_deref());
    match (deployment.spec.paused == Some(true), reason) {
        (_, Some(TIMED_OUT)) | (true, Some(PAUSED)) => None,
        (true, _) => Some(Note::paused()),
        (false, Some(PAUSED)) => Some(Note::resumed()),
        (false, _) => None,
    }
}

/// What the change of the status says of the progress. Time without progress counts from the
/// condition's last update.
pub(super) fn estimate(
    deployment: &Deployment,
    whose: &str,
    new: &DeploymentStatus,
    is_complete: bool,
    now: Timestamp,
) -> Option<Note> {
    let current = find(new, PROGRESSING);
    let reason = current.and_then(|condition| condition.reason.as_deref());
    if reason == Some(NEW_AVAILABLE) && new.replicas == new.updated_replicas {
        return None;
    }
    if is_complete {
        return Some(Note::done(whose));
    }
    if has_moved(&deployment.status.clone().unwrap_or_default(), new) {
        return Some(Note::moving(whose));
    }
    match reason {
        None | Some(NEW_AVAILABLE | TIMED_OUT) => None,
        Some(_) => {
            let left = time_left(deployment, current, now)?;
            left.is_zero().then(|| Note::timed_out(whose))
        }
    }
}

fn has_moved(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    let count = |count: Option<i32>| count.unwrap_or(0);
    let outdated =
        |status: &DeploymentStatus| count(status.replicas) - count(status.updated_replicas);
    count(new.updated_replicas) > count(old.updated_replicas)
        || outdated(new) < outdated(old)
        || count(new.ready_replicas) > count(old.ready_replicas)
        || count(new.available_replicas) > count(old.available_replicas)
}

fn time_left(
    deployment: &Deployment,
    condition: Option<&DeploymentCondition>,
    now: Timestamp,
) -> Option<Duration> {
    let since = condition?.last_update_time.as_ref()?.0;
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(deadline(deployment)?.saturating_sub(passed))
}

/// When to look again whether the deadline has passed; `None` when nothing is under way.
pub(super) fn look_again(
    deployment: &Deployment,
    status: &DeploymentStatus,
    is_complete: bool,
    now: Timestamp,
) -> Option<Duration> {
    let condition = find(status, PROGRESSING)?;
    let is_over = matches!(condition.reason.as_deref(), Some(NEW_AVAILABLE | TIMED_OUT | PAUSED));
    if is_complete || is_over {
        return None;
    }
    time_left(deployment, Some(condition), now).map(|left| left + Duration::from_secs(1))
}

/// Sets the condition. One that only repeats status and reason changes nothing, except that
/// progress moves its time.
pub(super) fn set(status: &mut DeploymentStatus, note: Note, now: Timestamp) {
    let is_progress = note.reason == "ReplicaSetUpdated";
    let Note { status: state, reason, message } = note;
    set_condition(status, PROGRESSING, state, reason, message, now, is_progress);
}

pub(super) fn set_condition(
    status: &mut DeploymentStatus,
    type_: &str,
    state: &str,
    reason: &str,
    message: String,
    now: Timestamp,
    always: bool,
) {
    let old = find(status, type_).cloned();
    let has = |part: &Option<String>, text: &str| part.as_deref() == Some(text);
    let same_state = old.as_ref().filter(|old| has(&old.status, state));
    if !always && same_state.is_some_and(|old| has(&old.reason, reason)) {
        return;
    }
    let since = same_state.and_then(|old| old.last_transition_time.clone());
    let condition = DeploymentCondition {
        type_: Some(type_.to_owned()),
        status: Some(state.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(conditions::time(now)),
        last_transition_time: Some(since.unwrap_or_else(|| conditions::time(now))),
    };
    let conditions = status.conditions.get_or_insert_default();
    conditions.retain(|condition| condition.type_.as_deref() != Some(type_));
    conditions.push(condition);
}

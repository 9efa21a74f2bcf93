//! Revisions: the numbers by which `kubectl rollout history` and `undo` find old templates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    progress::Note,
    rollout::{DESIRED, MAXIMUM, Rollout, Set},
};
use crate::{Action, Entry, controllers::replica_set::INCARNATIONS};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const HISTORY_LENGTH_MAX: usize = 2000;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";
const LIMIT_DEFAULT: i32 = 10;

/// What belongs to the Deployment or to one ReplicaSet alone.
const NOT_COPIED: [&str; 7] =
    [LAST_APPLIED, REVISION, HISTORY, DESIRED, MAXIMUM, ROLLBACK_TO, INCARNATIONS];

/// The annotations that a ReplicaSet takes over from its Deployment.
pub(super) fn copied_annotations(deployment: &Entry) -> BTreeMap<String, String> {
    let mut annotations = deployment.meta.annotations.clone();
    annotations.retain(|name, _| !NOT_COPIED.contains(&name.as_str()));
    annotations
}

pub(super) fn revision(set: &Set<'_>) -> i64 {
    set.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Brings the new ReplicaSet's annotations, and the Deployment's revision, up to date. A set that
/// becomes the new one again gets the next number and remembers the numbers that it had.
pub(super) fn sync(rollout: &mut Rollout<'_>) {
    let Some(new) = rollout.new else { return };
    let set = &rollout.sets[new];
    let next = (rollout.revision_max() + 1).max(revision(set)).to_string();
    let mut changed: Map<String, Value> = copied_annotations(rollout.entry)
        .into_iter()
        .filter(|(name, value)| set.annotation(name) != Some(value))
        .map(|(name, value)| (name, value.into()))
        .collect();
    if set.annotation(REVISION) != Some(&next) {
        changed.insert(REVISION.to_owned(), next.clone().into());
        if let Some(before) = set.annotation(REVISION) {
            changed.insert(HISTORY.to_owned(), history_with(set, before).into());
        }
    }
    let min_ready_seconds = rollout.object.spec.min_ready_seconds.unwrap_or(0);
    let mut patch = json!({"metadata": {
        "uid": set.entry.meta.uid, "resourceVersion": set.entry.revision.to_string(),
    }});
    let has_drifted = set.object.spec.min_ready_seconds.unwrap_or(0) != min_ready_seconds;
    if has_drifted {
        patch["spec"] = json!({"minReadySeconds": min_ready_seconds});
    }
    if !changed.is_empty() || has_drifted {
        patch["metadata"]["annotations"] = changed.into();
        let key = set.entry.key.clone();
        rollout.actions.push(Action::Patch { key, subresource: "", patch });
    }
    let name = set.entry.key.name.clone();
    note_revision(rollout, &next);
    if super::progress::of(&rollout.object).is_none() {
        rollout.note = Some(Note::found(&name));
    }
}

fn history_with(set: &Set<'_>, revision: &str) -> String {
    let mut all: Vec<&str> =
        set.annotation(HISTORY).into_iter().flat_map(|text| text.split(',')).collect();
    all.push(revision);
    while all.iter().map(|one| one.len() + 1).sum::<usize>() > HISTORY_LENGTH_MAX {
        all.remove(0);
    }
    all.join(",")
}

/// Writes the revision on the Deployment. `rollout undo` copies all of a ReplicaSet's annotations
/// to it; the one that concerns only that set goes again.
pub(super) fn note_revision(rollout: &mut Rollout<'_>, revision: &str) {
    let annotations = &rollout.entry.meta.annotations;
    let mut changed = Map::new();
    if annotations.get(REVISION).map(String::as_str) != Some(revision) {
        changed.insert(REVISION.to_owned(), revision.into());
    }
    if annotations.contains_key(INCARNATIONS) {
        changed.insert(INCARNATIONS.to_owned(), Value::Null);
    }
    if changed.is_empty() {
        return;
    }
    let patch = json!({"metadata": {
        "uid": rollout.entry.meta.uid,
        "resourceVersion": rollout.entry.revision.to_string(),
        "annotations": changed,
    }});
    let key = rollout.entry.key.clone();
    rollout.actions.push(Action::Patch { key, subresource: "", patch });
}

/// Deletes the oldest ReplicaSets that are empty, beyond how many are to be kept.
pub(super) fn clean_up(rollout: &mut Rollout<'_>) {
    let limit = rollout.object.spec.revision_history_limit.unwrap_or(LIMIT_DEFAULT);
    let Ok(limit) = usize::try_from(limit) else { return };
    let mut old: Vec<&Set<'_>> = rollout
        .old()
        .map(|at| &rollout.sets[at])
        .filter(|set| !set.entry.meta.is_deleting())
        .collect();
    old.sort_by_key(|set| revision(set));
    let surplus = old.len().saturating_sub(limit);
    let is_empty = |set: &&&Set<'_>| {
        let status = set.object.status.clone().unwrap_or_default();
        let is_observed = status.observed_generation.unwrap_or(0) >= set.entry.meta.generation;
        set.replicas == 0 && status.replicas == 0 && is_observed
    };
    let deletions: Vec<Action> = old[..surplus]
        .iter()
        .filter(is_empty)
        .map(|set| Action::Delete {
            key: set.entry.key.clone(),
            uid: set.entry.meta.uid.clone(),
            propagation: Some("Background"),
            grace_seconds: None,
        })
        .collect();
    rollout.actions.extend(deletions);
}

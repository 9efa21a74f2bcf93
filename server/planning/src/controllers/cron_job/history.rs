//! The Jobs that a CronJob has started: which run, which have ended, which are too old to keep.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use object::Key;

use super::{Draft, JOBS, reference};
use crate::{Entry, Severity, World, conditions, pods};

const SUCCESSFUL_MAX_DEFAULT: i32 = 3;
const FAILED_MAX_DEFAULT: i32 = 1;

pub(super) struct Child<'w> {
    pub(super) entry: &'w Arc<Entry>,
    /// `Complete` or `Failed`, once it has ended.
    end: Option<&'static str>,
    started: Option<Timestamp>,
    completed: Option<Timestamp>,
}

impl Child<'_> {
    pub(super) fn is_finished(&self) -> bool {
        self.end.is_some()
    }
}

/// The oldest first.
pub(super) fn children<'w>(world: &'w World, cron: &Entry) -> Vec<Child<'w>> {
    let owned = world.owned_by(&cron.meta.uid).filter(|entry| {
        let owner = entry.meta.controller();
        &*entry.key.kind == JOBS && owner.is_some_and(|owner| owner.uid == cron.meta.uid)
    });
    let mut children: Vec<Child<'w>> = owned.filter_map(child).collect();
    children.sort_by(|a, b| (a.started, &a.entry.key).cmp(&(b.started, &b.entry.key)));
    children
}

fn child(entry: &Arc<Entry>) -> Option<Child<'_>> {
    let status = entry.read::<Job>()?.status.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let ended = |end: &'static str| {
        let is = conditions.iter().any(|c| c.type_ == end && c.status == "True");
        is.then_some(end)
    };
    Some(Child {
        entry,
        end: ended("Complete").or_else(|| ended("Failed")),
        started: status.start_time.map(|time| time.0).or(entry.meta.creation_timestamp),
        completed: status.completion_time.map(|time| time.0),
    })
}

/// Brings the list of what runs up to date, and deletes what is too old to keep.
pub(super) fn review(draft: &mut Draft<'_>) {
    let noted = draft.status.active.take().unwrap_or_default();
    let before: BTreeSet<&str> = noted.iter().filter_map(|job| job.uid.as_deref()).collect();
    let mut events = Vec::new();
    for child in draft.children.iter().filter(|child| before.contains(&*child.entry.meta.uid)) {
        if let Some(end) = child.end {
            let name = &child.entry.key.name;
            let message = format!("Saw completed job: {name}, condition: {end}");
            events.push(("SawCompletedJob", message));
        }
    }
    let there = |job: &&k8s_openapi::api::core::v1::ObjectReference| {
        draft.children.iter().any(|child| Some(&*child.entry.meta.uid) == job.uid.as_deref())
    };
    for lost in noted.iter().filter(|job| !there(job)) {
        let name = lost.name.as_deref().unwrap_or_default();
        events.push(("MissingJob", format!("Active job went missing: {name}")));
    }
    let active: Vec<_> = draft
        .children
        .iter()
        .filter(|child| !child.is_finished())
        .map(|child| {
            let known = noted.iter().find(|job| job.uid.as_deref() == Some(&*child.entry.meta.uid));
            known.cloned().unwrap_or_else(|| reference(child.entry))
        })
        .collect();
    draft.status.active = Some(active).filter(|active| !active.is_empty());
    let completed = draft.children.iter().filter(|child| child.end == Some("Complete"));
    let last = completed.filter_map(|child| child.completed).max();
    let known = draft.status.last_successful_time.as_ref().map(|time| time.0);
    if let Some(last) = last.filter(|last| known.is_none_or(|known| *last > known)) {
        draft.status.last_successful_time = Some(conditions::time(last));
    }
    for (reason, message) in events {
        draft.event(Severity::Normal, reason, message);
    }
    let spec = &draft.spec;
    let successful = spec.successful_jobs_history_limit.unwrap_or(SUCCESSFUL_MAX_DEFAULT);
    let failed = spec.failed_jobs_history_limit.unwrap_or(FAILED_MAX_DEFAULT);
    delete_old(draft, "Complete", successful);
    delete_old(draft, "Failed", failed);
}

fn delete_old(draft: &mut Draft<'_>, end: &str, keep: i32) {
    let Ok(keep) = usize::try_from(keep) else { return };
    let ended: Vec<&Arc<Entry>> = draft
        .children
        .iter()
        .filter(|child| child.end == Some(end) && !child.entry.meta.is_deleting())
        .map(|child| child.entry)
        .collect();
    let surplus = ended.len().saturating_sub(keep);
    for job in &ended[..surplus] {
        draft.actions.push(pods::delete(job));
        let Key { name, .. } = &job.key;
        draft.event(Severity::Normal, "SuccessfulDelete", format!("Deleted job {name}"));
    }
}

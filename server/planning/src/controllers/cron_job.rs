//! Starts Jobs at the times that a CronJob names.
//!
//! A Job's name follows from the minute that it is for: what is repeated collides. Of times that
//! were missed only the last is made up for, however many there were.

mod history;
mod schedule;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job},
        core::v1::ObjectReference,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::json;

use super::job::JOBS;
use crate::{
    Action, Change, Controller, Entry, Plan, Round, Severity, World, conditions, owners, pods,
};
use history::Child;
use schedule::Schedule;

pub const CONTROLLER: Controller =
    Controller { name: "cronjob-controller", watches: &[CRON_JOBS, JOBS], keys_for, plan };

const CRON_JOBS: &str = "cronjobs.batch";
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// Of a CronJob's name: what is added stays within what a Job's name may have.
const NAME_LENGTH_MAX: usize = 52;

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    if &*change.key.kind == CRON_JOBS {
        return vec![change.key.clone()];
    }
    let owner = |job: &Arc<Entry>| owners::owner_key(job.meta.controller()?, &job.key.namespace);
    let mut keys: Vec<Key> =
        change.both().filter_map(owner).filter(|key| &*key.kind == CRON_JOBS).collect();
    keys.dedup();
    keys
}

/// What a round has decided so far.
struct Draft<'w> {
    entry: &'w Arc<Entry>,
    now: Timestamp,
    spec: CronJobSpec,
    children: Vec<Child<'w>>,
    status: CronJobStatus,
    actions: Vec<Action>,
    /// The time for which this round starts a Job.
    starts: Option<Timestamp>,
    wait: Option<Duration>,
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(cron) = entry.read::<CronJob>() else { return Plan::default() };
    let spec = cron.spec;
    if entry.meta.is_deleting() {
        return Plan::default();
    }
    let mut draft = Draft {
        entry,
        now: round.now,
        children: history::children(round.world, entry),
        status: cron.status.clone().unwrap_or_default(),
        spec,
        actions: Vec::new(),
        starts: None,
        wait: None,
    };
    if let Some(failure) = pods::refusal(round.failures, "create jobs") {
        let message = format!("Error creating job: {}", failure.error);
        draft.event(Severity::Warning, "FailedCreate", message);
    }
    draft.status.last_schedule_time = draft.last_started().map(conditions::time);
    history::review(&mut draft);
    if draft.spec.suspend != Some(true) {
        start_what_is_due(&mut draft, round.world);
    }
    let Draft { mut status, mut actions, starts, wait, .. } = draft;
    if let Some(due) = starts {
        status.last_schedule_time = Some(conditions::time(due));
        actions.extend(pods::update_status(entry, &status));
    } else if cron.status.unwrap_or_default() != status {
        actions.extend(pods::set_status(entry, &status));
    }
    actions = pods::sort_events(actions);
    Plan { actions, requeue_after: wait, ..Plan::default() }
}

impl Draft<'_> {
    fn event(&mut self, severity: Severity, reason: &'static str, message: String) {
        self.actions.push(pods::record(self.entry, CONTROLLER.name, severity, reason, message));
    }

    /// From when on times count: what was started, or is too old, is not looked at again.
    fn since(&self) -> Timestamp {
        let created = self.entry.meta.creation_timestamp.unwrap_or(self.now);
        let last = self.status.last_schedule_time.as_ref().map(|time| time.0);
        let since = last.map_or(created, |last| last.max(created));
        match self.deadline() {
            Some(deadline) => {
                let oldest = self.now.saturating_sub(deadline).unwrap_or(Timestamp::MIN);
                since.max(oldest)
            }
            None => since,
        }
    }

    /// The newest time that a Job was started for: as the status says, or a Job, where the note of it
    /// was lost.
    fn last_started(&self) -> Option<Timestamp> {
        let noted = self.status.last_schedule_time.as_ref().map(|time| time.0);
        let started = self.children.iter().filter_map(|child| {
            child.entry.meta.annotations.get(SCHEDULED_AT)?.parse::<Timestamp>().ok()
        });
        started.chain(noted).max()
    }

    fn deadline(&self) -> Option<SignedDuration> {
        self.spec.starting_deadline_seconds.map(SignedDuration::from_secs)
    }
}

fn start_what_is_due(draft: &mut Draft<'_>, world: &World) {
    let zone = draft.spec.time_zone.as_deref();
    let schedule = match Schedule::parse(&draft.spec.schedule, zone, draft.since()) {
        Ok(schedule) => schedule,
        Err(schedule::Flaw { reason, message }) => {
            return draft.event(Severity::Warning, reason, message);
        }
    };
    let Some(next) = schedule.next(draft.now) else {
        let message = format!("the schedule {:?} names no time to come", draft.spec.schedule);
        return draft.event(Severity::Warning, "UnsatisfiableSchedule", message);
    };
    let wait = Duration::try_from(next.duration_since(draft.now)).unwrap_or_default();
    draft.wait = Some(wait.max(Duration::from_millis(1)));
    let Some(due) = schedule.last(draft.now).filter(|due| *due > draft.since()) else { return };
    let name = job_name(draft.entry, due);
    let key = Key::new(JOBS, &draft.entry.key.namespace, &name);
    if world.entry(&key).is_some() {
        // Somebody else has the name.
        draft.status.last_schedule_time = Some(conditions::time(due));
        return;
    }
    let running: Vec<Arc<Entry>> = draft
        .children
        .iter()
        .filter(|child| !child.is_finished())
        .map(|child| child.entry.clone())
        .collect();
    match draft.spec.concurrency_policy.as_deref() {
        Some("Forbid") if !running.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency \
                           policy is Forbid";
            return draft.event(Severity::Normal, "JobAlreadyActive", message.to_owned());
        }
        Some("Replace") => {
            for job in running.iter().filter(|job| !job.meta.is_deleting()) {
                draft.actions.push(pods::delete(job));
                let message = format!("Deleted job {}", job.key.name);
                draft.event(Severity::Normal, "SuccessfulDelete", message);
            }
        }
        _ => {}
    }
    let body = json!(job(draft, &name, &schedule.shown(due)));
    draft.actions.push(Action::Create { key, body });
    draft.event(Severity::Normal, "SuccessfulCreate", format!("Created job {name}"));
    draft.starts = Some(due);
}

fn job_name(cron: &Entry, due: Timestamp) -> String {
    let name = &cron.key.name;
    let base = &name[..name.floor_char_boundary(NAME_LENGTH_MAX)];
    format!("{base}-{}", due.as_second() / 60)
}

fn job(draft: &Draft<'_>, name: &str, scheduled_at: &str) -> Job {
    let template = &draft.spec.job_template;
    let given = template.metadata.clone().unwrap_or_default();
    let mut annotations = given.annotations.unwrap_or_default();
    annotations.insert(SCHEDULED_AT.to_owned(), scheduled_at.to_owned());
    Job {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(draft.entry.key.namespace.to_string()),
            labels: given.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owners::controller_reference(draft.entry)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

fn reference(job: &Entry) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".to_owned()),
        kind: Some("Job".to_owned()),
        name: Some(job.key.name.to_string()),
        namespace: Some(job.key.namespace.to_string()),
        uid: Some(job.meta.uid.to_string()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;

//! Runs pods until a Job has as many completions as it asks for.
//!
//! Every pod carries a finalizer until its end is counted: first the status says that the pod is
//! to be counted (or that its index is done), then the finalizer goes, then the count is raised.
//! So each end counts once, whatever is lost in between. Pods whose end was counted are not looked
//! at again: the world's index of what a finalizer holds names the others.

mod accounting;
mod create;
mod ending;
mod failure_policy;
mod indexes;
mod scale;
mod status;
mod work;

use object::Key;
use serde_json::json;

use crate::{Action, Change, Controller, Entry, Plan, Round, World, owners, pods::PODS};
use work::Work;

pub const CONTROLLER: Controller =
    Controller { name: "job-controller", watches: &[JOBS, PODS], keys_for, plan };

pub(super) const JOBS: &str = "jobs.batch";
pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// A Job, or a pod that is still held for a Job that is gone.
fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == JOBS {
        let gone = change.old.as_ref().filter(|_| change.new.is_none());
        let held = gone.into_iter().flat_map(|job| world.held_by(&job.meta.uid, FINALIZER));
        let held = held.map(|pod| pod.key.clone());
        return std::iter::once(change.key.clone()).chain(held).collect();
    }
    let mut keys = owners::keys_of_owners(change, world, JOBS);
    keys.extend(change.new.iter().filter(|pod| is_left(world, pod)).map(|pod| pod.key.clone()));
    keys
}

fn is_held(pod: &Entry) -> bool {
    pod.meta.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

/// The Job that a pod was made for.
fn job_of(pod: &Entry) -> Option<(Key, std::sync::Arc<str>)> {
    let owner = pod.meta.controller()?;
    let key = owners::owner_key(owner, &pod.key.namespace).filter(|key| &*key.kind == JOBS)?;
    Some((key, owner.uid.clone()))
}

/// Whether a pod is held for a Job that is not there.
fn is_left(world: &World, pod: &Entry) -> bool {
    is_held(pod)
        && job_of(pod)
            .is_none_or(|(job, uid)| world.entry(&job).is_none_or(|job| job.meta.uid != uid))
}

fn plan(round: &Round<'_>) -> Plan {
    if &*round.key.kind == PODS {
        return Plan { actions: let_go(round), ..Plan::default() };
    }
    let Some(mut work) = Work::of(round) else { return Plan::default() };
    if !work.is_ours() {
        return Plan::default();
    }
    if work.entry.meta.is_deleting() || work.is_finished() {
        let over: Vec<Action> = work
            .tracked
            .iter()
            .filter(|pod| pod.entry.meta.is_deleting() || pod.has_ended())
            .map(|pod| release(pod.entry))
            .collect();
        return Plan { actions: over, ..Plan::default() };
    }
    work.adopt();
    accounting::count(&mut work);
    ending::decide(&mut work);
    scale::scale(&mut work);
    status::finish(work)
}

fn let_go(round: &Round<'_>) -> Vec<Action> {
    let pod = round.world.entry(round.key).filter(|pod| is_left(round.world, pod));
    let Some(pod) = pod else { return Vec::new() };
    let absent = job_of(pod).map(|(key, uid)| Action::Absent { key, uid: Some(uid) });
    absent.into_iter().chain([release(pod)]).collect()
}

/// Takes the finalizer off.
fn release(pod: &Entry) -> Action {
    let left: Vec<&String> =
        pod.meta.finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
    Action::Patch {
        key: pod.key.clone(),
        subresource: "",
        patch: json!({"metadata": {
            "uid": pod.meta.uid,
            "resourceVersion": pod.revision.to_string(),
            "finalizers": if left.is_empty() { serde_json::Value::Null } else { json!(left) },
        }}),
    }
}

#[cfg(test)]
mod tests;

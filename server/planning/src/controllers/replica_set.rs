//! Keeps as many pods as a ReplicaSet asks for.
//!
//! Each pod has a slot, and its name follows from the ReplicaSet's uid, the slot and the slot's
//! incarnation: a creation that is repeated from a stale world meets 409 instead of a second pod.
//! Incarnations of slots that were vacated are kept in an annotation of the ReplicaSet, so that the
//! name of a pod is not given again.

mod rank;
mod slots;
mod status;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use object::Key;
use serde_json::json;

use crate::{
    Action, Change, Controller, Entry, Event, Plan, Round, Severity, World,
    owners::{self, Claim},
    world::PodSummary,
};
use slots::Slots;

pub use slots::INCARNATIONS;

pub const CONTROLLER: Controller =
    Controller { name: "replicaset-controller", watches: &[REPLICA_SETS, PODS], keys_for, plan };

const REPLICA_SETS: &str = "replicasets.apps";
const PODS: &str = "pods";

/// At most so many pods are created or deleted by one plan; the next one goes on.
const BURST_MAX: usize = 250;

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == REPLICA_SETS {
        return vec![change.key.clone()];
    }
    owners::keys_of_owners(change, world, REPLICA_SETS)
}

/// A pod of the set that has not ended and is not about to.
pub(super) struct Active<'w> {
    entry: &'w Arc<Entry>,
    pod: &'w PodSummary,
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(set) = entry.decode::<kinds::replica_set::ReplicaSet>() else {
        return Plan::default();
    };
    let Some(selector) = entry.selector() else { return Plan::default() };
    let Claim { owned, mut actions } =
        owners::claim(round.world, entry, PODS, selector, is_running);
    let active: Vec<Active<'_>> = owned
        .iter()
        .filter(|entry| is_running(entry))
        .filter_map(|entry| Some(Active { entry, pod: entry.pod()? }))
        .collect();
    if !entry.meta.is_deleting() {
        actions.extend(scale(round, entry, &set, &owned, &active));
    }
    let min_ready = set.spec.min_ready_seconds.unwrap_or(0).max(0).unsigned_abs();
    let min_ready = Duration::from_secs(min_ready.into());
    actions.extend(status::action(round, entry, &set, &active, min_ready));
    let requeue_after = active
        .iter()
        .filter_map(|active| available_in(active.pod, min_ready, round.now))
        .filter(|wait| !wait.is_zero())
        .min();
    Plan { actions, requeue_after, ..Plan::default() }
}

fn is_running(entry: &Entry) -> bool {
    !entry.meta.is_deleting() && entry.pod().is_some_and(|pod| !pod.is_finished())
}

/// How long a ready pod takes until it counts as available: zero if it does, `None` if not ready.
fn available_in(pod: &PodSummary, min_ready: Duration, now: Timestamp) -> Option<Duration> {
    let since = pod.ready_since?;
    let ready_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(min_ready.saturating_sub(ready_for))
}

fn scale(
    round: &Round<'_>,
    entry: &Entry,
    set: &ReplicaSet,
    owned: &[&Arc<Entry>],
    active: &[Active<'_>],
) -> Vec<Action> {
    let desired = usize::try_from(set.spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut slots = Slots::of(entry, owned);
    let mut actions: Vec<Action> = slots.persist(entry).into_iter().collect();
    if active.len() < desired {
        actions.extend(round.failures.first().map(|failure| {
            let message = format!("Error creating: {}", failure.error);
            record(entry, Severity::Warning, "FailedCreate", message)
        }));
        let missing = (desired - active.len()).min(BURST_MAX);
        let names = slots.fill(round.world, entry, missing);
        actions.extend(names.iter().map(|(name, slot)| create(entry, set, name, slot)));
        actions.extend(names.iter().map(|(name, _)| {
            record(entry, Severity::Normal, "SuccessfulCreate", format!("Created pod: {name}"))
        }));
    } else if active.len() > desired {
        let surplus = (active.len() - desired).min(BURST_MAX);
        let doomed = rank::first_to_go(round.world, entry, active, surplus);
        actions.extend(doomed.iter().map(|pod| Action::Delete {
            key: pod.key.clone(),
            uid: pod.meta.uid.clone(),
            propagation: Some("Background"),
            grace_seconds: None,
        }));
        actions.extend(doomed.iter().map(|pod| {
            let message = format!("Deleted pod: {}", pod.key.name);
            record(entry, Severity::Normal, "SuccessfulDelete", message)
        }));
    }
    actions
}

fn create(entry: &Entry, set: &ReplicaSet, name: &str, slot: &str) -> Action {
    let template = set.spec.template.as_ref();
    let mut metadata = template.and_then(|template| template.metadata.clone()).unwrap_or_default();
    metadata.name = Some(name.to_owned());
    metadata.generate_name = Some(format!("{}-", entry.key.name));
    metadata.namespace = Some(entry.key.namespace.to_string());
    metadata.owner_references = Some(vec![owners::controller_reference(entry)]);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(slots::SLOT.to_owned(), slot.to_owned());
    let spec = template.and_then(|template| template.spec.clone());
    let pod = Pod { metadata, spec, status: None };
    Action::Create { key: Key::new(PODS, &entry.key.namespace, name), body: json!(pod) }
}

fn record(entry: &Entry, severity: Severity, reason: &'static str, message: String) -> Action {
    Action::Record(Event {
        regarding: entry.key.clone(),
        regarding_uid: entry.meta.uid.clone(),
        severity,
        reason,
        message,
        source: CONTROLLER.name,
    })
}

#[cfg(test)]
mod tests;

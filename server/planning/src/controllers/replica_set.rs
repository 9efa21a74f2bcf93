//! Keeps as many pods as a ReplicaSet asks for; a ReplicationController is planned the same.
//!
//! Each pod has a slot, and its name follows from the ReplicaSet's uid, the slot and the slot's
//! incarnation: a creation that is repeated from a stale world meets 409 instead of a second pod.
//! A slot whose pods end again and again waits longer each time.
//! Incarnations of slots that were vacated are kept in an annotation of the ReplicaSet, so that the
//! name of a pod is not given again.

mod rank;
mod slots;
mod status;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use object::Key;
use serde_json::{Value, json};

use crate::{
    Action, Change, Controller, Entry, Plan, Round, Severity, World,
    backoff::Backoff,
    owners::{self, Claim},
    pods::{self, PODS, is_running},
    world::PodSummary,
};
use slots::Slots;

pub use slots::INCARNATIONS;

pub const CONTROLLER: Controller = Controller {
    name: "replicaset-controller",
    watches: &[REPLICA_SETS, PODS],
    keys_for: |change, world| keys_of(&SORT, change, world),
    plan: |round| plan_of(&SORT, round),
};

const REPLICA_SETS: &str = "replicasets.apps";

const SORT: Sort =
    Sort { kind: REPLICA_SETS, source: "replicaset-controller", has_plain_selector: false };

/// A kind whose objects keep a number of pods.
pub(super) struct Sort {
    pub(super) kind: &'static str,
    pub(super) source: &'static str,
    /// Whether its selector is a map of labels.
    pub(super) has_plain_selector: bool,
}

impl Sort {
    /// An object of the kind, as if it were a ReplicaSet.
    fn read(&self, entry: &Entry) -> Option<ReplicaSet> {
        if !self.has_plain_selector {
            return entry.read();
        }
        let mut value: Value = entry.read()?;
        let labels = value["spec"]["selector"].take();
        value["spec"]["selector"] = json!({"matchLabels": labels});
        // What is read as a ReplicaSet has to say that it is one.
        value["apiVersion"] = "apps/v1".into();
        value["kind"] = "ReplicaSet".into();
        serde_json::from_value(value).ok()
    }
}

/// At most so many pods are created or deleted by one plan; the next one goes on.
const BURST_MAX: usize = 250;

pub(super) fn keys_of(sort: &Sort, change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == sort.kind {
        return vec![change.key.clone()];
    }
    owners::keys_of_owners(change, world, sort.kind)
}

/// A pod of the set that has not ended and is not about to.
pub(super) struct Active<'w> {
    entry: &'w Arc<Entry>,
    pod: &'w PodSummary,
}

pub(super) fn plan_of(sort: &Sort, round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(set) = sort.read(entry) else { return Plan::default() };
    let Some(selector) = entry.selector() else { return Plan::default() };
    let Claim { owned, mut actions } =
        owners::claim(round.world, entry, PODS, selector, is_running);
    let active: Vec<Active<'_>> = owned
        .iter()
        .filter(|entry| is_running(entry))
        .filter_map(|entry| Some(Active { entry, pod: entry.pod()? }))
        .collect();
    let mut backoff = Backoff::of(round.memory, round.steady);
    if !entry.meta.is_deleting() {
        let slots = Slots::of(entry, &owned);
        actions.extend(scale(sort, round, entry, &set, slots, &active, &mut backoff));
    }
    let min_ready = pods::min_ready(set.spec.min_ready_seconds);
    actions.extend(status::action(round, entry, &set, &active, min_ready));
    let requeue_after = active
        .iter()
        .filter_map(|active| active.pod.available_in(min_ready, round.now))
        .filter(|wait| !wait.is_zero())
        .chain(backoff.wait())
        .min();
    Plan { actions, requeue_after, memory: backoff.into_memory() }
}

fn scale(
    sort: &Sort,
    round: &Round<'_>,
    entry: &Entry,
    set: &ReplicaSet,
    mut slots: Slots,
    active: &[Active<'_>],
    backoff: &mut Backoff,
) -> Vec<Action> {
    let desired = usize::try_from(set.spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut actions: Vec<Action> = slots.persist(entry).into_iter().collect();
    if active.len() < desired {
        actions.extend(round.failures.first().map(|failure| {
            let message = format!("Error creating: {}", failure.error);
            pods::record(entry, sort.source, Severity::Warning, "FailedCreate", message)
        }));
        let missing = (desired - active.len()).min(BURST_MAX);
        let names = slots.fill(round, entry, missing, backoff);
        actions.extend(names.iter().map(|(name, slot)| create(entry, set, name, slot)));
        actions.extend(names.iter().map(|(name, _)| {
            pods::record(
                entry,
                sort.source,
                Severity::Normal,
                "SuccessfulCreate",
                format!("Created pod: {name}"),
            )
        }));
    } else if active.len() > desired {
        let surplus = (active.len() - desired).min(BURST_MAX);
        let doomed = rank::first_to_go(round.world, entry, active, surplus);
        actions.extend(doomed.iter().map(|pod| pods::delete(pod)));
        actions.extend(doomed.iter().map(|pod| {
            let message = format!("Deleted pod: {}", pod.key.name);
            pods::record(entry, sort.source, Severity::Normal, "SuccessfulDelete", message)
        }));
    }
    actions
}

fn create(entry: &Entry, set: &ReplicaSet, name: &str, slot: &str) -> Action {
    let mut pod = pods::from_template(set.spec.template.as_ref(), entry, name);
    pod.metadata.generate_name = Some(format!("{}-", entry.key.name));
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(slots::SLOT.to_owned(), slot.to_owned());
    pods::create(&pod)
}

#[cfg(test)]
mod tests;

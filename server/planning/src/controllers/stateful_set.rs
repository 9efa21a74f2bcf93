//! Keeps the numbered pods of a StatefulSet: each has a name, a hostname and claims of its own,
//! which its successors inherit.
//!
//! An ordered set takes one step at a time and none past a pod that is not available; a parallel
//! one takes all at once. That a number never has two pods follows from their name.

mod claims;
mod identity;
mod rollout;
mod set;
mod status;

use object::Key;

use crate::{
    Change, Controller, Plan, Round, World,
    backoff::Backoff,
    owners,
    pods::{PODS, is_running},
    revisions::REVISIONS,
};
pub(crate) use identity::NAME_LABEL;
use set::Set;

pub const CONTROLLER: Controller = Controller {
    name: "statefulset-controller",
    watches: &[STATEFUL_SETS, PODS, REVISIONS, claims::CLAIMS],
    keys_for,
    plan,
};

const STATEFUL_SETS: &str = "statefulsets.apps";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        STATEFUL_SETS => vec![change.key.clone()],
        PODS | REVISIONS => owners::keys_of_owners(change, world, STATEFUL_SETS),
        // Claims carry the labels that the set selects, and have no owner as a rule.
        _ => change
            .both()
            .flat_map(|claim| {
                world.selecting(STATEFUL_SETS, &claim.key.namespace, &claim.meta.labels)
            })
            .map(|set| set.key.clone())
            .collect(),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let mut backoff = Backoff::of(round.memory, round.steady);
    let Some(mut set) = Set::of(round) else { return Plan::default() };
    if !set.entry.meta.is_deleting() {
        set.tell_refusals(round.failures);
        let is_through = keep(&mut set, &mut backoff) && dismiss(&mut set);
        if is_through {
            rollout::update(&mut set);
        }
        set.clean_up();
    }
    status::finish(set, backoff)
}

/// Makes and mends the pods that are asked for. Whether later steps may follow.
fn keep(set: &mut Set<'_>, backoff: &mut Backoff) -> bool {
    let is_ordered = set.is_ordered();
    for ordinal in set.ordinals() {
        if !claims::tend(set, ordinal) {
            if is_ordered {
                return false;
            }
            continue;
        }
        match set.pods.get(&ordinal).copied() {
            None => identity::create(set, ordinal),
            Some(pod) if pod.meta.is_deleting() => {}
            Some(pod) if !is_running(pod) => {
                if backoff.may_try(&pod.key.name, set.steady) {
                    set.delete(pod, Some("RecreatingFailedPod"));
                }
            }
            Some(pod) if set.is_available(pod) => continue,
            Some(_) => {}
        }
        if is_ordered {
            return false;
        }
    }
    true
}

/// Deletes the pods that are no longer asked for, the highest number first.
fn dismiss(set: &mut Set<'_>) -> bool {
    let is_ordered = set.is_ordered();
    let first_unavailable = set.pods.values().find(|pod| !set.is_available(pod)).copied();
    let condemned: Vec<_> = set.condemned().collect();
    for (ordinal, pod) in condemned.into_iter().rev() {
        let is_first = first_unavailable.is_some_and(|first| first.key == pod.key);
        if pod.meta.is_deleting() {
            if is_ordered {
                return false;
            }
            continue;
        }
        if is_ordered && !set.is_available(pod) && !is_first {
            return false;
        }
        claims::hand_to_pod(set, ordinal, pod);
        set.delete(pod, None);
        if is_ordered {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;

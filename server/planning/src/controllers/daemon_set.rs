//! Keeps one pod of a DaemonSet on each node that its template suits.

mod node;
mod rollout;
mod set;
mod status;
mod template;

use std::time::Duration;

use object::Key;

use crate::{
    Action, Change, Controller, Plan, Round, Severity, World,
    backoff::Backoff,
    owners,
    pods::{self, PODS},
    revisions::REVISIONS,
};
use set::{OnNode, Set};

pub const CONTROLLER: Controller = Controller {
    name: "daemonset-controller",
    watches: &[DAEMON_SETS, PODS, REVISIONS, NODES],
    keys_for,
    plan,
};

const DAEMON_SETS: &str = "daemonsets.apps";
const NODES: &str = "nodes";
/// At most so many pods are created by one plan; the next one goes on.
const BURST_MAX: usize = 250;

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        DAEMON_SETS => vec![change.key.clone()],
        // Agents report often; only what says whether a pod suits is of interest.
        NODES if node::suits_the_same(change) => Vec::new(),
        NODES => world.of_kind(DAEMON_SETS).map(|set| set.key.clone()).collect(),
        _ => owners::keys_of_owners(change, world, DAEMON_SETS),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let mut backoff = Backoff::of(round.memory, round.steady);
    let Some(mut set) = Set::of(round) else { return Plan::default() };
    if !set.entry.meta.is_deleting() {
        set.tell_refusals(round.failures);
        manage(&mut set, &mut backoff);
        let is_at_rest = set.actions.iter().all(|action| matches!(action, Action::Record(_)));
        if is_at_rest {
            rollout::update(&mut set);
        }
        set.clean_up();
    }
    set.actions = pods::sort_events(set.actions);
    let status = status::action(&set);
    set.actions.extend(status);
    let waits = set.nodes.iter().flat_map(|on| &on.pods);
    let waits: Option<Duration> = waits
        .filter_map(|pod| pod.pod()?.available_in(set.min_ready, set.now))
        .filter(|wait| !wait.is_zero())
        .chain(backoff.wait())
        .min();
    Plan { actions: set.actions, requeue_after: waits, memory: backoff.into_memory() }
}

/// Makes the pods that nodes lack, deletes those that ended, are too many or have no place.
fn manage(set: &mut Set<'_>, backoff: &mut Backoff) {
    let mut created = 0;
    for at in 0..set.nodes.len() {
        let on = &set.nodes[at];
        if !on.should_continue {
            let surplus: Vec<_> = on.staying().collect();
            surplus.into_iter().for_each(|pod| set.delete(pod));
            continue;
        }
        let finished: Vec<_> = on.finished().collect();
        let is_vacant = on.staying().next().is_none();
        if finished.is_empty() && is_vacant && on.should_run && created < BURST_MAX {
            created += 1;
            // One that is on its way out still has the node's ports.
            if on.pods.is_empty() || set.surge_max > 0 {
                template::create(set, at);
            }
            continue;
        }
        for pod in finished {
            if backoff.may_try(&set.nodes[at].name, set.steady) {
                tell_of_end(set, at, pod);
                set.delete(pod);
            }
        }
        remove_doubles(set, at);
    }
    let lost = std::mem::take(&mut set.lost);
    lost.into_iter().for_each(|pod| set.delete(pod));
}

fn tell_of_end(set: &mut Set<'_>, at: usize, pod: &crate::Entry) {
    let (name, node) = (&pod.key, &set.nodes[at].name);
    let has_failed = pod.pod().is_some_and(|pod| pod.phase == crate::world::Phase::Failed);
    let (severity, reason, state) = if has_failed {
        (Severity::Warning, "FailedDaemonPod", "failed")
    } else {
        (Severity::Normal, "SucceededDaemonPod", "succeeded")
    };
    let message = format!(
        "Found {state} daemon pod {}/{} on node {node}, will try to delete it",
        name.namespace, name.name
    );
    set.actions.push(pods::record(set.entry, CONTROLLER.name, severity, reason, message));
}

/// Of each template one pod may be on a node: of old ones the oldest.
fn remove_doubles(set: &mut Set<'_>, at: usize) {
    let on: &OnNode<'_> = &set.nodes[at];
    let (new, old): (Vec<_>, Vec<_>) = on.running().partition(|pod| set.is_new(pod));
    let mut doubles: Vec<_> = new.iter().skip(1).chain(old.iter().skip(1)).copied().collect();
    if set.surge_max == 0 && !new.is_empty() {
        doubles.extend(old.first());
    }
    doubles.into_iter().for_each(|pod| set.delete(pod));
}

#[cfg(test)]
mod tests;

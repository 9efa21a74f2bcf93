//! Rolls a Deployment's template out over ReplicaSets.
//!
//! Each round takes one step: make the new ReplicaSet, or move its size or the old ones', always
//! within what the strategy allows, judged by the sets' sizes and what they report as available.

mod history;
mod limits;
mod new_set;
mod progress;
mod rolling;
mod rollout;
mod scaling;
mod status;

use object::Key;

use crate::{Change, Controller, Plan, Round, World, owners};
use rollout::Rollout;

pub const CONTROLLER: Controller = Controller {
    name: "deployment-controller",
    watches: &[DEPLOYMENTS, REPLICA_SETS, PODS],
    keys_for,
    plan,
};

const DEPLOYMENTS: &str = "deployments.apps";
const REPLICA_SETS: &str = "replicasets.apps";
const PODS: &str = "pods";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        DEPLOYMENTS => vec![change.key.clone()],
        REPLICA_SETS => owners::keys_of_owners(change, world, DEPLOYMENTS),
        // A pod that is gone may be the last that Recreate waits for.
        _ if change.new.as_ref().is_some_and(|new| !is_finished(new)) => Vec::new(),
        _ => owners::keys_of_owners(change, world, REPLICA_SETS)
            .iter()
            .filter_map(|set| {
                let set = world.entry(set)?;
                owners::owner_key(set.meta.controller()?, &set.key.namespace)
            })
            .collect(),
    }
}

fn is_finished(entry: &crate::Entry) -> bool {
    entry.pod().is_some_and(crate::world::PodSummary::is_finished)
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(mut rollout) = Rollout::of(round) else { return Plan::default() };
    if rollout.entry.meta.is_deleting() {
        return status::finish(rollout, status::Progress::Ignored);
    }
    if rollout.is_paused() {
        history::sync(&mut rollout);
        scaling::scale(&mut rollout);
        history::clean_up(&mut rollout);
        return status::finish(rollout, status::Progress::Ignored);
    }
    // Before anything new is made, what there is gets the size that is asked for.
    if scaling::is_due(&rollout) {
        history::sync(&mut rollout);
        scaling::scale(&mut rollout);
        return status::finish(rollout, status::Progress::Ignored);
    }
    if rollout.recreates() {
        recreate(&mut rollout, round.world);
    } else {
        roll(&mut rollout);
    }
    if status::is_complete(&rollout) {
        history::clean_up(&mut rollout);
    }
    status::finish(rollout, status::Progress::Estimated)
}

fn roll(rollout: &mut Rollout<'_>) {
    history::sync(rollout);
    if rollout.new.is_none() {
        let size = rolling::new_size(rollout);
        return new_set::create(rollout, size);
    }
    if !rolling::grow_new(rollout) {
        rolling::shrink_old(rollout);
    }
}

/// All old pods go before the first new one comes.
fn recreate(rollout: &mut Rollout<'_>, world: &World) {
    history::sync(rollout);
    let old: Vec<usize> = rollout.old_active().collect();
    for at in &old {
        rollout.scale(*at, 0);
    }
    let old_pods_exist = || {
        rollout.old().any(|at| {
            let pods = world.owned_by(&rollout.sets[at].entry.meta.uid);
            pods.filter(|entry| &*entry.key.kind == PODS).any(|pod| !is_finished(pod))
        })
    };
    if !old.is_empty() || old_pods_exist() {
        return;
    }
    let desired = rollout.desired;
    match rollout.new {
        Some(new) => rollout.scale(new, desired),
        None => new_set::create(rollout, desired),
    }
}

#[cfg(test)]
mod tests;

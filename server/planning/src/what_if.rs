//! What would come of the apps if nodes were lost: the scheduler, over a copy of the world in which
//! they are.
//!
//! Each pod of a lost node is made anew as its controller would make it, and each pod that gives way
//! to a more important one, too. What waits for a node already is decided about first and not counted.

mod apps;
mod successor;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kinds::what_if::{PodOutlook, WhatIfStatus};
use object::Key;

use crate::{
    Change, Entry, World, scheduler,
    scheduler::{Decision, Scheduler, Verdict},
};

/// The kinds that the answer depends on; a world that holds these is enough.
pub const KINDS: &[&str] = &[
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "poddisruptionbudgets.policy",
    "pods",
    "replicasets.apps",
    "jobs.batch",
    "storageclasses.storage.k8s.io",
];

/// Between two rounds: longer than any pod waits before it is tried again.
const ROUND: Duration = Duration::from_secs(3600);
/// A pod gives way to a more important one only, so that rounds end by themselves; this is a fence.
const ROUNDS_MAX: u32 = 64;

/// What becomes of the pods that lose their place.
type Fates = BTreeMap<Key, PodOutlook>;

/// What would come of the apps if these nodes were lost at the same time.
pub fn lose(world: &World, nodes: &BTreeSet<Arc<str>>) -> WhatIfStatus {
    let lost = on_nodes(world, nodes);
    let mut rest = Rest::without(world, nodes, &lost);
    for pod in &lost {
        rest.displace(pod, false);
    }
    rest.settle();
    apps::gather(world, rest.fates)
}

/// Pods whose containers may run on these nodes.
fn on_nodes(world: &World, nodes: &BTreeSet<Arc<str>>) -> Vec<Arc<Entry>> {
    let is_there = |pod: &crate::world::PodSummary| nodes.contains(&pod.node) && !pod.is_finished();
    let pods = world.of_kind("pods").filter(|entry| !entry.meta.is_deleting());
    pods.filter(|entry| entry.pod().is_some_and(is_there)).cloned().collect()
}

/// The cluster without the nodes, and what is decided there.
struct Rest<'w> {
    before: &'w World,
    world: World,
    scheduler: Scheduler,
    now: Duration,
    fates: Fates,
}

impl<'w> Rest<'w> {
    fn without(before: &'w World, nodes: &BTreeSet<Arc<str>>, pods: &[Arc<Entry>]) -> Self {
        let mut world = before.clone();
        let gone = nodes.iter().map(|name| Key::new("nodes", "", name));
        for key in gone.chain(pods.iter().map(|pod| pod.key.clone())) {
            let revision = world.entry(&key).map_or(0, |entry| entry.revision);
            world.apply(key, revision + 1, None);
        }
        let mut scheduler = Scheduler::of(&world);
        while scheduler.next(Duration::ZERO).is_some() {}
        Self { before, world, scheduler, now: ROUND, fates: Fates::new() }
    }

    /// A pod has lost its place: its successor waits for one.
    fn displace(&mut self, pod: &Arc<Entry>, preempted: bool) {
        let name = pod.key.name.to_string();
        let mut fate = PodOutlook { name, preempted, ..PodOutlook::default() };
        match successor::of(self.before, pod) {
            Ok(successor) => {
                let successor = Some(Arc::new(successor));
                self.scheduler.apply(&Change { key: pod.key.clone(), old: None, new: successor });
            }
            Err(outcome) => fate.outcome = outcome.to_owned(),
        }
        self.fates.insert(pod.key.clone(), fate);
    }

    /// Decides until nobody has to give way any more.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut victims = Vec::new();
            while let Some(decision) = self.scheduler.next(self.now) {
                self.note(&decision);
                let caused = self.fates.contains_key(&decision.pod.key);
                if let Some(preemption) = decision.preemption.filter(|_| caused) {
                    victims.extend(preemption.victims);
                }
            }
            if victims.is_empty() {
                return;
            }
            for victim in victims {
                let (key, old) = (victim.key.clone(), Some(victim.clone()));
                self.scheduler.apply(&Change { key, old, new: None });
                self.displace(&victim, true);
            }
            self.now += ROUND;
        }
    }

    fn note(&mut self, decision: &Decision) {
        let hangs = || self.hangs_on_volume(&decision.pod);
        let (outcome, to, said) = match &decision.verdict {
            Verdict::Bind { node } => ("Moves", Some(node.to_string()), ""),
            Verdict::Unschedulable { message } if hangs() => ("LocalVolume", None, &**message),
            Verdict::Unschedulable { message } => ("NoCapacity", None, &**message),
        };
        if let Some(fate) = self.fates.get_mut(&decision.pod.key) {
            fate.outcome = outcome.to_owned();
            fate.to = to;
            fate.message = said.to_owned();
        }
    }

    /// Whether a volume of the pod can be had on none of the nodes that are left.
    fn hangs_on_volume(&self, pod: &Entry) -> bool {
        let claims = pod.pod().map(|summary| &*summary.claims).unwrap_or_default();
        claims.iter().any(|claim| self.is_out_of_reach(&pod.key.namespace, claim))
    }

    fn is_out_of_reach(&self, namespace: &str, claim: &str) -> bool {
        let claim = self
            .world
            .get::<kinds::persistent_volume_claim::PersistentVolumeClaim>(namespace, claim);
        let Some(name) = claim.and_then(|claim| claim.spec?.volume_name) else { return false };
        let volume = self.world.get::<kinds::persistent_volume::PersistentVolume>("", &name);
        let required = volume.and_then(|volume| volume.spec?.node_affinity?.required);
        required.is_some_and(|required| {
            !self
                .world
                .of_kind("nodes")
                .any(|node| scheduler::is_in(&required, &node.key.name, &node.meta.labels))
        })
    }
}

#[cfg(test)]
mod tests;

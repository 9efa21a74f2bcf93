//! Which pods go first when a ReplicaSet has too many, in Kubernetes' order.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeMap,
    sync::Arc,
};

use jiff::Timestamp;

use super::{Active, REPLICA_SETS};
use crate::{
    Entry, World,
    pods::{PODS, is_running},
};

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

pub(super) fn first_to_go<'w>(
    world: &World,
    set: &Entry,
    active: &[Active<'w>],
    count: usize,
) -> Vec<&'w Arc<Entry>> {
    let related = related_per_node(world, set);
    let mut ranked: Vec<_> = active
        .iter()
        .map(|one| {
            let neighbours = related.get(&*one.pod.node).copied().unwrap_or(0);
            (rank(one, neighbours), one.entry)
        })
        .collect();
    ranked.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.key.cmp(&y.key)));
    ranked.into_iter().take(count).map(|(_, entry)| entry).collect()
}

/// Running pods of the same owner's sets, by node: crowded nodes give first.
fn related_per_node(world: &World, set: &Entry) -> BTreeMap<Arc<str>, usize> {
    let mut counts = BTreeMap::new();
    let mut count = |set_uid: &str| {
        let pods = world.owned_by(set_uid).filter(|entry| &*entry.key.kind == PODS);
        for pod in pods.filter(|entry| is_running(entry)).filter_map(|entry| entry.pod()) {
            *counts.entry(pod.node.clone()).or_insert(0) += 1;
        }
    };
    match set.meta.controller() {
        Some(owner) => world
            .owned_by(&owner.uid)
            .filter(|entry| &*entry.key.kind == REPLICA_SETS)
            .for_each(|sibling| count(&sibling.meta.uid)),
        None => count(&set.meta.uid),
    }
    counts
}

/// The least goes first.
fn rank(active: &Active<'_>, neighbours: usize) -> impl Ord + use<> {
    let Active { entry, pod } = active;
    let cost = entry.meta.annotations.get(DELETION_COST);
    let cost: i32 = cost.and_then(|cost| cost.parse().ok()).unwrap_or(0);
    (
        !pod.node.is_empty(),
        pod.phase,
        pod.is_ready(),
        cost,
        Reverse(neighbours),
        Youth(pod.ready_since),
        Reverse(pod.restarts),
        Youth(entry.meta.creation_timestamp),
    )
}

/// Younger is less.
#[derive(PartialEq, Eq)]
struct Youth(Option<Timestamp>);

impl Ord for Youth {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Youth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

//! How fast nodes that do not answer lose their pods. Each zone gives them up one after the other; a
//! zone of which most do not answer hardly does, and once no node at all answers none is given up:
//! then the fault is more likely between them and us.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{NODES, marks::OURS};
use crate::{Entry, Round, World, taints};

const LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];
/// Between two nodes of a zone: a tenth of a node in a second.
const PAUSE: Duration = Duration::from_secs(10);
/// The same in a large zone of which most nodes do not answer; a small one gives up none.
const PAUSE_DISRUPTED: Duration = Duration::from_secs(100);
const SMALL_MAX: usize = 50;
/// From so many nodes and so many of a hundred on a zone is disrupted.
const UNREADY_MIN: usize = 3;
const UNREADY_PERCENT: usize = 55;

/// Whether the pods of a node that does not answer, or is not ready, may be told to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Now,
    /// Others of its zone come first.
    After(Duration),
    /// As long as its zone is as it is.
    Never,
    /// And what was told is taken back.
    Recall,
}

pub(super) fn pace(round: &Round<'_>, node: &Entry) -> Pace {
    let is_ready = |other: &&Arc<Entry>| other.key != node.key && answers(other);
    if !round.world.of_kind(NODES).any(|other| is_ready(&other)) {
        return Pace::Recall;
    }
    let zone: Vec<&Arc<Entry>> = in_zone_of(round.world, node).collect();
    let unready: Vec<&&Arc<Entry>> = zone.iter().filter(|other| !is_ready(other)).collect();
    let is_disrupted = unready.len() < zone.len()
        && unready.len() >= UNREADY_MIN
        && unready.len() * 100 >= zone.len() * UNREADY_PERCENT;
    let pause = match is_disrupted {
        false => PAUSE,
        true if zone.len() > SMALL_MAX => PAUSE_DISRUPTED,
        true => return Pace::Never,
    };
    let last = zone.iter().filter_map(|other| given_up_at(other)).max();
    let age = last.map(|last| round.now.duration_since(last)).filter(|age| !age.is_negative());
    let left = age.map_or(Duration::ZERO, |age| {
        pause.saturating_sub(Duration::try_from(age).unwrap_or_default())
    });
    let is_next = unready
        .iter()
        .find(|other| given_up_at(other).is_none())
        .is_none_or(|first| first.key == node.key);
    match (is_next, left.is_zero()) {
        (true, true) => Pace::Now,
        (true, false) => Pace::After(left),
        (false, _) => Pace::After(left.max(Duration::from_secs(1))),
    }
}

/// The nodes whose pace may change with the readiness of one.
pub(super) fn concerned(world: &World) -> impl Iterator<Item = &Arc<Entry>> {
    world.of_kind(NODES).filter(|node| !answers(node))
}

pub(super) fn answers(node: &Entry) -> bool {
    node.node().is_some_and(|node| node.is_ready)
}

fn in_zone_of<'w>(world: &'w World, node: &'w Entry) -> impl Iterator<Item = &'w Arc<Entry>> {
    let zone = |node: &Entry| LABELS.map(|label| node.meta.labels.get(label).cloned());
    let own = zone(node);
    world.of_kind(NODES).filter(move |other| zone(other) == own)
}

/// When a node's pods were told to go, if they were.
fn given_up_at(node: &Arc<Entry>) -> Option<Timestamp> {
    let taints = node.node().map_or(&[][..], |node| &node.taints);
    let ours = taints
        .iter()
        .filter(|taint| taint.effect == taints::NO_EXECUTE && OURS.contains(&taint.key.as_str()));
    let added = |taint: &k8s_openapi::api::core::v1::Taint| {
        taint.time_added.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    };
    ours.map(added).max()
}

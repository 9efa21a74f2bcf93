//! Which of the nodes that fit is best: one file each and one line in the list.

mod affinity;
mod allocation;
mod balance;
mod images;
mod peers;
mod spread;
mod taints;

use super::{
    filters::Sight,
    node::Node,
    shape::{Cell, Shape},
};

/// A node that fits.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) node: u32,
    pub(super) cell: Cell,
}

struct Score {
    weight: fn(&Weights) -> i64,
    /// Rates every candidate from 0 to 100; says nothing (`false`) where all would be the same.
    rate: fn(&Sight<'_>, &[Candidate], &mut Vec<i64>) -> bool,
}

/// How much each score counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) taints: i64,
    pub(super) affinity: i64,
    pub(super) spread: i64,
    pub(super) peers: i64,
    pub(super) allocation: i64,
    pub(super) balance: i64,
    pub(super) images: i64,
}

static SCORES: &[Score] = &[
    Score { weight: |weights| weights.taints, rate: taints::rate },
    Score { weight: |weights| weights.affinity, rate: affinity::rate },
    Score { weight: |weights| weights.spread, rate: spread::rate },
    Score { weight: |weights| weights.peers, rate: peers::rate },
    Score { weight: |weights| weights.allocation, rate: allocation::rate },
    Score { weight: |weights| weights.balance, rate: balance::rate },
    Score { weight: |weights| weights.images, rate: images::rate },
];

const BEST: i64 = 100;

/// Room for numbers that is used again and again.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<i64>,
    rates: Vec<i64>,
}

/// What a node by itself is to a pod, to be kept until the node changes.
pub(super) fn of_node(shape: &Shape, node: &Node) -> Cell {
    let Some(info) = node.info.as_deref() else { return Cell::default() };
    let shares = allocation::shares(shape, node, info);
    Cell {
        version: 0,
        refusal: 0,
        affinity: affinity::liking(shape, node, info),
        taints: taints::unwelcome(shape, info),
        allocation: allocation::of(shape.profile.allocation, shares),
        balance: balance::of(shape, node, info),
        images: images::of(shape, info),
    }
}

/// The candidate with the highest sum; of equals the one with the fewest pods, and of these the
/// first.
pub(super) fn best(
    sight: &Sight<'_>,
    candidates: &[Candidate],
    scratch: &mut Scratch,
) -> Option<u32> {
    let weights = &sight.pod.profile.weights;
    scratch.sums.clear();
    scratch.sums.resize(candidates.len(), 0);
    if candidates.len() > 1 {
        for score in SCORES {
            let weight = (score.weight)(weights);
            scratch.rates.clear();
            if weight != 0 && (score.rate)(sight, candidates, &mut scratch.rates) {
                let rated = scratch.sums.iter_mut().zip(&scratch.rates);
                rated.for_each(|(sum, rate)| *sum += weight * rate);
            }
        }
    }
    let most = scratch.sums.iter().copied().max()?;
    let tied = candidates.iter().zip(&scratch.sums).filter(|(_, sum)| **sum == most);
    tied.map(|(candidate, _)| candidate.node)
        .min_by_key(|node| sight.cluster.nodes[*node].pods.len())
}

/// The greatest becomes 100, or 0 if `reversed`; nothing is said if all are zero.
fn normalize(values: &mut [i64], reversed: bool) -> bool {
    let greatest = values.iter().copied().max().unwrap_or(0);
    if greatest <= 0 {
        return false;
    }
    for value in values {
        let share = *value * BEST / greatest;
        *value = if reversed { BEST - share } else { share };
    }
    true
}

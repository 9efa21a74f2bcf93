//! Which of the nodes that fit is best: one file each and one line in the list.

mod affinity;
mod allocation;
mod balance;
mod images;
mod spread;
mod taints;

use super::{
    filters,
    node::{Node, Usage},
    pod::Pod,
};

/// A node that fits, with what pods take of it.
type Candidate<'s> = (&'s Node, &'s Usage);

/// Rates every candidate from 0 to 100.
type Score = fn(&Pod, &[Candidate<'_>]) -> Vec<i64>;

const SCORES: &[(i64, Score)] = &[
    (3, spread::scores),
    (3, taints::scores),
    (2, affinity::scores),
    (1, allocation::scores),
    (1, balance::scores),
    (1, images::scores),
];

const BEST: i64 = 100;

/// The candidate with the highest sum; of equals the one with the fewest pods, then by name.
pub(super) fn best<'s>(pod: &Pod, candidates: &[Candidate<'s>]) -> Option<&'s Node> {
    let mut sums = vec![0; candidates.len()];
    if candidates.len() > 1 {
        for (weight, score) in SCORES {
            let scores = score(pod, candidates);
            sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += weight * score);
        }
    }
    candidates
        .iter()
        .zip(sums)
        .min_by_key(|((node, usage), sum)| (-sum, usage.pods, node.name.clone()))
        .map(|((node, _), _)| *node)
}

/// The greatest becomes 100, or 0 if `reversed`.
fn normalize(values: Vec<i64>, reversed: bool) -> Vec<i64> {
    let greatest = values.iter().copied().max().unwrap_or(0);
    values
        .into_iter()
        .map(|value| {
            let share = if greatest > 0 { value * BEST / greatest } else { 0 };
            if reversed { BEST - share } else { share }
        })
        .collect()
}

//! Nodes that the pod prefers come first.

use super::{
    super::{filters, node::Info},
    Candidate, Node, Shape, Sight, normalize,
};

pub(super) fn liking(shape: &Shape, node: &Node, info: &Info) -> i32 {
    let affinity = &shape.places.affinity;
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
    preferred
        .unwrap_or_default()
        .iter()
        .filter(|term| filters::matches_term(&term.preference, &node.name, &info.labels))
        .map(|term| term.weight)
        .sum()
}

pub(super) fn rate(_: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    rates.extend(candidates.iter().map(|one| i64::from(one.cell.affinity)));
    normalize(rates, false)
}

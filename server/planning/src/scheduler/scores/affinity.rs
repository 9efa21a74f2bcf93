//! Nodes that the pod prefers come first.

use super::{Candidate, Pod, filters, normalize};

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    let preferred = pod.affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
    let liking = |node: &super::Node| {
        preferred
            .unwrap_or_default()
            .iter()
            .filter(|term| filters::matches_term(&term.preference, node))
            .map(|term| i64::from(term.weight))
            .sum()
    };
    normalize(candidates.iter().map(|(node, _)| liking(node)).collect(), false)
}

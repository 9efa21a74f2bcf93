//! A node whose CPU and memory are taken evenly is preferred, so that neither is left over.

use super::{BEST, Candidate, Pod, allocation};

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    let gap = |one: &Candidate<'_>| {
        let [cpu, memory] = allocation::shares(pod, one);
        (cpu - memory).abs()
    };
    candidates.iter().map(|one| BEST - gap(one)).collect()
}

//! The node with the most left is preferred.

use super::{BEST, Candidate, Pod};
use crate::resources::Resources;

/// What a pod that requests nothing is taken to need, so that such pods spread, too.
const CPU_MILLI_DEFAULT: i64 = 100;
const MEMORY_BYTES_DEFAULT: i64 = 200 << 20;

/// The shares of CPU and memory, in hundredths, that would be taken with the pod there.
pub(super) fn shares(pod: &Pod, (node, usage): &Candidate<'_>) -> [i64; 2] {
    let share = |name: &str, least: i64| {
        let offered = node.allocatable.amount(name);
        if offered <= 0 {
            return BEST;
        }
        let amount = |resources: &Resources, pods: i64| resources.amount(name).max(least * pods);
        let taken = amount(&usage.requested, usage.pods) + amount(&pod.requests, 1);
        (i128::from(taken) * 100 / i128::from(offered)).clamp(0, 100) as i64
    };
    [share("cpu", CPU_MILLI_DEFAULT), share("memory", MEMORY_BYTES_DEFAULT)]
}

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    candidates.iter().map(|one| BEST - shares(pod, one).iter().sum::<i64>() / 2).collect()
}

//! Replicas of one owner go to different nodes.

use super::{Candidate, Pod, normalize};

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    let siblings = |usage: &super::Usage| match &pod.owner {
        Some(owner) => i64::try_from(usage.of_owner(owner)).unwrap_or(i64::MAX),
        None => 0,
    };
    normalize(candidates.iter().map(|(_, usage)| siblings(usage)).collect(), true)
}

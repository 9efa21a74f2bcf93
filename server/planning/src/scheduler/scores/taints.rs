//! Nodes that would rather not have the pod come last.

use super::{Candidate, Pod, normalize};
use crate::taints;

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    let unwelcome = |node: &super::Node| {
        let taints = node.taints.iter().filter(|taint| {
            taint.effect == taints::PREFER_NO_SCHEDULE
                && taints::tolerated_by(taint, &pod.tolerations).is_none()
        });
        i64::try_from(taints.count()).unwrap_or(i64::MAX)
    };
    normalize(candidates.iter().map(|(node, _)| unwelcome(node)).collect(), true)
}

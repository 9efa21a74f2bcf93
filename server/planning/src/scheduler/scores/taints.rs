//! Nodes that would rather not have the pod come last.

use super::{super::node::Info, Candidate, Shape, Sight, normalize};
use crate::taints;

pub(super) fn unwelcome(shape: &Shape, info: &Info) -> u8 {
    let taints = info.taints.iter().filter(|taint| {
        taint.effect == taints::PREFER_NO_SCHEDULE
            && taints::tolerated_by(taint, &shape.places.tolerations).is_none()
    });
    u8::try_from(taints.count()).unwrap_or(u8::MAX)
}

pub(super) fn rate(_: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    rates.extend(candidates.iter().map(|one| i64::from(one.cell.taints)));
    normalize(rates, true)
}

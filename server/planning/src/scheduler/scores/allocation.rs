//! The node with the most left is preferred, or the one with the least: the profile says which.

use super::{
    super::{node::Info, profiles::Allocation},
    BEST, Candidate, Node, Shape, Sight,
};

/// What would be left, in hundredths of CPU and memory, with the pod there; `None` if too much would
/// be taken.
pub(super) fn shares(shape: &Shape, node: &Node, info: &Info) -> [Option<i64>; 2] {
    let share = |offered: i64, at: usize| {
        let taken = node.assumed[at] + shape.assumed[at];
        (offered > 0 && taken <= offered).then(|| {
            let left = i128::from(offered - taken) * i128::from(BEST) / i128::from(offered);
            i64::try_from(left).expect("it is at most a hundred")
        })
    };
    [share(info.allocatable.cpu_milli, 0), share(info.allocatable.memory_bytes, 1)]
}

pub(super) fn of(allocation: Allocation, shares: [Option<i64>; 2]) -> u8 {
    let rate = |share: Option<i64>| match (allocation, share) {
        (Allocation::Least, share) => share.unwrap_or(0),
        (Allocation::Most, Some(share)) => BEST - share,
        // Pods that say nothing of what they need may be taken to need more than there is.
        (Allocation::Most, None) => BEST,
    };
    u8::try_from(shares.into_iter().map(rate).sum::<i64>() / 2).expect("it is at most a hundred")
}

pub(super) fn rate(_: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    rates.extend(candidates.iter().map(|one| i64::from(one.cell.allocation)));
    true
}

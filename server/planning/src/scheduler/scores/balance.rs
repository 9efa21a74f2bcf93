//! A node whose CPU and memory are taken evenly is preferred, so that neither is left over.

use super::{super::node::Info, BEST, Candidate, Node, Shape, Sight};

pub(super) fn of(shape: &Shape, node: &Node, info: &Info) -> u8 {
    // What asks for nothing puts nothing out of balance.
    if !shape.requests.is_asking() {
        return 0;
    }
    let share = |offered: i64, taken: i64, wanted: i64| {
        if offered <= 0 {
            return 0;
        }
        let taken = i128::from(taken + wanted) * 1000 / i128::from(offered);
        i64::try_from(taken.min(1000)).expect("it is at most a thousand")
    };
    let (offered, taken, wanted) = (&info.allocatable, &node.requested, &shape.requests);
    let cpu = share(offered.cpu_milli, taken.cpu_milli, wanted.cpu_milli);
    let memory = share(offered.memory_bytes, taken.memory_bytes, wanted.memory_bytes);
    // The standard deviation of two is half of what lies between them.
    u8::try_from(BEST - (cpu - memory).abs() / 20).expect("it is at most a hundred")
}

pub(super) fn rate(_: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    rates.extend(candidates.iter().map(|one| i64::from(one.cell.balance)));
    true
}

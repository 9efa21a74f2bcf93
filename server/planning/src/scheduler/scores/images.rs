//! A node that has the pod's images already starts it sooner.

use super::{super::node::Info, BEST, Candidate, Shape, Sight};

/// Below, fetching is quick; above, more makes no difference.
const SIZE_BYTES_MIN: i64 = 23 << 20;
const SIZE_BYTES_MAX_EACH: i64 = 1000 << 20;

pub(super) fn of(shape: &Shape, info: &Info) -> u8 {
    if info.images.is_empty() || shape.images.is_empty() {
        return 0;
    }
    let there: i64 = shape.images.iter().filter_map(|image| info.images.get(image)).sum();
    let images = i64::try_from(shape.images.len()).unwrap_or(1);
    let most = SIZE_BYTES_MAX_EACH.saturating_mul(images);
    let range = most - SIZE_BYTES_MIN;
    let share = (there.clamp(SIZE_BYTES_MIN, most) - SIZE_BYTES_MIN) * BEST / range;
    u8::try_from(share).expect("it is at most a hundred")
}

pub(super) fn rate(_: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    rates.extend(candidates.iter().map(|one| i64::from(one.cell.images)));
    rates.iter().any(|rate| *rate > 0)
}

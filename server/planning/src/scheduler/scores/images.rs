//! A node that has the pod's images already starts it sooner.

use super::{BEST, Candidate, Pod};

/// Below, fetching is quick; above, more makes no difference.
const SIZE_BYTES_MIN: i64 = 23 << 20;
const SIZE_BYTES_MAX: i64 = 1000 << 20;

pub(super) fn scores(pod: &Pod, candidates: &[Candidate<'_>]) -> Vec<i64> {
    let there = |node: &super::Node| -> i64 {
        let sizes = pod.images.iter().filter_map(|image| node.images.get(&full_name(image)));
        sizes.sum::<i64>().clamp(SIZE_BYTES_MIN, SIZE_BYTES_MAX)
    };
    let range = SIZE_BYTES_MAX - SIZE_BYTES_MIN;
    candidates.iter().map(|(node, _)| (there(node) - SIZE_BYTES_MIN) * BEST / range).collect()
}

/// An image without a tag means `latest`.
fn full_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

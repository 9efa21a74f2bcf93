//! The rolling update: pods with another template go, the highest number first.

use super::set::{Set, revision};
use crate::portion;

pub(super) fn update(set: &mut Set<'_>) {
    if !set.is_rolling() {
        return;
    }
    let mut allowed = unavailable_max(set);
    let newest = set.history.name.clone();
    let from = set.partition().max(set.ordinals().start);
    for ordinal in (from..set.ordinals().end).rev() {
        if allowed <= 0 {
            return;
        }
        let Some(pod) = set.pods.get(&ordinal).copied() else {
            allowed -= 1;
            continue;
        };
        if pod.meta.is_deleting() {
            allowed -= 1;
        } else if revision(pod) != Some(&newest) {
            set.delete(pod, None);
            allowed -= 1;
        } else if !set.is_available(pod) {
            allowed -= 1;
        }
    }
}

fn unavailable_max(set: &Set<'_>) -> i32 {
    let desired = set.object.spec.replicas.unwrap_or(1).max(0);
    let given = set.rolling().and_then(|rolling| rolling.max_unavailable.as_ref());
    given.map_or(1, |given| portion::down(given, desired)).max(1)
}

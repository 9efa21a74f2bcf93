//! Scaling of a Deployment: while a rollout is on its way, all its sets grow or shrink in
//! proportion, so that the risk stays where it was.

use std::cmp::Reverse;

use super::rollout::{DESIRED, MAXIMUM, Rollout, Set};

/// Whether the size that is asked for changed since the sets were last told.
pub(super) fn is_due(rollout: &Rollout<'_>) -> bool {
    let told = |set: &Set<'_>| set.annotation(DESIRED).and_then(|text| text.parse::<i32>().ok());
    rollout
        .sets
        .iter()
        .filter(|set| set.replicas > 0)
        .any(|set| told(set).is_some_and(|told| told != rollout.desired))
}

pub(super) fn scale(rollout: &mut Rollout<'_>) {
    let active: Vec<usize> =
        (0..rollout.sets.len()).filter(|at| rollout.sets[*at].replicas > 0).collect();
    let only = match active.as_slice() {
        [] => rollout.new.or_else(|| rollout.old().last()),
        [one] => Some(*one),
        _ => None,
    };
    if let Some(only) = only {
        let desired = rollout.desired;
        return rollout.scale(only, desired);
    }
    if active.is_empty() {
        return;
    }
    if is_saturated(rollout) {
        let old: Vec<usize> = rollout.old_active().collect();
        old.into_iter().for_each(|at| rollout.scale(at, 0));
    } else if !rollout.recreates() {
        scale_in_proportion(rollout, active);
    }
}

/// Whether the new set has reached its size and works.
fn is_saturated(rollout: &Rollout<'_>) -> bool {
    rollout.new.is_some_and(|new| {
        let set = &rollout.sets[new];
        let told = set.annotation(DESIRED).and_then(|text| text.parse().ok());
        set.replicas == rollout.desired
            && told == Some(rollout.desired)
            && set.available() == rollout.desired
    })
}

fn scale_in_proportion(rollout: &mut Rollout<'_>, mut active: Vec<usize>) {
    let allowed = if rollout.desired > 0 { rollout.total_max() } else { 0 };
    let to_add = allowed - rollout.total();
    // The largest first; of equals the newest when growing, the oldest when shrinking.
    active.sort_by_key(|at| {
        let age = i64::try_from(*at).unwrap_or(i64::MAX);
        (Reverse(rollout.sets[*at].replicas), if to_add > 0 { -age } else { age })
    });
    let mut left = to_add;
    let mut sizes: Vec<(usize, i32)> = Vec::new();
    for at in active {
        let share = share(rollout, &rollout.sets[at]);
        let share = if to_add > 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
        left -= share;
        sizes.push((at, rollout.sets[at].replicas + share));
    }
    // What rounding left over goes to the largest.
    if let Some((_, size)) = sizes.first_mut() {
        *size = (*size + left).max(0);
    }
    sizes.into_iter().for_each(|(at, size)| rollout.scale(at, size));
}

/// By how much a set has to change for its part of the whole to stay what it was.
fn share(rollout: &Rollout<'_>, set: &Set<'_>) -> i32 {
    if rollout.desired == 0 {
        return -set.replicas;
    }
    let before = set.annotation(MAXIMUM).and_then(|text| text.parse::<i64>().ok());
    let status = rollout.object.status.as_ref().and_then(|status| status.replicas);
    let before = before.or(status.map(i64::from)).unwrap_or(0);
    if before <= 0 {
        return 0;
    }
    let product = i64::from(set.replicas) * i64::from(rollout.total_max());
    let size = (product * 2 + before) / (before * 2);
    i32::try_from(size).unwrap_or(i32::MAX) - set.replicas
}

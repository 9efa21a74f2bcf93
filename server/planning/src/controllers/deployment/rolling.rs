//! The steps of a rolling update.

use super::rollout::Rollout;

/// The size that the new set may have now: what is asked for, as far as the surge leaves room.
pub(super) fn new_size(rollout: &Rollout<'_>) -> i32 {
    let now = rollout.new.map_or(0, |new| rollout.sets[new].replicas);
    let room = rollout.total_max() - rollout.total();
    if now >= rollout.desired || room <= 0 {
        return now.min(rollout.desired);
    }
    now + room.min(rollout.desired - now)
}

/// Brings the new set towards its size; says whether that was this round's step.
pub(super) fn grow_new(rollout: &mut Rollout<'_>) -> bool {
    let Some(new) = rollout.new else { return false };
    let size = new_size(rollout);
    let moves = rollout.sets[new].replicas != size;
    rollout.scale(new, size);
    moves
}

/// Takes pods from the old sets, first those that do not work, and never one that the least number
/// of available pods needs.
pub(super) fn shrink_old(rollout: &mut Rollout<'_>) {
    let Some(new) = rollout.new else { return };
    let available_min = rollout.desired - rollout.limits.unavailable;
    let new_unavailable = rollout.sets[new].replicas - rollout.sets[new].available();
    // Were every old pod available, so many could go: new ones do not count until they work.
    let mut spare = rollout.total() - available_min - new_unavailable;
    let old: Vec<usize> = rollout.old_active().collect();
    for at in &old {
        let set = &rollout.sets[*at];
        let broken = (set.replicas - set.available()).min(spare);
        if broken > 0 {
            spare -= broken;
            let size = set.replicas - broken;
            rollout.scale(*at, size);
        }
    }
    let available: i32 = rollout.sets.iter().map(super::rollout::Set::available).sum();
    let mut spare = spare.min(available - available_min);
    for at in old {
        let replicas = rollout.sets[at].replicas;
        let gone = replicas.min(spare);
        if gone > 0 {
            spare -= gone;
            rollout.scale(at, replicas - gone);
        }
    }
}

//! The rolling update: old pods go before their successors come, or, with surge, after.

use std::sync::Arc;

use super::{set::Set, template};
use crate::Entry;

pub(super) fn update(set: &mut Set<'_>) {
    let strategy = set.object.spec.update_strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return;
    }
    if set.surge_max > 0 {
        surge(set);
    } else {
        replace(set);
    }
}

/// A node's place in the set, its running old pod and its running new one.
type Pair<'w> = (usize, Option<&'w Arc<Entry>>, Option<&'w Arc<Entry>>);

/// Of each node that should have a pod.
fn pairs<'w>(set: &Set<'w>) -> Vec<Pair<'w>> {
    let nodes = set.nodes.iter().enumerate().filter(|(_, on)| on.should_continue);
    nodes
        .map(|(at, on)| {
            let old = on.running().find(|pod| !set.is_new(pod));
            let new = on.running().find(|pod| set.is_new(pod));
            (at, old, new)
        })
        .collect()
}

fn replace(set: &mut Set<'_>) {
    let mut unavailable = 0;
    let (mut broken, mut working) = (Vec::new(), Vec::new());
    for (at, old, new) in pairs(set) {
        match (old, new) {
            (None, None) => unavailable += i32::from(set.nodes[at].should_run),
            (_, Some(new)) => unavailable += i32::from(!set.is_available(new)),
            // What does not work anyway may go at once.
            (Some(old), None) if !set.is_available(old) => {
                unavailable += 1;
                broken.push(old);
            }
            (Some(old), None) => working.push(old),
        }
    }
    let allowed = usize::try_from(set.unavailable_max - unavailable).unwrap_or(0);
    let doomed: Vec<_> = broken.into_iter().chain(working.into_iter().take(allowed)).collect();
    doomed.into_iter().for_each(|pod| set.delete(pod));
}

fn surge(set: &mut Set<'_>) {
    let mut surging = 0;
    let (mut broken, mut working) = (Vec::new(), Vec::new());
    for (at, old, new) in pairs(set) {
        match (old, new) {
            (Some(old), None) if !set.is_available(old) => broken.push(at),
            (Some(_), None) => working.push(at),
            (Some(old), Some(new)) if set.is_available(new) => set.delete(old),
            (Some(_), Some(_)) => surging += 1,
            (None, _) => {}
        }
    }
    let allowed = usize::try_from(set.surge_max - surging).unwrap_or(0);
    let due: Vec<_> = broken.into_iter().chain(working.into_iter().take(allowed)).collect();
    due.into_iter().for_each(|at| template::create(set, at));
}

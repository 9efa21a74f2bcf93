//! Pods that are of use only together: they all get their nodes in one go, or none does.
//!
//! A pod names its group with the label `scheduling.x-k8s.io/pod-group`; how many of the group have to
//! have nodes at once says the annotation `longshore.dev/pod-group-min-available`. No room is held for a
//! group that does not fit, and nobody is preempted for one; once so many have nodes, further pods of
//! the group are as any others.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Scheduler,
    attempt::Misfit,
    cluster::Place,
    decision::{self, Verdict},
    pending::Sort,
};
use crate::Entry;

const LABEL: &str = "scheduling.x-k8s.io/pod-group";
const MIN_AVAILABLE: &str = "longshore.dev/pod-group-min-available";

/// The group that a pod is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// With the namespace, so that it is unique.
    pub(super) name: Arc<str>,
    min_available: usize,
}

impl Membership {
    /// A group of one is none.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let name = entry.meta.labels.get(LABEL).filter(|name| !name.is_empty())?;
        let min_available = entry.meta.annotations.get(MIN_AVAILABLE)?.parse().ok()?;
        let name = format!("{}/{name}", entry.key.namespace).into();
        (min_available > 1).then_some(Self { name, min_available })
    }
}

/// A group at the moment when one of its pods is to get a node.
struct Attempt {
    name: Arc<str>,
    min_available: usize,
    /// How many have their node.
    placed: usize,
    waiting: Vec<u32>,
    fitting: Vec<u32>,
    misfits: BTreeMap<u32, Misfit>,
}

impl Scheduler {
    /// Decides about all pods of a pod's group that wait, if they have to be decided about together.
    pub(super) fn decide_together(&mut self, pod: u32, now: Duration) -> bool {
        let Some(mut attempt) = self.gather(pod) else { return false };
        for member in attempt.waiting.clone() {
            if member != pod {
                self.pending.take(member, now);
            }
        }
        if attempt.placed + attempt.waiting.len() < attempt.min_available {
            let known = attempt.placed + attempt.waiting.len();
            let why = format!("{known} of its {} pods are there", attempt.min_available);
            self.hold(&attempt, &why, now);
            return true;
        }
        for member in attempt.waiting.clone() {
            match self.search.find(&mut self.cluster, member) {
                Ok(node) => {
                    self.cluster.put(member, Place::Assumed(node));
                    attempt.fitting.push(member);
                }
                Err(misfit) => drop(attempt.misfits.insert(member, misfit)),
            }
        }
        if attempt.placed + attempt.fitting.len() >= attempt.min_available {
            self.release(attempt, now);
        } else {
            attempt.fitting.iter().for_each(|member| self.cluster.put(*member, Place::Nowhere));
            let fit = attempt.placed + attempt.fitting.len();
            let first = attempt.misfits.values().next();
            let said =
                first.map_or(String::new(), |misfit| decision::say(misfit, &self.search.refusals));
            let why = format!("{fit} of its {} pods fit at once. {said}", attempt.min_available);
            self.hold(&attempt, &why, now);
        }
        true
    }

    fn gather(&self, pod: u32) -> Option<Attempt> {
        let cluster = &self.cluster;
        let name = cluster.pods[pod].group.as_ref()?.name.clone();
        let members = cluster.groups.get(&name)?;
        let mut attempt = Attempt {
            name,
            min_available: 0,
            placed: 0,
            waiting: Vec::new(),
            fitting: Vec::new(),
            misfits: BTreeMap::new(),
        };
        for member in members {
            let one = &cluster.pods[*member];
            let wanted = one.group.as_ref().map_or(0, |group| group.min_available);
            attempt.min_available = attempt.min_available.max(wanted);
            match one.place {
                Place::Nowhere => attempt.waiting.push(*member),
                _ => attempt.placed += 1,
            }
        }
        attempt.waiting.sort_by_cached_key(|member| {
            let one = &cluster.pods[*member];
            (Reverse(one.priority), one.entry.key.clone())
        });
        (attempt.placed < attempt.min_available).then_some(attempt)
    }

    /// All that fit get their nodes; the others wait as any pod does.
    fn release(&mut self, attempt: Attempt, now: Duration) {
        for member in attempt.fitting {
            if let Some(node) = self.cluster.pods[member].place.node() {
                let decision = self.assume(member, node);
                self.outbox.push_back(decision);
            }
        }
        for (member, misfit) in attempt.misfits {
            let decision = self.put_off(member, &misfit, now);
            self.outbox.push_back(decision);
        }
    }

    /// None gets a node. What may help one of them makes all be tried again.
    fn hold(&mut self, attempt: &Attempt, why: &str, now: Duration) {
        let refused_by = attempt.misfits.values().fold(0, |all, misfit| all | misfit.refused_by);
        let name = attempt.name.rsplit('/').next().unwrap_or_default();
        for member in &attempt.waiting {
            let message = format!("pod group {name} waits: {why}").trim_end().to_owned();
            let decision = self.decision(*member, Verdict::Unschedulable { message });
            self.outbox.push_back(decision);
            let one = &self.cluster.pods[*member];
            self.pending.park(
                *member,
                Sort { shape: one.shape, peers: one.peers, refused_by },
                now,
            );
        }
    }

    /// A pod of a group has come: those that were too few are tried again.
    pub(super) fn wake_group(&mut self, pod: u32) {
        let Some(group) = &self.cluster.pods[pod].group else { return };
        for member in self.cluster.groups.get(&group.name).into_iter().flatten() {
            self.pending.wake(*member);
        }
    }
}

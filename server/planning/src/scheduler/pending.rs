//! The pods that wait: by priority and age, those that found no node apart until something changes
//! that may help them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use object::Key;

use super::pod::Pod;

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Pending {
    pods: BTreeMap<Key, Waiting>,
    active: BTreeSet<(Reverse<i32>, u64, Key)>,
    backing_off: BTreeSet<(Duration, Key)>,
    parked: BTreeSet<Key>,
    arrivals: u64,
}

struct Waiting {
    /// `None` while a decision about it is being made.
    pod: Option<Pod>,
    arrival: u64,
    attempts: u32,
    not_before: Duration,
}

impl Pending {
    /// A new pod, or a changed one. A change of its status alone (as our own note on it) does not
    /// give it another try.
    pub(super) fn set(&mut self, pod: Pod) {
        let key = pod.entry.key.clone();
        if let Some(waiting) = self.pods.get_mut(&key) {
            let same = waiting.pod.as_ref().is_some_and(|old| is_same(old, &pod));
            waiting.pod = Some(pod);
            if !same && self.parked.remove(&key) {
                self.backing_off.insert((waiting.not_before, key));
            }
            return;
        }
        self.arrivals += 1;
        let waiting =
            Waiting { pod: None, arrival: self.arrivals, attempts: 0, not_before: Duration::ZERO };
        self.activate(pod, waiting);
    }

    fn activate(&mut self, pod: Pod, waiting: Waiting) {
        let key = pod.entry.key.clone();
        self.active.insert((Reverse(pod.priority), waiting.arrival, key.clone()));
        self.pods.insert(key, Waiting { pod: Some(pod), ..waiting });
    }

    pub(super) fn remove(&mut self, key: &Key) {
        let Some(waiting) = self.pods.remove(key) else { return };
        let priority = waiting.pod.map_or(0, |pod| pod.priority);
        self.active.remove(&(Reverse(priority), waiting.arrival, key.clone()));
        self.backing_off.remove(&(waiting.not_before, key.clone()));
        self.parked.remove(key);
    }

    /// Something changed that may help: all get another try when their back-off ends.
    pub(super) fn wake(&mut self) {
        for key in std::mem::take(&mut self.parked) {
            if let Some(waiting) = self.pods.get(&key) {
                self.backing_off.insert((waiting.not_before, key));
            }
        }
    }

    /// One gets another try.
    pub(super) fn wake_one(&mut self, key: &Key) {
        if self.parked.remove(key)
            && let Some(waiting) = self.pods.get(key)
        {
            self.backing_off.insert((waiting.not_before, key.clone()));
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        if self.active.is_empty() {
            self.backing_off.first().map(|(due, _)| *due)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Hands the next pod out. It comes back by [`Self::park`] or [`Self::retry`], or not at all.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Pod> {
        while let Some((due, key)) = self.backing_off.first().cloned() {
            if due > now {
                break;
            }
            self.backing_off.remove(&(due, key.clone()));
            if let Some(Waiting { pod: Some(pod), arrival, .. }) = self.pods.get(&key) {
                self.active.insert((Reverse(pod.priority), *arrival, key));
            }
        }
        loop {
            let (_, _, key) = self.active.pop_first()?;
            let Some(waiting) = self.pods.get_mut(&key) else { continue };
            waiting.attempts += 1;
            let attempts = waiting.attempts;
            let Some(pod) = waiting.pod.take() else { continue };
            waiting.not_before = now + back_off(attempts);
            return Some(pod);
        }
    }

    /// No node would have it.
    pub(super) fn park(&mut self, pod: Pod, now: Duration) {
        let key = pod.entry.key.clone();
        if self.put_back(pod, now) {
            self.parked.insert(key);
        }
    }

    /// The write of its node failed.
    pub(super) fn retry(&mut self, pod: Pod, now: Duration) {
        let key = pod.entry.key.clone();
        if self.put_back(pod, now) {
            let not_before = self.pods[&key].not_before;
            self.backing_off.insert((not_before, key));
        }
    }

    fn put_back(&mut self, pod: Pod, now: Duration) -> bool {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let waiting = self.pods.entry(pod.entry.key.clone()).or_insert(Waiting {
            pod: None,
            arrival,
            attempts: 1,
            not_before: now + BACK_OFF_MIN,
        });
        let is_free = waiting.pod.is_none();
        waiting.pod.get_or_insert(pod);
        is_free
    }
}

fn back_off(attempts: u32) -> Duration {
    BACK_OFF_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(5)).min(BACK_OFF_MAX)
}

fn is_same(old: &Pod, new: &Pod) -> bool {
    old.entry.meta.uid == new.entry.meta.uid
        && old.priority == new.priority
        && old.requests == new.requests
        && old.host_ports == new.host_ports
        && old.node_selector == new.node_selector
        && old.affinity == new.affinity
        && old.tolerations == new.tolerations
}

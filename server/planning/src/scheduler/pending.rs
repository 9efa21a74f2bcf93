//! The pods that wait: by priority and age, those that found no node apart until something changes
//! that may help them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    cluster::Cluster,
    filters,
    hints::{self, Happening, Help},
};

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// After so long a pod is tried again though nothing seems to have helped it.
const PARKED_MAX: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Pending {
    pods: BTreeMap<u32, Waiting>,
    active: BTreeSet<(Reverse<i32>, u64, u32)>,
    backing_off: BTreeSet<(Duration, u32)>,
    /// Pods that wait for the same changes.
    parked: BTreeMap<Sort, BTreeSet<u32>>,
    flushes: BTreeSet<(Duration, u32)>,
    arrivals: u64,
}

/// What tells pods that no node would have apart, as far as changes can help them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sort {
    pub(super) shape: u32,
    pub(super) peers: u32,
    /// The set of filters that refused them.
    pub(super) refused_by: u32,
}

struct Waiting {
    priority: i32,
    arrival: u64,
    attempts: u32,
    not_before: Duration,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Active,
    /// It is being decided about.
    Out,
    BackingOff,
    Parked(Sort, Duration),
}

impl Pending {
    /// A pod that waits from now on.
    pub(super) fn add(&mut self, pod: u32, priority: i32) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let waiting = Waiting {
            priority,
            arrival,
            attempts: 0,
            not_before: Duration::ZERO,
            stage: Stage::Active,
        };
        self.active.insert((Reverse(priority), arrival, pod));
        self.pods.insert(pod, waiting);
    }

    pub(super) fn remove(&mut self, pod: u32) {
        if let Some(waiting) = self.pods.remove(&pod) {
            self.take_out(pod, &waiting);
        }
    }

    fn take_out(&mut self, pod: u32, waiting: &Waiting) {
        match waiting.stage {
            Stage::Active => {
                self.active.remove(&(Reverse(waiting.priority), waiting.arrival, pod));
            }
            Stage::Out => {}
            Stage::BackingOff => drop(self.backing_off.remove(&(waiting.not_before, pod))),
            Stage::Parked(sort, due) => {
                if let Some(pods) = self.parked.get_mut(&sort) {
                    pods.remove(&pod);
                    if pods.is_empty() {
                        self.parked.remove(&sort);
                    }
                }
                self.flushes.remove(&(due, pod));
            }
        }
    }

    fn set_stage(&mut self, pod: u32, stage: Stage) {
        let Some(mut waiting) = self.pods.remove(&pod) else { return };
        self.take_out(pod, &waiting);
        waiting.stage = stage;
        match stage {
            Stage::Active => {
                self.active.insert((Reverse(waiting.priority), waiting.arrival, pod));
            }
            Stage::Out => {}
            Stage::BackingOff => drop(self.backing_off.insert((waiting.not_before, pod))),
            Stage::Parked(sort, due) => {
                self.parked.entry(sort).or_default().insert(pod);
                self.flushes.insert((due, pod));
            }
        }
        self.pods.insert(pod, waiting);
    }

    /// It is tried again when its back-off ends, unless it is already to be.
    pub(super) fn wake(&mut self, pod: u32) {
        if self.pods.get(&pod).is_some_and(|one| matches!(one.stage, Stage::Parked(..))) {
            self.set_stage(pod, Stage::BackingOff);
        }
    }

    /// It is tried again when its back-off ends.
    pub(super) fn retry(&mut self, pod: u32) {
        self.set_stage(pod, Stage::BackingOff);
    }

    /// Something changed: those that it may help are tried again when their back-off ends.
    pub(super) fn hear(&mut self, cluster: &Cluster, happening: &Happening) {
        if self.parked.is_empty() {
            return;
        }
        let may_help = |sort: &&Sort| filters::helped_by(sort.refused_by) & happening.sorts != 0;
        let touched: Vec<Sort> = self.parked.keys().filter(may_help).copied().collect();
        for sort in touched {
            match hints::help(cluster, sort, happening) {
                Help::None => {}
                Help::Wake => {
                    let pods: Vec<u32> = self.parked[&sort].iter().copied().collect();
                    pods.into_iter().for_each(|pod| self.wake(pod));
                }
                Help::Widen(more) => {
                    let wider = Sort { refused_by: sort.refused_by | more, ..sort };
                    for pod in self.parked[&sort].clone() {
                        if let Stage::Parked(_, due) = self.pods[&pod].stage {
                            self.set_stage(pod, Stage::Parked(wider, due));
                        }
                    }
                }
            }
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        if !self.active.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = self.backing_off.first().into_iter().chain(self.flushes.first());
        due.map(|(due, _)| *due).min()
    }

    /// The next pod that is due. It waits no longer, until it is parked or tried again.
    pub(super) fn pop(&mut self, now: Duration) -> Option<u32> {
        while let Some((_, pod)) = self.flushes.first().filter(|(due, _)| *due <= now) {
            self.wake(*pod);
        }
        while let Some((_, pod)) = self.backing_off.first().filter(|(due, _)| *due <= now) {
            self.set_stage(*pod, Stage::Active);
        }
        let (_, _, pod) = *self.active.first()?;
        self.take(pod, now);
        Some(pod)
    }

    /// It is being decided about, for one time more.
    pub(super) fn take(&mut self, pod: u32, now: Duration) {
        self.set_stage(pod, Stage::Out);
        if let Some(waiting) = self.pods.get_mut(&pod) {
            waiting.attempts += 1;
            waiting.not_before = now + back_off(waiting.attempts);
        }
    }

    /// Past its turn a pod stands behind those of its priority that wait longer.
    pub(super) fn park(&mut self, pod: u32, sort: Sort, now: Duration) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        if let Some(waiting) = self.pods.get_mut(&pod) {
            waiting.arrival = arrival;
            self.set_stage(pod, Stage::Parked(sort, now + PARKED_MAX));
        }
    }
}

fn back_off(attempts: u32) -> Duration {
    BACK_OFF_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(5)).min(BACK_OFF_MAX)
}

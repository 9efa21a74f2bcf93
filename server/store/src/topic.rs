//! The recent changes of one kind, bounded, for watches to read at their own pace.

use std::{collections::VecDeque, sync::Arc};

use tokio::{sync::watch, time::Instant};

use crate::{Change, Limits};

/// A ring of changes in order of revision. Watchers hold a position, not a queue: a slow one costs
/// no memory.
pub(crate) struct Topic {
    /// Every change of the kind after this revision is in the ring.
    floor: u64,
    changes: VecDeque<(Instant, Arc<Change>)>,
    bytes: usize,
    newest: watch::Sender<u64>,
}

impl Topic {
    pub(crate) fn new(floor: u64) -> Self {
        Self { floor, changes: VecDeque::new(), bytes: 0, newest: watch::Sender::new(floor) }
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Wakes whenever the newest revision moves.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(crate) fn push(&mut self, change: Arc<Change>, now: Instant, limits: &Limits) {
        self.bytes += weight(&change);
        self.changes.push_back((now, change));
        self.trim(now, limits);
    }

    /// Wakes the watchers, once for each batch of changes up to a revision.
    pub(crate) fn wake(&self, newest: u64) {
        self.newest.send_if_modified(|seen| std::mem::replace(seen, newest) != newest);
    }

    /// Forgets everything: the memory was read anew at a revision.
    pub(crate) fn reset(&mut self, floor: u64) {
        self.changes.clear();
        self.bytes = 0;
        self.floor = floor;
        self.newest.send_replace(floor);
    }

    /// The changes after a revision that is not below the floor.
    pub(crate) fn after(&self, revision: u64) -> impl Iterator<Item = &Arc<Change>> {
        let from = self.changes.partition_point(|(_, change)| change.revision <= revision);
        self.changes.range(from..).map(|(_, change)| change)
    }

    pub(crate) fn trim(&mut self, now: Instant, limits: &Limits) {
        while let Some((at, change)) = self.changes.front() {
            let over = self.changes.len() > limits.recent_count || self.bytes > limits.recent_bytes;
            let young = now.duration_since(*at) < limits.recent_age;
            if !over || (young && self.bytes <= limits.recent_bytes_max) {
                break;
            }
            self.floor = change.revision;
            self.bytes -= weight(change);
            self.changes.pop_front();
        }
    }
}

/// What a change keeps alive: its new body; the old one is mostly the new one of a change before.
fn weight(change: &Change) -> usize {
    const OVERHEAD: usize = 256;
    let body = change.new.as_ref().or(change.old.as_ref().map(|old| &old.body));
    OVERHEAD + body.map_or(0, |body| body.len())
}

//! What the engine counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Counters {
    /// Plans that were made.
    pub rounds: AtomicU64,
    /// Actions that were carried out.
    pub actions: AtomicU64,
    /// Actions that the API refused or that could not be carried out.
    pub failures: AtomicU64,
    /// Rounds that a newer state of the world made void.
    pub stale: AtomicU64,
    /// For how many milliseconds the key that waits longest has been due: how far plans are behind.
    pub lag_ms: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

//! Bounds of what a store keeps for readers of the past.

use std::time::Duration;

/// How much of the past a store keeps. Whoever asks for more gets
/// [`StoreError::Compacted`](crate::StoreError::Compacted).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Changes in the log, over all kinds (in the memory store: of each kind).
    pub log_count_max: usize,
    /// Age of the log's oldest change.
    pub log_age_max: Duration,
    /// Changes that memory keeps of each kind, so that watches resume without reading the log.
    pub recent_count: usize,
    /// Bytes that memory keeps of each kind's changes.
    pub recent_bytes: usize,
    /// Changes younger than this stay in memory beyond the two bounds above, for watchers that
    /// are a moment late under load.
    pub recent_age: Duration,
    /// But never more bytes than this of each kind.
    pub recent_bytes_max: usize,
    /// How often an idle watch is told how far it has seen.
    pub progress_interval: Duration,
    /// Acts that the audit keeps, and for how long.
    pub audit_count_max: usize,
    pub audit_age_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log_count_max: 50_000,
            log_age_max: Duration::from_secs(3600),
            recent_count: 1024,
            recent_bytes: 1 << 20,
            recent_age: Duration::from_secs(2),
            recent_bytes_max: 64 << 20,
            progress_interval: Duration::from_secs(5),
            audit_count_max: 1_000_000,
            audit_age_max: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl Limits {
    /// The memory store has no log but its recent changes.
    pub(crate) fn for_memory(self) -> Self {
        Self {
            recent_count: self.log_count_max,
            recent_bytes: usize::MAX,
            recent_age: Duration::ZERO,
            recent_bytes_max: usize::MAX,
            ..self
        }
    }
}

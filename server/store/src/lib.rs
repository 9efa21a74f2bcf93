//! Objects as bytes with a key and a revision: one table of current objects, one log of changes,
//! one counter, in Postgres; and the same in memory, under one contract suite.
//!
//! **Invariant:** knows no kind. Revisions are committed in order; a watcher can not miss one. The
//! only room that names sqlx.

mod audit;
mod cache;
pub mod embedded;
mod limits;
mod memory;
mod postgres;
mod topic;
mod transaction;
mod watch;

use std::sync::Arc;

pub use audit::{Audit, AuditEvent, AuditQuery};
pub use limits::Limits;
pub use memory::Memory;
pub use postgres::{OpenError, Postgres, PostgresOptions};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object::{Key, KindName};
use thiserror::Error;

/// One stored object at one revision. The body lacks `metadata.resourceVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: Key,
    pub revision: u64,
    pub body: Bytes,
}

/// What must hold of a key for a write to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Any,
    Absent,
    /// Any revision, but there.
    Present,
    Revision(u64),
}

/// One write: a new body, or a deletion.
#[derive(Clone, Debug)]
pub struct Write {
    pub key: Key,
    pub expected: Expected,
    pub body: Option<Bytes>,
}

/// The right to act as the one active copy: the writer's epoch must still be the newest one of
/// that lease, checked under the counter's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    pub lease: Arc<str>,
    pub epoch: u64,
}

/// Writes that are accepted all or not at all. Each has a revision of its own, one after the other
/// in the order given, so that a watch can resume behind any of them. A key stands in it once.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub writes: Vec<Write>,
    pub fence: Option<Fence>,
    /// The act that this is, kept with the first write's revision if and only if it is accepted.
    pub audit: Option<Audit>,
}

#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The key's revision now, `None` if it does not exist.
    #[error("precondition failed on {key}")]
    Precondition { key: Key, current: Option<u64> },
    #[error("another copy holds the lease {0}")]
    Fenced(Arc<str>),
    /// A watch or list from a revision that is no longer in the log.
    #[error("revision {asked} is compacted; the oldest is {oldest}")]
    Compacted { asked: u64, oldest: u64 },
    /// A watch or read from a revision that is not there yet.
    #[error("revision {asked} is in the future; the newest is {newest}")]
    Future { asked: u64, newest: u64 },
    /// The body can not be stored (too large).
    #[error("{0}")]
    Refused(String),
    /// Postgres is away. Whether the write happened is unknown only if `maybe_written`.
    #[error("the database is away: {message}")]
    Unavailable { message: String, maybe_written: bool },
}

/// One change of one object, in order of revision. Carries the previous object too, so that
/// selector watchers get their DELETED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    pub revision: u64,
    pub old: Option<Stored>,
    /// `None`: deleted.
    pub new: Option<Bytes>,
}

/// What a watch yields.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    Change(Arc<Change>),
    /// Everything up to this revision was seen, though nothing matched.
    Progress(u64),
}

/// A part of the key space: one kind, or all; one namespace, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub kind: Option<KindName>,
    pub namespace: Option<Arc<str>>,
    pub name: Option<Arc<str>>,
}

impl Range {
    pub fn contains(&self, key: &Key) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == key.kind)
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// Objects of a range in order of namespace and name, all as of one revision.
pub struct Snapshot {
    pub revision: u64,
    pub items: Vec<Arc<Stored>>,
}

pub type WatchStream = BoxStream<'static, Result<WatchEvent, StoreError>>;

#[async_trait]
pub trait Store: Send + Sync {
    /// Commits and returns the revision of the first write; the write at index `i` has that
    /// revision plus `i`. A deletion is a change of its own revision; deleting what is not there
    /// with [`Expected::Any`] is accepted and changes nothing. A transaction that fails leaves
    /// nothing. Once this returns, this copy's memory holds the writes.
    async fn commit(&self, transaction: Transaction) -> Result<u64, StoreError>;

    /// Waits until this copy's memory holds the newest committed revision (linearizable reads), and
    /// returns it. Many waiting callers share one check.
    async fn catch_up(&self) -> Result<u64, StoreError>;

    /// The revision that this copy's memory holds.
    fn revision(&self) -> u64;

    /// From memory.
    fn get(&self, key: &Key) -> Option<Arc<Stored>>;

    /// From memory; cheap to take, as the map is persistent.
    fn snapshot(&self, range: &Range) -> Snapshot;

    /// The objects of a range as they were at a revision that is still in the log.
    async fn snapshot_at(&self, range: &Range, revision: u64) -> Result<Snapshot, StoreError>;

    /// All changes of a range after a revision, then live; [`WatchEvent::Progress`] now and then
    /// while nothing matches, and at once for a watch of everything. A watcher that falls too far behind is ended with
    /// [`StoreError::Compacted`] and resumes by itself. [`StoreError::Compacted`] and
    /// [`StoreError::Future`] may come at once or as the stream's only item. To be polled inside a
    /// tokio runtime.
    fn watch(&self, range: Range, after: u64) -> Result<WatchStream, StoreError>;

    /// Keeps acts that wrote nothing: refusals, and reads of secrets.
    async fn record(&self, acts: Vec<Audit>) -> Result<(), StoreError>;

    /// Acts of every copy, the newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// Takes or renews a lease by name for a holder: the epoch if the holder has it now. A lease
    /// not renewed within `ttl_ms` may be taken, which raises the epoch; its own holder may still
    /// renew it while nobody did.
    async fn acquire(
        &self,
        lease: &str,
        holder: &str,
        ttl_ms: u64,
    ) -> Result<Option<u64>, StoreError>;

    /// Gives a lease up at once.
    async fn release(&self, lease: &str, holder: &str) -> Result<(), StoreError>;
}

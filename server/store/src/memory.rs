//! The store in memory alone, for tests and the simulator. It obeys the same contract suite as the
//! Postgres store.

mod audit;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use object::Key;
use tokio::time::Instant;

use crate::{
    Audit, AuditEvent, AuditQuery, Change, Limits, Range, Snapshot, Store, StoreError, Stored,
    Transaction, WatchStream,
    cache::{Cache, Entry, Objects, select},
    transaction,
    watch::{self, History},
};

/// A store that forgets everything when it is dropped.
pub struct Memory {
    cache: Arc<Cache>,
    /// Its lock orders the writers, as the counter's row does in Postgres.
    leases: Mutex<HashMap<String, Lease>>,
    history: Arc<NoHistory>,
    acts: audit::Acts,
}

#[derive(Default)]
struct Lease {
    holder: Option<String>,
    epoch: u64,
    expires: Option<Instant>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Memory {
    pub fn new(limits: Limits) -> Self {
        let cache = Arc::new(Cache::new(limits.for_memory(), Objects::new(), 0));
        let history = Arc::new(NoHistory { cache: cache.clone() });
        Self { cache, leases: Mutex::default(), history, acts: audit::Acts::new(&limits) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn commit(&self, transaction: Transaction) -> Result<u64, StoreError> {
        transaction::check(&transaction)?;
        let leases = self.lock();
        if let Some(fence) = &transaction.fence
            && leases.get(&*fence.lease).is_none_or(|lease| lease.epoch != fence.epoch)
        {
            return Err(StoreError::Fenced(fence.lease.clone()));
        }
        for write in &transaction.writes {
            let current = self.cache.get(&write.key).map(|stored| stored.revision);
            if !write.expected.allows(current) {
                return Err(StoreError::Precondition { key: write.key.clone(), current });
            }
        }
        let before = self.cache.revision();
        let Some(first) = (!transaction.writes.is_empty()).then_some(before + 1) else {
            return Ok(before);
        };
        let entries: Vec<Entry> = (first..)
            .zip(transaction.writes)
            .map(|(revision, write)| Entry { revision, key: write.key, body: write.body })
            .collect();
        let newest = entries.last().map_or(before, |entry| entry.revision);
        let body = entries.first().and_then(|entry| entry.body.clone());
        self.cache.apply(entries, newest);
        let made = audit::Made { revision: first, body };
        self.acts.keep(transaction.audit.map(|act| (act, Some(made))));
        Ok(first)
    }

    async fn record(&self, acts: Vec<Audit>) -> Result<(), StoreError> {
        self.acts.keep(acts.into_iter().map(|act| (act, None)));
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        Ok(self.acts.read(query))
    }

    async fn catch_up(&self) -> Result<u64, StoreError> {
        Ok(self.cache.revision())
    }

    fn revision(&self) -> u64 {
        self.cache.revision()
    }

    fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.cache.get(key)
    }

    fn snapshot(&self, range: &Range) -> Snapshot {
        self.cache.snapshot(range)
    }

    async fn snapshot_at(&self, range: &Range, revision: u64) -> Result<Snapshot, StoreError> {
        let newest = self.cache.revision();
        if revision > newest {
            return Err(StoreError::Future { asked: revision, newest });
        }
        match self.cache.objects_at(range, revision) {
            Some(objects) => Ok(Snapshot { revision, items: select(&objects, range) }),
            None => Err(self.history.compacted(range, revision)),
        }
    }

    fn watch(&self, range: Range, after: u64) -> Result<WatchStream, StoreError> {
        let newest = self.cache.revision();
        if after > newest {
            return Err(StoreError::Future { asked: after, newest });
        }
        Ok(watch::open(self.cache.clone(), self.history.clone(), range, after))
    }

    async fn acquire(
        &self,
        lease: &str,
        holder: &str,
        ttl_ms: u64,
    ) -> Result<Option<u64>, StoreError> {
        let now = Instant::now();
        let mut leases = self.lock();
        let lease = leases.entry(lease.to_owned()).or_default();
        if lease.holder.as_deref() != Some(holder) {
            if lease.expires.is_some_and(|expires| expires > now) {
                return Ok(None);
            }
            lease.holder = Some(holder.to_owned());
            lease.epoch += 1;
        }
        lease.expires = Some(now + Duration::from_millis(ttl_ms));
        Ok(Some(lease.epoch))
    }

    async fn release(&self, lease: &str, holder: &str) -> Result<(), StoreError> {
        let mut leases = self.lock();
        if let Some(lease) = leases.get_mut(lease)
            && lease.holder.as_deref() == Some(holder)
        {
            lease.holder = None;
            lease.expires = None;
        }
        Ok(())
    }
}

/// What has left the memory is gone.
struct NoHistory {
    cache: Arc<Cache>,
}

impl NoHistory {
    fn compacted(&self, range: &Range, asked: u64) -> StoreError {
        StoreError::Compacted { asked, oldest: self.cache.floor(range) }
    }
}

#[async_trait]
impl History for NoHistory {
    async fn page(
        &self,
        range: &Range,
        after: u64,
        _floor: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), StoreError> {
        Err(self.compacted(range, after))
    }

    async fn catch_up(&self) -> Result<u64, StoreError> {
        Ok(self.cache.revision())
    }
}

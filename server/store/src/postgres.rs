//! The store in Postgres. Writes go through one task, which commits all that wait in one batch;
//! reads are served from memory, which follows the log.

mod audit;
mod batch;
mod compaction;
mod connect;
mod envelope;
mod follower;
mod leases;
mod load;
mod log;
mod session;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use object::{Key, KindName};
use sqlx::PgPool;
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use self::{batch::Request, envelope::Envelope, follower::Follower, writer::Writer};
use crate::{
    Audit, AuditEvent, AuditQuery, Limits, Range, Snapshot, Store, StoreError, Stored, Transaction,
    WatchStream,
    cache::{rewind, select},
    transaction,
    watch::{self, History},
};

/// Commits that may wait for the writer before callers have to wait for a place.
const WAITING_MAX: usize = 4096;

/// How to open a store.
pub struct PostgresOptions {
    /// `postgres://user:password@host/database`, as libpq writes it.
    pub url: String,
    pub limits: Limits,
    /// The envelope key; every copy of the server has the same.
    pub key: [u8; 32],
    /// Kinds whose bodies are sealed with the key before they reach Postgres.
    pub is_secret: fn(&KindName) -> bool,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the database's address is not understood: {0}")]
    Address(String),
    /// Worth trying again.
    #[error("the database does not answer: {0}")]
    Away(String),
    #[error("the database refuses the connection: {0}")]
    Denied(String),
    #[error("the database's tables can not be brought up to date: {0}")]
    Schema(String),
    #[error(
        "the key file does not belong to this database, whose secrets are sealed with another key. \
         Use the key file that was made with the database"
    )]
    OtherKey,
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

/// The store that keeps everything in Postgres. Dropping it ends its tasks and connections.
pub struct Postgres {
    follower: Arc<Follower>,
    writes: mpsc::Sender<Request>,
    checks: mpsc::Sender<follower::Check>,
    limits: Limits,
    /// They end with the store.
    _tasks: JoinSet<()>,
}

impl Postgres {
    /// Connects, brings the tables up to date and reads every object into memory.
    ///
    /// # Errors
    /// [`OpenError::Away`] when Postgres does not answer (yet); else what is wrong with it.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let connect = connect::options(&options.url)?;
        connect::migrate(&connect).await?;
        let envelope = Arc::new(Envelope::new(&options.key, options.is_secret));
        let follower = Arc::new(Follower::new(&connect, envelope, options.limits).await?);

        let copy = follower::copy_name();
        let (writes, requests) = mpsc::channel(WAITING_MAX);
        let (checks, waiting) = mpsc::channel(WAITING_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(Writer::new(connect, follower.clone(), copy.clone(), requests).run());
        tasks.spawn(follower::listen(follower.clone(), copy));
        tasks.spawn(follower::check(follower.clone(), waiting));
        tasks.spawn(follower::look_now_and_then(follower.clone()));
        tasks.spawn(compaction::run(follower.clone(), options.limits));
        Ok(Self { follower, writes, checks, limits: options.limits, _tasks: tasks })
    }

    /// Drops from the log all that is beyond the limits, now. It happens by itself, too.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn compact(&self) -> Result<(), StoreError> {
        while compaction::step(&self.follower, &self.limits).await? {}
        while audit::forget(self.pool(), &self.limits).await? {}
        Ok(())
    }

    fn pool(&self) -> &PgPool {
        self.follower.pool()
    }
}

#[async_trait]
impl Store for Postgres {
    async fn commit(&self, transaction: Transaction) -> Result<u64, StoreError> {
        transaction::check(&transaction)?;
        let (request, answer) = Request::new(transaction, self.follower.envelope());
        self.writes.send(request).await.map_err(|_| closed(false))?;
        answer.await.unwrap_or_else(|_| Err(closed(true)))
    }

    async fn catch_up(&self) -> Result<u64, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.checks.send(answer).await.map_err(|_| closed(false))?;
        answered.await.unwrap_or_else(|_| Err(closed(false)))
    }

    fn revision(&self) -> u64 {
        self.follower.cache().revision()
    }

    fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.follower.cache().get(key)
    }

    fn snapshot(&self, range: &Range) -> Snapshot {
        self.follower.cache().snapshot(range)
    }

    async fn snapshot_at(&self, range: &Range, revision: u64) -> Result<Snapshot, StoreError> {
        if revision > self.revision() {
            let newest = self.catch_up().await?;
            if revision > newest {
                return Err(StoreError::Future { asked: revision, newest });
            }
        }
        let cache = self.follower.cache();
        if let Some(objects) = cache.objects_at(range, revision) {
            return Ok(Snapshot { revision, items: select(&objects, range) });
        }
        let (mut objects, newest) = cache.objects();
        let mut changes = Vec::new();
        let mut position = revision;
        while position < newest {
            let (page, upto) = self.follower.page(range, position, newest).await?;
            changes.extend(page);
            position = upto;
        }
        for change in changes.iter().rev() {
            rewind(&mut objects, &change.key, change.old.clone());
        }
        Ok(Snapshot { revision, items: select(&objects, range) })
    }

    fn watch(&self, range: Range, after: u64) -> Result<WatchStream, StoreError> {
        let cache = self.follower.cache();
        let oldest = self.follower.compacted().min(cache.floor(&range));
        if after < oldest {
            return Err(StoreError::Compacted { asked: after, oldest });
        }
        Ok(watch::open(cache.clone(), self.follower.clone(), range, after))
    }

    async fn record(&self, acts: Vec<Audit>) -> Result<(), StoreError> {
        audit::record(self.pool(), self.follower.envelope(), acts).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        audit::read(self.pool(), self.follower.envelope(), query).await
    }

    async fn acquire(
        &self,
        lease: &str,
        holder: &str,
        ttl_ms: u64,
    ) -> Result<Option<u64>, StoreError> {
        leases::acquire(self.pool(), lease, holder, ttl_ms).await
    }

    async fn release(&self, lease: &str, holder: &str) -> Result<(), StoreError> {
        leases::release(self.pool(), lease, holder).await
    }
}

fn closed(maybe_written: bool) -> StoreError {
    StoreError::Unavailable { message: "the store was closed".to_owned(), maybe_written }
}

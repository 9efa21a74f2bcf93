//! Keeps the memory at the newest revision: fed by this server's own commits, and by the log for
//! those of others, in order of revision.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chacha20poly1305::aead::{OsRng, rand_core::RngCore};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, mpsc, oneshot},
    time::sleep,
};

use super::{
    OpenError,
    batch::unsigned,
    connect,
    envelope::Envelope,
    load,
    log::{self, Tail},
    session::Session,
};
use crate::{
    Change, Limits, Range, StoreError,
    cache::{Cache, Entry},
    watch::History,
};

const CHANNEL: &str = "longshore";
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Notifications come at once; this finds a connection that died without a word.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
const CHECKS_MAX: usize = 1024;

/// A caller that waits until the memory is up to date.
pub(super) type Check = oneshot::Sender<Result<u64, StoreError>>;

pub(super) struct Follower {
    cache: Arc<Cache>,
    pool: PgPool,
    /// For asking what the newest revision is, which every consistent read waits for.
    session: Mutex<Session>,
    envelope: Arc<Envelope>,
    /// Where the store was opened. Watches are polled on any other runtime too, whose end must
    /// not take a connection with it.
    runtime: Handle,
    /// The log is known to be gone up to here.
    compacted: AtomicU64,
    /// Held while the memory moves on, so that it does in order.
    gate: Mutex<()>,
}

impl Follower {
    /// Reads every object into memory.
    pub(super) async fn new(
        options: &PgConnectOptions,
        envelope: Arc<Envelope>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let pool = connect::pool(options);
        connect::prove_key(&pool, &envelope).await?;
        let loaded = load::everything(&pool, &envelope).await?;
        Ok(Self {
            cache: Arc::new(Cache::new(limits, loaded.objects, loaded.revision)),
            pool,
            session: Mutex::new(Session::new(options.clone())),
            envelope,
            runtime: Handle::current(),
            compacted: AtomicU64::new(loaded.compacted),
            gate: Mutex::new(()),
        })
    }

    pub(super) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted.load(Ordering::Relaxed)
    }

    pub(super) fn note_compacted(&self, revision: u64) {
        self.compacted.fetch_max(revision, Ordering::Relaxed);
    }

    /// Takes in what this server has just committed: directly when nothing of others lies between,
    /// else with theirs from the log.
    pub(super) async fn take_in(
        &self,
        before: u64,
        entries: Vec<Entry>,
        newest: u64,
    ) -> Result<(), StoreError> {
        let gate = self.gate.lock().await;
        if self.cache.revision() == before {
            if newest > before {
                self.cache.apply(entries, newest);
            }
            return Ok(());
        }
        drop(gate);
        self.advance(newest).await.map(drop)
    }

    /// Reads the log until the memory has reached a revision.
    pub(super) async fn advance(&self, target: u64) -> Result<u64, StoreError> {
        if self.cache.revision() >= target {
            return Ok(self.cache.revision());
        }
        let _gate = self.gate.lock().await;
        loop {
            let at = self.cache.revision();
            if at >= target {
                return Ok(at);
            }
            let tail = log::tail(&self.pool, &self.envelope, at).await?;
            self.note_compacted(tail.compacted);
            match tail {
                Tail { compacted, newest, .. } if compacted > at || newest < at => {
                    self.load_again().await?;
                }
                Tail { entries, upto, .. } => self.cache.apply(entries, upto),
            }
        }
    }

    /// Asks for the newest committed revision and goes there.
    pub(super) async fn refresh(&self) -> Result<u64, StoreError> {
        let seen = self.cache.revision();
        let newest = unsigned(self.session.lock().await.newest().await.map_err(connect::away)?);
        if newest < seen {
            let _gate = self.gate.lock().await;
            self.load_again().await?;
        }
        self.advance(newest).await
    }

    /// Replaces the memory: the log no longer reaches back to it, or the database was put back to
    /// an earlier state. The gate is held.
    async fn load_again(&self) -> Result<(), StoreError> {
        tracing::warn!(at = self.cache.revision(), "reading all objects anew");
        let loaded = load::everything(&self.pool, &self.envelope).await.map_err(|error| {
            StoreError::Unavailable { message: error.to_string(), maybe_written: false }
        })?;
        self.note_compacted(loaded.compacted);
        self.cache.replace(loaded.objects, loaded.revision);
        Ok(())
    }
}

#[async_trait]
impl History for Follower {
    async fn page(
        &self,
        range: &Range,
        after: u64,
        floor: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), StoreError> {
        let (pool, envelope) = (self.pool.clone(), self.envelope.clone());
        let range = range.clone();
        let page = async move { log::page(&pool, &envelope, &range, after, floor).await };
        self.runtime.spawn(page).await.unwrap_or_else(|_| Err(super::closed(false)))
    }

    async fn catch_up(&self) -> Result<u64, StoreError> {
        self.refresh().await
    }
}

/// Names this copy in its notifications, so that it does not follow itself.
pub(super) fn copy_name() -> String {
    format!("{:016x}", OsRng.next_u64())
}

/// Follows the commits of other servers.
pub(super) async fn listen(follower: Arc<Follower>, copy: String) {
    loop {
        if let Err(error) = listen_once(&follower, &copy).await {
            tracing::debug!(%error, "the listener lost Postgres");
        }
        sleep(RETRY_DELAY).await;
    }
}

async fn listen_once(follower: &Follower, copy: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(&follower.pool).await?;
    listener.ignore_pool_close_event(true);
    listener.listen(CHANNEL).await?;
    loop {
        // Whatever was committed while nobody listened.
        if follower.refresh().await.is_err() {
            return Ok(());
        }
        while let Some(notification) = listener.try_recv().await? {
            let Some((revision, sender)) = notification.payload().split_once(' ') else { continue };
            let Ok(revision) = revision.parse() else { continue };
            if sender != copy && follower.advance(revision).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Answers who waits for the newest revision: those who came while one check was under way share
/// the next.
pub(super) async fn check(follower: Arc<Follower>, mut waiting: mpsc::Receiver<Check>) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, CHECKS_MAX).await > 0 {
        let answer = follower.refresh().await;
        for one in together.drain(..) {
            // One that has gone does not mind.
            drop(one.send(answer.clone()));
        }
    }
}

/// Looks at the newest revision now and then, and lets go of memory that only load had kept.
pub(super) async fn look_now_and_then(follower: Arc<Follower>) {
    loop {
        sleep(LOOK_INTERVAL).await;
        follower.cache.trim();
        if let Err(error) = follower.refresh().await {
            tracing::debug!(%error, "Postgres is away");
        }
    }
}

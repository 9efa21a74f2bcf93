//! What authorization and admission know, fed from the store.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use bytes::Bytes;
use futures::StreamExt;
use kinds::Registry;
use object::{ApiError, Key};
use planning::{
    World, access::Access, admission, aggregation::Remotes, dynamic_admission::Definitions,
    fairness,
};
use store::{Range, Store, StoreError, WatchEvent};
use tokio::sync::watch;

/// What is known at one moment. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Known {
    /// What is served.
    pub(crate) registry: Arc<Registry>,
    pub(crate) access: Access,
    /// Of the kinds that admission and fairness read.
    pub(crate) world: World,
    /// Webhooks and policies.
    pub(crate) definitions: Definitions,
    /// What is served elsewhere.
    pub(crate) remotes: Remotes,
    /// What is made of the flow schemas and priority levels.
    pub(crate) fairness: Arc<fairness::Config>,
}

impl Default for Known {
    fn default() -> Self {
        let registry = Registry::builtin().clone();
        let (access, world, definitions, remotes, fairness) = Default::default();
        Self { registry, access, world, definitions, remotes, fairness }
    }
}

impl Known {
    fn apply(&mut self, seats: u32, key: &Key, revision: u64, body: Option<&Bytes>) {
        if let Some(registry) = self.registry.after(key, revision, body.map(|body| &**body)) {
            self.registry = Arc::new(registry);
        }
        self.access.apply(key, body.map(|body| &**body));
        self.definitions.apply(key, body.map(|body| &**body));
        self.remotes.apply(key, body.map(|body| &**body));
        let sorts = fairness::READS.contains(&&*key.kind);
        if sorts || admission::READS.contains(&&*key.kind) {
            self.world.apply(key.clone(), revision, body.cloned());
        }
        if sorts {
            self.fairness = Arc::new(fairness::Config::of(&self.world, seats));
        }
    }
}

/// What is known, and the revision up to which it is complete.
pub(crate) struct Feed {
    known: RwLock<Known>,
    reached: watch::Sender<u64>,
    /// How many requests are served at once.
    seats: u32,
}

impl Feed {
    pub(crate) fn new(seats: u32) -> Arc<Self> {
        let (reached, _) = watch::channel(0);
        Arc::new(Self { known: RwLock::default(), reached, seats })
    }

    /// Loads what is stored and follows it until the feed is dropped.
    pub(crate) fn start(self: &Arc<Self>, store: Arc<dyn Store>) {
        let revision = self.load(&*store);
        tokio::spawn(follow(Arc::downgrade(self), store, revision));
    }

    fn load(&self, store: &dyn Store) -> u64 {
        let snapshot = store.snapshot(&Range::default());
        let mut known = Known::default();
        for item in &snapshot.items {
            known.apply(self.seats, &item.key, item.revision, Some(&item.body));
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        self.reached.send_replace(snapshot.revision);
        snapshot.revision
    }

    fn take(&self, event: &WatchEvent) -> u64 {
        let revision = match event {
            WatchEvent::Progress(revision) => *revision,
            WatchEvent::Change(change) => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.apply(self.seats, &change.key, change.revision, change.new.as_ref());
                change.revision
            }
        };
        self.reached.send_if_modified(|reached| {
            let raised = revision > *reached;
            *reached = revision.max(*reached);
            raised
        });
        revision
    }

    /// How requests are sorted now.
    pub(crate) fn fairness(&self) -> Arc<fairness::Config> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).fairness.clone()
    }

    /// What is served elsewhere now.
    pub(crate) fn remotes(&self) -> Remotes {
        self.known.read().unwrap_or_else(PoisonError::into_inner).remotes.clone()
    }

    /// What is known as of a revision, or later: a user sees the effects of their own last write.
    pub(crate) async fn at(&self, revision: u64) -> Result<Known, ApiError> {
        let mut reached = self.reached.subscribe();
        reached
            .wait_for(|reached| *reached >= revision)
            .await
            .map_err(|_| ApiError::unavailable("the server is shutting down"))?;
        Ok(self.known.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Follows the store; a follower that was cut off loads anew.
async fn follow(feed: Weak<Feed>, store: Arc<dyn Store>, mut revision: u64) {
    loop {
        match store.watch(Range::default(), revision) {
            Ok(mut changes) => {
                while let Some(event) = changes.next().await {
                    let Some(feed) = feed.upgrade() else { return };
                    match event {
                        Ok(event) => revision = revision.max(feed.take(&event)),
                        Err(error) => {
                            log_cut(&error);
                            break;
                        }
                    }
                }
            }
            Err(error) => log_cut(&error),
        }
        let Some(feed) = feed.upgrade() else { return };
        match store.catch_up().await {
            Ok(_) => revision = feed.load(&*store),
            Err(error) => {
                log_cut(&error);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

fn log_cut(error: &StoreError) {
    tracing::info!(%error, "what the API knows was cut off from the store; loading anew");
}

//! Keeps a reader of several kinds up to date: everything first, then every change.
//!
//! One task per kind watches; their updates come out in one queue. What a watch missed (its
//! revision was compacted) is found by starting over, and objects that vanished meanwhile are told
//! as removed. Updates of one object come in order of revision.

mod kind_watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use object::{Key, KindName};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{Client, Selection};
use kind_watch::KindWatch;

/// Updates that wait to be applied; a reader that is slow slows the watches.
const UPDATES_MAX: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// An object is there, as of this revision.
    Set(Key, u64, Bytes),
    /// An object is gone since this revision (or one before it).
    Removed(Key, u64),
    /// Every change of the kind up to this revision has been told.
    Reached(KindName, u64),
    /// Everything of the kind that was there has been told; told again after starting over.
    Synced(KindName),
}

/// Dropping it ends its watches.
pub struct Reflector {
    updates: mpsc::Receiver<Update>,
    unsynced: BTreeSet<KindName>,
    client: Arc<dyn Client>,
    sender: mpsc::Sender<Update>,
    /// Dropped with the reflector, and the watches with it.
    watches: JoinSet<()>,
    watched: BTreeMap<KindName, AbortHandle>,
}

impl Reflector {
    /// Starts to watch. A kind may stand in the list once.
    pub fn start(
        client: &Arc<dyn Client>,
        kinds: impl IntoIterator<Item = (KindName, Selection)>,
    ) -> Self {
        let (sender, updates) = mpsc::channel(UPDATES_MAX);
        let mut unsynced = BTreeSet::new();
        let mut reflector = Self {
            updates,
            unsynced: BTreeSet::new(),
            client: client.clone(),
            sender,
            watches: JoinSet::new(),
            watched: BTreeMap::new(),
        };
        for (kind, selection) in kinds {
            assert!(unsynced.insert(kind.clone()), "{kind} is watched twice");
            reflector.add(kind, selection);
        }
        Self { unsynced, ..reflector }
    }

    /// Watches one more kind, for which [`Reflector::is_synced`] does not wait.
    pub fn add(&mut self, kind: KindName, selection: Selection) {
        let watch =
            KindWatch::new(self.client.clone(), kind.clone(), selection, self.sender.clone());
        let handle = self.watches.spawn(watch.run());
        if let Some(before) = self.watched.insert(kind, handle) {
            before.abort();
        }
    }

    /// Ends the watch of a kind. What it has told stays in the queue.
    pub fn remove(&mut self, kind: &KindName) {
        if let Some(watch) = self.watched.remove(kind) {
            watch.abort();
        }
        while self.watches.try_join_next().is_some() {}
    }

    /// The next update; waits for as long as it takes.
    pub async fn next(&mut self) -> Update {
        match self.updates.recv().await {
            Some(update) => self.note(update),
            // No kind is watched.
            None => std::future::pending().await,
        }
    }

    /// The next update if one is there already: to apply many before acting on them.
    pub fn try_next(&mut self) -> Option<Update> {
        let update = self.updates.try_recv().ok()?;
        Some(self.note(update))
    }

    /// Whether every kind was told in full by the updates taken so far: act on the world only then.
    pub fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    fn note(&mut self, update: Update) -> Update {
        if let Update::Synced(kind) = &update {
            self.unsynced.remove(kind);
        }
        update
    }
}

#[cfg(test)]
mod tests;

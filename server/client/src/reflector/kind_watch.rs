//! The watch of one kind, for ever.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use object::{ApiError, Key, KindName, Reason};
use rand::Rng;
use tokio::sync::mpsc;

use super::Update;
use crate::{Client, Event, Selection};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct KindWatch {
    client: Arc<dyn Client>,
    kind: KindName,
    selection: Selection,
    updates: mpsc::Sender<Update>,
    /// Where to go on; 0 starts over.
    after: u64,
    known: HashSet<Key>,
    /// Known before starting over, and not told again yet.
    missing: HashSet<Key>,
    pause: Duration,
    failures: u32,
}

/// The reader is gone.
struct Gone;

impl From<mpsc::error::SendError<Update>> for Gone {
    fn from(_: mpsc::error::SendError<Update>) -> Self {
        Self
    }
}

impl KindWatch {
    pub(super) fn new(
        client: Arc<dyn Client>,
        kind: KindName,
        selection: Selection,
        updates: mpsc::Sender<Update>,
    ) -> Self {
        Self {
            client,
            kind,
            selection,
            updates,
            after: 0,
            known: HashSet::new(),
            missing: HashSet::new(),
            pause: PAUSE_MIN,
            failures: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.follow().await {
                Ok(Ok(())) => tracing::debug!(kind = %self.kind, "the watch ended, going on"),
                Ok(Err(error)) if error.reason == Reason::Expired => {
                    tracing::info!(kind = %self.kind, "the watch fell behind, starting over");
                    self.after = 0;
                }
                Ok(Err(error)) => self.note_failure(&error),
                Err(Gone) => return,
            }
            // Many agents lose a server at once; they must not come back at once.
            let share = rand::rng().random_range(0.5..1.0);
            tokio::time::sleep(self.pause.mul_f64(share)).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
    }

    /// One watch until it ends or fails.
    async fn follow(&mut self) -> Result<Result<(), ApiError>, Gone> {
        if self.after == 0 {
            self.missing.extend(self.known.drain());
        }
        let watch = self.client.watch(&self.kind, &self.selection, self.after);
        let mut events = match watch.await {
            Ok(events) => events,
            Err(error) => return Ok(Err(error)),
        };
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.apply(event).await?,
                Err(error) => return Ok(Err(error)),
            }
            self.pause = PAUSE_MIN;
            if std::mem::take(&mut self.failures) > 0 {
                tracing::info!(kind = %self.kind, "the watch works again");
            }
        }
        Ok(Ok(()))
    }

    async fn apply(&mut self, event: Event) -> Result<(), Gone> {
        match event {
            Event::Added(object) | Event::Modified(object) => {
                self.missing.remove(&object.key);
                self.known.insert(object.key.clone());
                self.advance(object.revision);
                self.updates.send(Update::Set(object.key, object.revision, object.body)).await?;
            }
            Event::Deleted(object) => {
                self.missing.remove(&object.key);
                self.known.remove(&object.key);
                self.advance(object.revision);
                self.updates.send(Update::Removed(object.key, object.revision)).await?;
            }
            Event::Bookmark(revision) => {
                let is_first = self.after == 0;
                self.after = self.after.max(revision);
                for key in std::mem::take(&mut self.missing) {
                    self.updates.send(Update::Removed(key, revision)).await?;
                }
                self.updates.send(Update::Reached(self.kind.clone(), revision)).await?;
                if is_first {
                    self.updates.send(Update::Synced(self.kind.clone())).await?;
                }
            }
        }
        Ok(())
    }

    /// Moves on behind an event. While everything is being told, objects come in order of name:
    /// a watch that breaks then has to start over.
    fn advance(&mut self, revision: u64) {
        if self.after > 0 {
            self.after = self.after.max(revision);
        }
    }

    fn note_failure(&mut self, error: &ApiError) {
        self.failures += 1;
        // The first is news, the next ones only repeat it.
        if self.failures == 1 {
            tracing::warn!(kind = %self.kind, %error, "the watch failed, trying again");
        } else {
            tracing::debug!(kind = %self.kind, %error, "the watch failed again");
        }
    }
}

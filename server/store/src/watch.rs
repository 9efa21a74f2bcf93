//! A watch: a position in the changes of a range, moved on as its reader asks for more.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio::{sync::watch, time};

use crate::{
    Change, Range, StoreError, WatchEvent, WatchStream,
    cache::{Cache, Recent},
};

/// Changes that a watcher takes at once.
const PAGE_COUNT: usize = 256;

/// Where a watch finds what is no longer in memory, or not yet.
#[async_trait]
pub(crate) trait History: Send + Sync {
    /// The next changes of a range after a revision, from the log, which memory no longer holds
    /// up to `floor`; and the revision up to which they are complete.
    async fn page(
        &self,
        range: &Range,
        after: u64,
        floor: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), StoreError>;

    /// Brings the memory up to the newest committed revision.
    async fn catch_up(&self) -> Result<u64, StoreError>;
}

struct Watcher<H> {
    cache: Arc<Cache>,
    history: Arc<H>,
    range: Range,
    /// Everything up to here was taken.
    position: u64,
    /// The reader was told of everything up to here.
    told: u64,
    taken: VecDeque<Arc<Change>>,
    news: watch::Receiver<u64>,
}

/// All changes of a range after a revision, then live. Ends after its first error.
pub(crate) fn open<H: History + 'static>(
    cache: Arc<Cache>,
    history: Arc<H>,
    range: Range,
    after: u64,
) -> WatchStream {
    let news = cache.subscribe(&range);
    let watcher = Watcher {
        cache,
        history,
        range,
        position: after,
        told: after,
        taken: VecDeque::new(),
        news,
    };
    stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(event) => Some((Ok(event), Some(watcher))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

impl<H: History> Watcher<H> {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            if let Some(change) = self.taken.pop_front() {
                self.told = change.revision;
                return Ok(WatchEvent::Change(change));
            }
            self.news.mark_unchanged();
            if self.take().await? {
                continue;
            }
            // Whoever watches everything is waited for by others: they are told at once of
            // revisions that changed nothing.
            if self.range == Range::default() && self.position > self.told {
                self.told = self.position;
                return Ok(WatchEvent::Progress(self.position));
            }
            let wait = self.cache.limits().progress_interval;
            let idle = match time::timeout(wait, self.news.changed()).await {
                Ok(Ok(())) => false,
                Ok(Err(_)) => return Err(ended()),
                Err(_) => true,
            };
            if idle && !self.take().await? && self.position > self.told {
                self.told = self.position;
                return Ok(WatchEvent::Progress(self.position));
            }
        }
    }

    /// Moves on; false when there is nothing to move to.
    async fn take(&mut self) -> Result<bool, StoreError> {
        match self.cache.recent(&self.range, self.position, PAGE_COUNT) {
            Recent::Changes { changes, upto } => {
                self.taken.extend(changes);
                self.position = upto;
                Ok(!self.taken.is_empty())
            }
            Recent::Older { floor } => {
                let (changes, upto) = self.history.page(&self.range, self.position, floor).await?;
                self.taken.extend(changes);
                self.position = upto;
                Ok(true)
            }
            Recent::Ahead => {
                let newest = self.history.catch_up().await?;
                if newest < self.position {
                    return Err(StoreError::Future { asked: self.position, newest });
                }
                Ok(true)
            }
        }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable { message: "the store was closed".to_owned(), maybe_written: false }
}

#[cfg(test)]
mod tests {
    use object::Key;
    use tokio::time::Instant;

    use super::*;
    use crate::{Expected, Memory, Store, Transaction, Write};

    #[tokio::test(start_paused = true)]
    async fn a_watch_of_everything_keeps_up_with_the_store() {
        let store = Memory::default();
        let mut watch = store.watch(Range::default(), 0).unwrap();
        let write = |name: &str, body: Option<&'static str>| Write {
            key: Key::new("nodes", "", name),
            expected: Expected::Any,
            body: body.map(Into::into),
        };
        let began = Instant::now();
        // The second write changes nothing, but has a revision.
        let writes = vec![write("a", Some("1")), write("absent", None)];
        store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
        let change = watch.next().await.unwrap().unwrap();
        assert!(matches!(change, WatchEvent::Change(change) if change.revision == 1));
        let progress = watch.next().await.unwrap().unwrap();
        assert!(matches!(progress, WatchEvent::Progress(seen) if seen == store.revision()));
        assert_eq!(began.elapsed(), std::time::Duration::ZERO);
    }
}

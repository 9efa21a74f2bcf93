//! GET with `watch`: the initial objects, then every change that the selectors see.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream};
use kinds::Kept;
use object::ApiError;
use store::{Change, Snapshot, StoreError, Stored, WatchEvent, WatchStream};

use crate::{Api, errors, query::ListOptions, resolve::Target, select::Filter, verbs::list};

/// What a watcher is told.
#[derive(Debug)]
pub(crate) enum Seen {
    Added(Arc<Stored>),
    Modified(Arc<Stored>),
    Deleted(Arc<Stored>),
    /// Everything up to this revision was seen; `initial_end` when the initial objects were.
    Bookmark {
        revision: u64,
        initial_end: bool,
    },
}

/// Changes as the selectors see them.
pub(crate) type SeenStream = stream::BoxStream<'static, Result<Seen, ApiError>>;

impl Api {
    /// Opens a watch that tells of objects in the version of the target.
    pub(crate) async fn watch_in_version(
        self: Arc<Self>,
        target: &Target,
        options: &ListOptions,
    ) -> Result<SeenStream, ApiError> {
        let seen = self.watch(target, options).await?;
        if matches!(target.def.kept, Kept::Own) {
            return Ok(seen);
        }
        let def = target.def.clone();
        let shown = seen.then(move |event| {
            let (api, def) = (self.clone(), def.clone());
            async move { api.seen_in_version(&def, event?).await }
        });
        Ok(shown.boxed())
    }

    /// Opens a watch. A revision that is compacted or not there yet fails at once.
    pub(crate) async fn watch(
        &self,
        target: &Target,
        options: &ListOptions,
    ) -> Result<SeenStream, ApiError> {
        let fields = options.fields.as_deref();
        let filter = Filter::new(&target.def, options.labels.as_deref(), fields)?;
        let range = list::range(target, &filter);
        let from_start = options.initial_events || options.revision.unwrap_or(0) == 0;
        match options.revision {
            None => drop(self.catch_up().await?),
            Some(0) => {}
            Some(revision) => self.catch_up_to(revision).await?,
        }
        let (initial, after) = if from_start {
            let snapshot = self.store.snapshot(&range);
            let after = snapshot.revision;
            (Some(snapshot), after)
        } else {
            (None, options.revision.unwrap_or(0))
        };
        let live = self.store.watch(range, after).map_err(errors::of_read)?;
        let initial =
            initial.map(|snapshot| initial_events(snapshot, &filter, options.initial_events));
        let seen = stream::iter(initial.into_iter().flatten()).chain(changes(
            live,
            filter,
            options.bookmarks,
        ));
        let lasts = options.timeout_seconds.unwrap_or(self.settings.watch_seconds);
        Ok(seen.take_until(tokio::time::sleep(Duration::from_secs(lasts))).boxed())
    }
}

/// Every object as added, and the bookmark that ends them if it was asked for.
fn initial_events(
    snapshot: Snapshot,
    filter: &Filter,
    ends: bool,
) -> impl Iterator<Item = Result<Seen, ApiError>> + use<> {
    let filter = filter.clone();
    let bookmark = Seen::Bookmark { revision: snapshot.revision, initial_end: true };
    let added =
        snapshot.items.into_iter().filter(move |item| filter.matches(&item.key, &item.body));
    added.map(|item| Ok(Seen::Added(item))).chain(ends.then_some(Ok(bookmark)))
}

fn changes(
    live: WatchStream,
    filter: Filter,
    bookmarks: bool,
) -> impl Stream<Item = Result<Seen, ApiError>> + Send + 'static {
    live.filter_map(move |event| {
        std::future::ready(match event {
            Ok(WatchEvent::Change(change)) => see(&change, &filter).map(Ok),
            Ok(WatchEvent::Progress(revision)) => {
                bookmarks.then_some(Ok(Seen::Bookmark { revision, initial_end: false }))
            }
            Err(error) => Some(Err(cut_off(error))),
        })
    })
}

/// A watcher that fell behind starts anew, as one whose revision is too old.
fn cut_off(error: StoreError) -> ApiError {
    errors::of_read(error)
}

/// A change through the selectors: an object that stops matching is deleted for this watcher.
fn see(change: &Change, filter: &Filter) -> Option<Seen> {
    let matched = |body: &[u8]| filter.matches(&change.key, body);
    let was = change.old.as_ref().filter(|old| matched(&old.body));
    let is = change.new.as_ref().filter(|new| matched(new));
    let at = |body: &bytes::Bytes| {
        let (key, revision) = (change.key.clone(), change.revision);
        Arc::new(Stored { key, revision, body: body.clone() })
    };
    match (was, is) {
        (None, Some(new)) => Some(Seen::Added(at(new))),
        (Some(_), Some(new)) => Some(Seen::Modified(at(new))),
        (Some(old), None) => Some(Seen::Deleted(at(&old.body))),
        (None, None) => None,
    }
}

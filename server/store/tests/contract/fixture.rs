//! What the contract's functions share: copies of a store, and short words for writes.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use object::Key;
use store::{
    Change, Expected, Fence, Limits, Range, Snapshot, Store, StoreError, Transaction, WatchEvent,
    WatchStream, Write,
};

/// Small, so that the tests reach them.
pub(crate) const LIMITS: Limits = Limits {
    log_count_max: 300,
    log_age_max: Duration::from_secs(3600),
    recent_count: 8,
    recent_bytes: 1 << 20,
    recent_age: Duration::ZERO,
    recent_bytes_max: 1 << 20,
    progress_interval: Duration::from_millis(20),
    audit_count_max: 40,
    audit_age_max: Duration::from_secs(3600),
};

/// Copies of a server over the same data.
pub(crate) trait Copies: Sync {
    /// Another copy.
    fn copy(&self) -> impl Future<Output = Arc<dyn Store>> + Send;
    /// Drops from the log what is beyond the limits.
    fn compact(&self) -> impl Future<Output = ()> + Send;
}

/// `pods/d/a`, or `nodes//a` for an object of the cluster.
pub(crate) fn key(path: &str) -> Key {
    let mut parts = path.splitn(3, '/');
    let mut part = || parts.next().expect("three parts");
    Key::new(part(), part(), part())
}

pub(crate) fn range(kind: &str) -> Range {
    Range { kind: Some(kind.into()), ..Range::default() }
}

pub(crate) fn write(path: &str, expected: Expected, body: Option<&str>) -> Write {
    let body = body.map(|body| Bytes::copy_from_slice(body.as_bytes()));
    Write { key: key(path), expected, body }
}

pub(crate) fn all_of(writes: impl IntoIterator<Item = Write>) -> Transaction {
    Transaction { writes: writes.into_iter().collect(), ..Transaction::default() }
}

pub(crate) fn put(path: &str, body: &str) -> Transaction {
    all_of([write(path, Expected::Any, Some(body))])
}

pub(crate) fn put_if(path: &str, expected: Expected, body: &str) -> Transaction {
    all_of([write(path, expected, Some(body))])
}

pub(crate) fn delete(path: &str) -> Transaction {
    all_of([write(path, Expected::Present, None)])
}

pub(crate) fn fenced(transaction: Transaction, lease: &str, epoch: u64) -> Transaction {
    Transaction { fence: Some(Fence { lease: lease.into(), epoch }), ..transaction }
}

pub(crate) fn refused(path: &str, current: Option<u64>) -> Result<u64, StoreError> {
    Err(StoreError::Precondition { key: key(path), current })
}

/// `a@3=body` for each object.
pub(crate) fn show(snapshot: &Snapshot) -> Vec<String> {
    let line = |stored: &Arc<store::Stored>| {
        let body = String::from_utf8_lossy(&stored.body);
        format!("{}@{}={body}", stored.key, stored.revision)
    };
    snapshot.items.iter().map(line).collect()
}

/// `3 pods/d/a: old -> new`, with `-` for none.
pub(crate) fn line(change: &Change) -> String {
    let text = |body: Option<&Bytes>| {
        body.map_or("-".to_owned(), |body| String::from_utf8_lossy(body).into_owned())
    };
    let old = change.old.as_ref();
    let old_revision = old.map_or(String::new(), |old| format!("@{}", old.revision));
    format!(
        "{} {}: {}{old_revision} -> {}",
        change.revision,
        change.key,
        text(old.map(|old| &old.body)),
        text(change.new.as_ref())
    )
}

/// The next changes of a watch.
pub(crate) async fn next(watch: &mut WatchStream, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        match within(watch.next()).await {
            Some(Ok(WatchEvent::Change(change))) => lines.push(line(&change)),
            Some(Ok(WatchEvent::Progress(_))) => {}
            other => panic!("after {lines:?} came {other:?}"),
        }
    }
    lines
}

/// The error that a watch begins or ends with.
pub(crate) async fn end(watch: Result<WatchStream, StoreError>) -> StoreError {
    let mut watch = match watch {
        Ok(watch) => watch,
        Err(error) => return error,
    };
    while let Some(event) = within(watch.next()).await {
        if let Err(error) = event {
            assert!(within(watch.next()).await.is_none(), "nothing follows an error");
            return error;
        }
    }
    panic!("the watch ended without an error")
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it comes within 30 s")
}

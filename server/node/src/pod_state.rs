//! What the tasks of one pod share.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use object::Key;
use planning::node::Notes;
use tokio::sync::Notify;

/// One pod of this node, as its worker, probes, hooks and watches know it.
pub(crate) struct PodState {
    pub(crate) uid: String,
    pub(crate) key: Key,
    notes: Mutex<Notes>,
    wake: Notify,
    /// A ConfigMap or Secret that one of its volumes shows has changed.
    content_changed: AtomicBool,
}

impl PodState {
    pub(crate) fn new(uid: &str, key: Key) -> Self {
        Self {
            uid: uid.to_owned(),
            key,
            notes: Mutex::default(),
            wake: Notify::new(),
            content_changed: AtomicBool::new(false),
        }
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the worker look again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn content_changed(&self) {
        self.content_changed.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Whether content has changed since this was asked last.
    pub(crate) fn take_content_changed(&self) -> bool {
        self.content_changed.swap(false, Ordering::Relaxed)
    }
}

//! Writes that all change the same object, a quota of their namespace, come one after the other in
//! this copy. Without it each of many would see all others' writes as a reason to start anew; what
//! makes them exact is the precondition of each, which also holds between copies.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;

/// Held while a write takes its turn.
pub(crate) type Turn = OwnedMutexGuard<()>;

#[derive(Default)]
pub(crate) struct Turns {
    places: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    pub(crate) async fn take(&self, namespace: &str) -> Turn {
        let place = self.place(namespace);
        place.lock_owned().await
    }

    fn place(&self, namespace: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(namespace).and_then(Weak::upgrade) {
            return place;
        }
        places.retain(|_, place| place.strong_count() > 0);
        let place = Arc::default();
        places.insert(namespace.to_owned(), Arc::downgrade(&place));
        place
    }
}

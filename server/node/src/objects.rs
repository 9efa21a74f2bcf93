//! The ConfigMaps and Secrets of this node's pods: read when a container starts, watched one by
//! one while a volume shows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use client::{Client, Event, Selection};
use futures::StreamExt;
use object::{ApiError, Key};
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::pod_state::PodState;

const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Objects {
    client: Arc<dyn Client>,
    watched: Arc<Mutex<BTreeMap<Key, Watched>>>,
}

#[derive(Default)]
struct Watched {
    pods: BTreeMap<String, Weak<PodState>>,
    /// Held for its drop alone.
    _task: Option<AbortOnDropHandle<()>>,
}

impl Objects {
    pub(crate) fn new(client: Arc<dyn Client>) -> Self {
        Self { client, watched: Arc::default() }
    }

    /// The object as it is now; `None` when it does not exist.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, ApiError> {
        match self.client.get(key).await {
            Ok(object) => object.decode().map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells a pod of changes of these objects, and of no others, from now on.
    pub(crate) fn watch(&self, pod: &Arc<PodState>, keys: &BTreeSet<Key>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, entry) in watched.iter_mut().filter(|(key, _)| !keys.contains(*key)) {
            if entry.pods.remove(&pod.uid).is_some() {
                tracing::trace!(%key, pod = %pod.key, "not watched for this pod any more");
            }
        }
        for key in keys {
            let entry = watched.entry(key.clone()).or_insert_with(|| Watched {
                pods: BTreeMap::new(),
                _task: Some(AbortOnDropHandle::new(tokio::spawn(follow(
                    self.client.clone(),
                    key.clone(),
                    Arc::downgrade(&self.watched),
                )))),
            });
            entry.pods.insert(pod.uid.clone(), Arc::downgrade(pod));
        }
        watched.retain(|_, entry| !entry.pods.is_empty());
    }
}

/// Watches one object for as long as somebody wants to hear of it.
async fn follow(client: Arc<dyn Client>, key: Key, watched: Weak<Mutex<BTreeMap<Key, Watched>>>) {
    let selection = Selection {
        namespace: Some(key.namespace.clone()),
        fields: Some(format!("metadata.name={}", key.name)),
        ..Selection::default()
    };
    let mut pause = RETRY_MIN;
    loop {
        let problem = match client.watch(&key.kind, &selection, 0).await {
            Ok(mut events) => loop {
                match events.next().await {
                    Some(Ok(Event::Bookmark(_))) => {}
                    Some(Ok(_)) => {
                        pause = RETRY_MIN;
                        tell(&watched, &key);
                    }
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            },
            Err(error) => Some(error),
        };
        if let Some(error) = problem {
            tracing::debug!(%key, %error, "the watch ended; watching again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

fn tell(watched: &Weak<Mutex<BTreeMap<Key, Watched>>>, key: &Key) {
    let Some(watched) = watched.upgrade() else { return };
    let watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    let pods = watched.get(key).map(|entry| entry.pods.values().filter_map(Weak::upgrade));
    for pod in pods.into_iter().flatten() {
        pod.content_changed();
    }
}

//! Watches as a script tells them: what comes out must rebuild the objects that are there.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use object::{ApiError, Reason};

use super::*;
use crate::{Connection, DeleteOptions, Event, EventStream, List, Object, PatchType, WriteOptions};

/// One watch: the revision that it must start from, and what it yields before it ends.
type Script = (u64, Result<Vec<Result<Event, ApiError>>, ApiError>);

struct Scripted(Mutex<Vec<Script>>);

fn unused<T>() -> Result<T, ApiError> {
    Err(ApiError::internal("a reflector only watches"))
}

#[async_trait]
impl Client for Scripted {
    async fn get(&self, _: &Key) -> Result<Object, ApiError> {
        unused()
    }
    async fn list(&self, _: &KindName, _: &Selection) -> Result<List, ApiError> {
        unused()
    }
    async fn watch(
        &self,
        _: &KindName,
        _: &Selection,
        after: u64,
    ) -> Result<EventStream, ApiError> {
        let next = {
            let mut scripts = self.0.lock().unwrap();
            (!scripts.is_empty()).then(|| scripts.remove(0))
        };
        let Some((expected, events)) = next else { return std::future::pending().await };
        assert_eq!(after, expected);
        Ok(Box::pin(futures::stream::iter(events?)))
    }
    async fn create(
        &self,
        _: &Key,
        _: &str,
        _: Bytes,
        _: &WriteOptions,
    ) -> Result<Object, ApiError> {
        unused()
    }
    async fn update(
        &self,
        _: &Key,
        _: &str,
        _: Bytes,
        _: &WriteOptions,
    ) -> Result<Object, ApiError> {
        unused()
    }
    async fn patch(
        &self,
        _: &Key,
        _: &str,
        _: PatchType,
        _: Bytes,
        _: &WriteOptions,
    ) -> Result<Object, ApiError> {
        unused()
    }
    async fn delete(&self, _: &Key, _: &DeleteOptions) -> Result<(), ApiError> {
        unused()
    }
    async fn connect(&self, _: &Key, _: &str, _: &str) -> Result<Connection, ApiError> {
        unused()
    }
}

fn object(name: &str, revision: u64) -> Object {
    let key = Key::new("pods", "default", name);
    Object { key, revision, body: Bytes::from(name.to_owned()) }
}

fn added(name: &str, revision: u64) -> Result<Event, ApiError> {
    Ok(Event::Added(object(name, revision)))
}

fn deleted(name: &str, revision: u64) -> Result<Event, ApiError> {
    Ok(Event::Deleted(object(name, revision)))
}

fn expired() -> ApiError {
    ApiError::new(Reason::Expired, "too old resource version")
}

fn start(scripts: Vec<Script>) -> Reflector {
    let client: Arc<dyn Client> = Arc::new(Scripted(Mutex::new(scripts)));
    Reflector::start(&client, [("pods".into(), Selection::default())])
}

/// Applies updates until the kind was synced that many times and reached that revision.
async fn replay(
    reflector: &mut Reflector,
    mut syncs: usize,
    revision: u64,
) -> BTreeMap<String, u64> {
    let mut world: BTreeMap<String, u64> = BTreeMap::new();
    let mut reached = 0;
    while syncs > 0 || reached < revision {
        match reflector.next().await {
            Update::Set(key, revision, _) => {
                world.insert(key.name.to_string(), revision);
            }
            Update::Removed(key, _) => drop(world.remove(&*key.name)),
            Update::Reached(_, revision) => reached = revision,
            Update::Synced(_) => syncs -= 1,
        }
    }
    world
}

fn world<const N: usize>(objects: [(&str, u64); N]) -> BTreeMap<String, u64> {
    objects.into_iter().map(|(name, revision)| (name.to_owned(), revision)).collect()
}

#[tokio::test(start_paused = true)]
async fn tells_everything_then_goes_on_behind_the_last_event() {
    let mut reflector = start(vec![
        (0, Ok(vec![added("a", 9), added("b", 3), Ok(Event::Bookmark(10))])),
        (10, Ok(vec![deleted("b", 11), added("c", 12)])),
        (12, Err(ApiError::unavailable("the server is away"))),
        (12, Ok(vec![Ok(Event::Bookmark(20))])),
    ]);
    assert!(!reflector.is_synced());
    assert_eq!(replay(&mut reflector, 1, 20).await, world([("a", 9), ("c", 12)]));
    assert!(reflector.is_synced());
    assert_eq!(reflector.try_next(), None);
}

#[tokio::test(start_paused = true)]
async fn removes_what_vanished_while_the_log_was_compacted() {
    let mut reflector = start(vec![
        (0, Ok(vec![added("a", 1), added("b", 2), Ok(Event::Bookmark(2))])),
        (2, Ok(vec![Err(expired())])),
        // The second start breaks before its bookmark: nothing may be taken for gone yet.
        (0, Ok(vec![added("c", 7)])),
        (0, Err(expired())),
        (0, Ok(vec![added("b", 8), added("c", 7), Ok(Event::Bookmark(9))])),
    ]);
    assert_eq!(replay(&mut reflector, 2, 9).await, world([("b", 8), ("c", 7)]));
}

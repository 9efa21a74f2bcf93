//! An API, an engine and a pretended agent in one process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::{Api, Settings, SigningKey};
use async_trait::async_trait;
use client::{Client, DeleteOptions, Event, PatchType, Selection, WriteOptions};
use engine::LeaseHolder;
use futures::StreamExt;
use object::{ApiError, Key};
use planning::access::User;
use serde_json::{Value, json};
use store::{Memory, Store};
use tokio::{task::JoinSet, time::timeout};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    client: Arc<dyn Client>,
    effects: Arc<Effects>,
    /// Ends with the bench.
    tasks: Mutex<JoinSet<()>>,
}

pub(crate) fn key(kind: &str, namespace: &str, name: &str) -> Key {
    Key::new(kind, namespace, name)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let signing_key =
            SigningKey { private_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() };
        let store: Arc<dyn Store> = Arc::new(Memory::default());
        let api = Api::new(store.clone(), Settings::new(signing_key)).unwrap();
        api.start(Vec::new()).await.unwrap();
        let client = api.client_as(User::new("test", &["system:masters"]));
        let effects = Arc::new(Effects::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(engine::run(
            client.clone(),
            Arc::new(Leases(store)),
            effects.clone(),
            Arc::default(),
            std::future::pending(),
        ));
        Self { client, effects, tasks: Mutex::new(tasks) }
    }

    pub(crate) async fn create(&self, body: Value) {
        self.try_create(body).await.unwrap();
    }

    pub(crate) async fn try_create(&self, body: Value) -> Result<(), ApiError> {
        let def = kinds::all()
            .iter()
            .find(|def| body["kind"] == *def.kind && body["apiVersion"] == *def.api_version)
            .unwrap();
        let meta = &body["metadata"];
        let key = Key::new(def.name.clone(), text(&meta["namespace"]), text(&meta["name"]));
        let options = WriteOptions::default();
        self.client.create(&key, "", body.to_string().into(), &options).await.map(drop)
    }

    pub(crate) async fn patch(&self, key: &Key, subresource: &str, patch: Value) {
        let body = patch.to_string().into();
        let options = WriteOptions::default();
        self.client.patch(key, subresource, PatchType::Merge, body, &options).await.unwrap();
    }

    pub(crate) async fn evict(&self, pod: &Key) -> Result<(), ApiError> {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": &*pod.name, "namespace": &*pod.namespace}});
        let options = WriteOptions::default();
        self.client.create(pod, "eviction", body.to_string().into(), &options).await.map(drop)
    }

    pub(crate) async fn delete(&self, key: &Key) {
        self.delete_with(key, "Background").await;
    }

    pub(crate) async fn delete_with(&self, key: &Key, propagation: &'static str) {
        let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
        self.client.delete(key, &options).await.unwrap();
    }

    pub(crate) async fn get(&self, key: &Key) -> Value {
        self.client.get(key).await.unwrap().decode().unwrap()
    }

    pub(crate) async fn list(&self, kind: &str) -> Vec<Value> {
        let list = self.client.list(&kind.into(), &Selection::default()).await.unwrap();
        list.items.iter().map(|item| item.decode().unwrap()).collect()
    }

    /// Waits until the objects of a kind are as wanted.
    pub(crate) async fn until(&self, kind: &str, wanted: impl Fn(&BTreeMap<Key, Value>) -> bool) {
        let mut all = BTreeMap::new();
        let watched = timeout(PATIENCE, follow(&*self.client, kind, &mut all, wanted)).await;
        assert!(watched.is_ok(), "{kind} did not come to be as wanted: {all:#?}");
    }

    /// What was done to hosts.
    pub(crate) fn effects(&self) -> Vec<String> {
        self.effects.0.lock().unwrap().clone()
    }

    /// Pretends to be the agent of a node: its pods run as soon as they are bound, and end as soon
    /// as they are deleted.
    pub(crate) async fn agent(&self, name: &str) {
        let status = json!({"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]});
        self.create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})).await;
        self.patch(&key("nodes", "", name), "status", json!({"status": status})).await;
        let (client, name) = (self.client.clone(), name.to_owned());
        self.tasks.lock().unwrap().spawn(async move {
            let mut all = BTreeMap::new();
            let mut addresses = 0;
            loop {
                let bound = |pod: &Value| pod["spec"]["nodeName"] == *name;
                let due = |pod: &Value| {
                    bound(pod)
                        && (pod["status"]["podIP"].is_null()
                            || !pod["metadata"]["deletionTimestamp"].is_null())
                };
                follow(&*client, "pods", &mut all, |all| all.values().any(due)).await;
                for (key, pod) in all.iter().filter(|(_, pod)| due(pod)) {
                    addresses += 1;
                    tend(&*client, key, pod, addresses).await;
                }
            }
        });
    }
}

async fn tend(client: &dyn Client, key: &Key, pod: &Value, number: usize) {
    if pod["metadata"]["deletionTimestamp"].is_null() {
        let conditions = json!([{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        let status = json!({"phase": "Running", "podIP": format!("10.42.0.{number}"),
            "conditions": conditions});
        let body = json!({"status": status}).to_string().into();
        let options = WriteOptions::default();
        // The pod may be gone by now.
        client.patch(key, "status", PatchType::Merge, body, &options).await.ok();
    } else {
        let options = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
        client.delete(key, &options).await.ok();
    }
}

/// Follows the objects of a kind, from the start, until they are as wanted.
async fn follow(
    client: &dyn Client,
    kind: &str,
    all: &mut BTreeMap<Key, Value>,
    wanted: impl Fn(&BTreeMap<Key, Value>) -> bool,
) {
    all.clear();
    let mut events = client.watch(&kind.into(), &Selection::default(), 0).await.unwrap();
    let mut is_told = false;
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::Added(object) | Event::Modified(object) => {
                all.insert(object.key.clone(), object.decode().unwrap());
            }
            Event::Deleted(object) => drop(all.remove(&object.key)),
            Event::Bookmark(_) => is_told = true,
        }
        if is_told && wanted(all) {
            return;
        }
    }
    panic!("the watch of {kind} ended");
}

#[derive(Default)]
struct Effects(Mutex<Vec<String>>);

impl Effects {
    fn note(&self, what: &str, host: &Value) {
        self.0.lock().unwrap().push(format!("{what} {}", text(&host["metadata"]["name"])));
    }
}

#[async_trait]
impl engine::Effects for Effects {
    async fn install(&self, host: &Value) -> Result<(), ApiError> {
        self.note("install", host);
        Ok(())
    }
    async fn remove(&self, host: &Value) -> Result<(), ApiError> {
        self.note("remove", host);
        Ok(())
    }
    async fn sign(&self, _: &Value) -> Result<String, ApiError> {
        Ok("certificate".to_owned())
    }
}

struct Leases(Arc<dyn Store>);

#[async_trait]
impl LeaseHolder for Leases {
    async fn acquire(&self, lease: &str, ttl: Duration) -> Result<Option<u64>, ApiError> {
        let ttl = u64::try_from(ttl.as_millis()).unwrap();
        let taken = self.0.acquire(lease, "test", ttl).await;
        taken.map_err(|error| ApiError::unavailable(error.to_string()))
    }
    async fn release(&self, lease: &str) -> Result<(), ApiError> {
        let released = self.0.release(lease, "test").await;
        released.map_err(|error| ApiError::unavailable(error.to_string()))
    }
}

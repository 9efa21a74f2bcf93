//! The API as far as controllers and agents need it, over the memory store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use client::{Fence, Object};
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use object::{ApiError, Key, KindName};
use planning::conditions;
use serde_json::{Value, json};
use store::{Expected, Memory, Range, Store, StoreError, Transaction, Write};

use crate::{checks::Checks, dice::Dice};

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create { key: Key, body: Value },
    Bind { pod: Key, uid: String, node: String },
    Update { key: Key, subresource: String, body: Value },
    Patch { key: Key, subresource: String, patch: Value },
    Delete { key: Key, uid: Option<String>, grace: Option<i64>, propagation: Option<&'static str> },
}

/// One line of what happened to the objects of a kind.
pub(crate) type Logged = (u64, Key, Option<Bytes>);

pub(crate) struct Api {
    store: Memory,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    /// Whether requests may be lost or doubled.
    pub(crate) is_faulty: bool,
    pub(crate) checks: Checks,
    pub(crate) log: BTreeMap<KindName, Vec<Logged>>,
    values: BTreeMap<Key, (u64, Arc<Value>)>,
    uids: u64,
    /// What happened, if it is to be told.
    pub(crate) story: Option<Vec<String>>,
    pub(crate) writes: u64,
}

impl Api {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let state = State {
            dice: Dice::new(seed),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            is_faulty: true,
            checks: Checks::default(),
            log: BTreeMap::new(),
            values: BTreeMap::new(),
            uids: 0,
            story: tells.then(Vec::new),
            writes: 0,
        };
        Self { store: Memory::default(), state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        let mut state = self.state();
        let now = state.now;
        if let Some(story) = &mut state.story {
            story.push(format!("{} {}", now.strftime("%H:%M:%S%.3f"), text()));
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().now
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        self.state().dice.below(bound)
    }

    pub(crate) fn happens(&self, per_mille: usize) -> bool {
        self.state().dice.happens(per_mille)
    }

    pub(crate) fn pick<'t, T>(&self, of: &'t [T]) -> Option<&'t T> {
        self.state().dice.pick(of)
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.state().now += time;
    }

    /// Takes the lease away from whoever has it; the new epoch.
    pub(crate) fn take_lease(&self, holder: &str) -> Fence {
        let epoch = self.store.acquire(engine::LEASE, holder, 0).now_or_never();
        let epoch = epoch.expect("the memory store does not wait").unwrap().unwrap();
        Fence { lease: engine::LEASE.into(), epoch }
    }

    pub(crate) fn stored(&self, key: &Key) -> Option<Arc<store::Stored>> {
        self.store.get(key)
    }

    /// Everything of a kind, and the revision as of which it is.
    pub(crate) fn snapshot(&self, kind: &KindName) -> (u64, Vec<Object>) {
        let range = Range { kind: Some(kind.clone()), ..Range::default() };
        let snapshot = self.store.snapshot(&range);
        let object = |stored: &Arc<store::Stored>| Object {
            key: stored.key.clone(),
            revision: stored.revision,
            body: stored.body.clone(),
        };
        (snapshot.revision, snapshot.items.iter().map(object).collect())
    }

    pub(crate) fn value(&self, key: &Key) -> Option<Arc<Value>> {
        self.state().values.get(key).map(|(_, value)| value.clone())
    }

    pub(crate) fn values(&self, kind: &str) -> Vec<(Key, Arc<Value>)> {
        let state = self.state();
        let from = Key::new(kind, "", "");
        let of_kind = state.values.range(from..).take_while(|(key, _)| *key.kind == *kind);
        of_kind.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    }

    fn current(&self, key: &Key) -> Result<(u64, Arc<Value>), ApiError> {
        let state = self.state();
        let found = state.values.get(key).cloned();
        found.ok_or_else(|| ApiError::not_found(&key.kind, &key.name))
    }

    /// Carries a request out.
    pub(crate) fn perform(&self, op: &Op, fence: Option<&Fence>) -> Result<Object, ApiError> {
        match op {
            Op::Create { key, body } => self.create(key, body.clone(), fence),
            Op::Bind { pod, uid, node } => self.change(pod, fence, |value| {
                let is_bound = value["spec"]["nodeName"].as_str().is_some_and(|n| !n.is_empty());
                if is_bound || value["metadata"]["uid"] != **uid || is_deleting(value) {
                    return Err(ApiError::conflict("pods", &pod.name, "it can not be bound"));
                }
                value["spec"]["nodeName"] = node.as_str().into();
                Ok(())
            }),
            Op::Update { key, subresource, body } => self.change(key, fence, |value| {
                check(key, value, body)?;
                match subresource.as_str() {
                    "" => {
                        let status = value["status"].take();
                        *value = body.clone();
                        value["status"] = status;
                    }
                    "finalize" => value["spec"] = body["spec"].clone(),
                    part => value[part] = body[part].clone(),
                }
                Ok(())
            }),
            Op::Patch { key, subresource, patch } => self.change(key, fence, |value| {
                check(key, value, patch)?;
                let mut patch = patch.clone();
                if let Some(meta) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
                    meta.remove("resourceVersion");
                }
                if subresource == "status" {
                    patch = json!({"status": patch["status"]});
                }
                object::patch::merge::apply(value, patch);
                Ok(())
            }),
            Op::Delete { key, uid, grace, propagation } => {
                self.delete(key, uid.as_deref(), *grace, *propagation, fence)
            }
        }
    }

    fn create(
        &self,
        key: &Key,
        mut body: Value,
        fence: Option<&Fence>,
    ) -> Result<Object, ApiError> {
        let namespace = Key::new("namespaces", "", &key.namespace);
        if !key.namespace.is_empty() && self.value(&namespace).is_none_or(|n| is_deleting(&n)) {
            let why = format!("namespace {} is being terminated", key.namespace);
            return Err(ApiError::forbidden(&key.kind, &key.name, why));
        }
        {
            let mut state = self.state();
            state.uids += 1;
            body["metadata"]["uid"] = format!("uid-{}", state.uids).into();
            body["metadata"]["creationTimestamp"] = json!(conditions::time(state.now));
            body["metadata"]["generation"] = 1.into();
        }
        if &*key.kind == "pods" {
            body["status"] = json!({"phase": "Pending"});
        }
        self.commit(key, Expected::Absent, Some(body), fence).map_err(|error| match error {
            StoreError::Precondition { .. } => ApiError::already_exists(&key.kind, &key.name),
            other => refusal(key, &other),
        })
    }

    fn change(
        &self,
        key: &Key,
        fence: Option<&Fence>,
        change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Object, ApiError> {
        let (revision, before) = self.current(key)?;
        let mut after = (*before).clone();
        after["metadata"]["resourceVersion"] = revision.to_string().into();
        change(&mut after)?;
        if let Some(meta) = after["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
        }
        strip_nulls(&mut after);
        if after == *before {
            let body = self.store.get(key).map(|stored| stored.body.clone()).unwrap_or_default();
            return Ok(Object { key: key.clone(), revision, body });
        }
        if after["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
            after["metadata"]["generation"] = (generation + 1).into();
        }
        let body = (!is_released(key, &after)).then_some(after);
        self.commit(key, Expected::Revision(revision), body, fence)
            .map_err(|error| refusal(key, &error))
    }

    fn delete(
        &self,
        key: &Key,
        uid: Option<&str>,
        grace: Option<i64>,
        propagation: Option<&str>,
        fence: Option<&Fence>,
    ) -> Result<Object, ApiError> {
        let (revision, before) = self.current(key)?;
        if uid.is_some_and(|uid| before["metadata"]["uid"] != uid) {
            return Err(ApiError::conflict(&key.kind, &key.name, "another object has the name"));
        }
        let mut after = (*before).clone();
        let finalizer = match propagation {
            Some("Foreground") => Some("foregroundDeletion"),
            Some("Orphan") => Some("orphan"),
            _ => None,
        };
        if let Some(finalizer) = finalizer {
            let all = &mut after["metadata"]["finalizers"];
            let mut list = all.as_array().cloned().unwrap_or_default();
            if !list.iter().any(|name| name == finalizer) {
                list.push(finalizer.into());
            }
            *all = list.into();
        }
        let is_bound = before["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        let waits = &*key.kind == "pods" && is_bound && grace != Some(0);
        let time = json!(conditions::time(self.now()));
        if !is_deleting(&after) {
            after["metadata"]["deletionTimestamp"] = time;
            after["metadata"]["deletionGracePeriodSeconds"] = 30.into();
        }
        if grace == Some(0) {
            after["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        if after == *before {
            return Ok(Object { key: key.clone(), revision, body: Bytes::new() });
        }
        let body = (waits || !is_released(key, &after)).then_some(after);
        self.commit(key, Expected::Revision(revision), body, fence)
            .map_err(|error| refusal(key, &error))
    }

    fn commit(
        &self,
        key: &Key,
        expected: Expected,
        value: Option<Value>,
        fence: Option<&Fence>,
    ) -> Result<Object, StoreError> {
        let body = value.clone().map(|value| match value {
            Value::Object(object) => object::body::encode(object),
            other => panic!("{key} would become {other}"),
        });
        let write = Write { key: key.clone(), expected, body: body.clone() };
        let fence = fence.map(|f| store::Fence { lease: f.lease.clone(), epoch: f.epoch });
        let commit = self.store.commit(Transaction { writes: vec![write], fence, audit: None });
        let revision = commit.now_or_never().expect("the memory store does not wait")?;
        let mut state = self.state();
        let before = state.values.remove(key).map(|(_, value)| value);
        let after = value.map(Arc::new);
        if let Some(value) = &after {
            state.values.insert(key.clone(), (revision, value.clone()));
        }
        state.writes += 1;
        let now = state.now;
        state.checks.observe(now, key, before.as_deref(), after.as_deref());
        let log = state.log.entry(key.kind.clone()).or_default();
        log.push((revision, key.clone(), body.clone()));
        Ok(Object { key: key.clone(), revision, body: body.unwrap_or_default() })
    }
}

fn refusal(key: &Key, error: &StoreError) -> ApiError {
    match error {
        StoreError::Precondition { .. } => ApiError::modified(&key.kind, &key.name),
        StoreError::Fenced(lease) => {
            ApiError::conflict(&key.kind, &key.name, format!("another copy holds {lease}"))
        }
        other => ApiError::internal(other.to_string()),
    }
}

/// The preconditions that a body carries.
fn check(key: &Key, value: &Value, body: &Value) -> Result<(), ApiError> {
    for field in ["resourceVersion", "uid"] {
        let expected = &body["metadata"][field];
        if !expected.is_null() && *expected != value["metadata"][field] {
            return Err(ApiError::modified(&key.kind, &key.name));
        }
    }
    Ok(())
}

pub(crate) fn is_deleting(value: &Value) -> bool {
    !value["metadata"]["deletionTimestamp"].is_null()
}

/// Whether a deleted object has nothing left to wait for.
fn is_released(key: &Key, value: &Value) -> bool {
    let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let has_grace = &*key.kind == "pods"
        && value["metadata"]["deletionGracePeriodSeconds"] != 0
        && value["spec"]["nodeName"].is_string();
    is_deleting(value)
        && !has_grace
        && is_empty(&value["metadata"]["finalizers"])
        && (&*key.kind != "namespaces" || is_empty(&value["spec"]["finalizers"]))
}

/// The API stores no nulls.
fn strip_nulls(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
        object.values_mut().for_each(strip_nulls);
    }
}

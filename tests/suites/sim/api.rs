//! What is stored, what time it is, and how it all came about: the memory store with its clock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use client::{Fence, Object};
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use object::{Key, KindName};
use serde_json::Value;
use store::{Expected, Memory, Range, Store, StoreError, Transaction, Write};

use crate::{checks::Checks, dice::Dice, faults::Faults, requests::Op};

/// One line of what happened to the objects of a kind.
pub(crate) type Logged = (u64, Key, Option<Bytes>);

/// A request that is under way though its sender has given it up.
type Late = (SignedDuration, Op, Option<Fence>);

pub(crate) struct Api {
    store: Memory,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) dice: Dice,
    /// Since the run began: a clock that only moves on.
    pub(crate) elapsed: SignedDuration,
    /// By how much the API's clock is wrong.
    pub(crate) skew: SignedDuration,
    pub(crate) faults: Faults,
    pub(crate) checks: Checks,
    pub(crate) log: BTreeMap<KindName, Vec<Logged>>,
    pub(crate) late: Vec<Late>,
    /// What is measured outside of the cluster.
    pub(crate) load: i64,
    values: BTreeMap<Key, (u64, Arc<Value>)>,
    pub(crate) uids: u64,
    /// What happened, if it is to be told.
    pub(crate) story: Option<Vec<String>>,
    pub(crate) writes: u64,
}

/// A write of one object.
pub(crate) type Change = (Key, Expected, Option<Value>);

impl Api {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Dice::new(seed);
        let state = State {
            elapsed: SignedDuration::ZERO,
            skew: SignedDuration::ZERO,
            faults: Faults::of(&mut dice),
            dice,
            checks: Checks::default(),
            log: BTreeMap::new(),
            late: Vec::new(),
            load: 0,
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

    pub(crate) fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        let mut state = self.state();
        let now = state.now();
        if let Some(story) = &mut state.story {
            story.push(format!("{} {}", now.strftime("%H:%M:%S%.3f"), text()));
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().now()
    }

    pub(crate) fn elapsed(&self) -> SignedDuration {
        self.state().elapsed
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
        self.state().elapsed += time;
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
        self.current(key).map(|(_, value)| value)
    }

    pub(crate) fn current(&self, key: &Key) -> Option<(u64, Arc<Value>)> {
        self.state().values.get(key).cloned()
    }

    /// How much has happened to objects of these kinds.
    pub(crate) fn happened(&self, kinds: &[&str]) -> usize {
        let state = self.state();
        kinds.iter().filter_map(|kind| state.log.get(*kind)).map(Vec::len).sum()
    }

    pub(crate) fn values(&self, kind: &str) -> Vec<(Key, Arc<Value>)> {
        let state = self.state();
        let from = Key::new(kind, "", "");
        let of_kind = state.values.range(from..).take_while(|(key, _)| *key.kind == *kind);
        of_kind.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    }

    pub(crate) fn all_values(&self) -> Vec<(Key, Arc<Value>)> {
        let state = self.state();
        state.values.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    }

    /// All of these or none.
    pub(crate) fn commit(
        &self,
        changes: Vec<Change>,
        fence: Option<&Fence>,
    ) -> Result<Object, StoreError> {
        let body = |value: &Value| match value.clone() {
            Value::Object(object) => object::body::encode(object),
            other => panic!("this would become {other}"),
        };
        let writes: Vec<Write> = changes
            .iter()
            .map(|(key, expected, value)| Write {
                key: key.clone(),
                expected: *expected,
                body: value.as_ref().map(body),
            })
            .collect();
        let bodies: Vec<Option<Bytes>> = writes.iter().map(|write| write.body.clone()).collect();
        let fence = fence.map(|f| store::Fence { lease: f.lease.clone(), epoch: f.epoch });
        let commit = self.store.commit(Transaction { writes, fence, audit: None });
        let revision = commit.now_or_never().expect("the memory store does not wait")?;
        let mut object = None;
        for (((key, _, value), body), revision) in changes.into_iter().zip(bodies).zip(revision..) {
            self.note(&key, revision, value, body.clone());
            let body = body.unwrap_or_default();
            object.get_or_insert(Object { key, revision, body });
        }
        Ok(object.expect("something is written"))
    }

    /// The run's own books, beside the store.
    fn note(&self, key: &Key, revision: u64, value: Option<Value>, body: Option<Bytes>) {
        let mut state = self.state();
        let before = state.values.remove(key).map(|(_, value)| value);
        let after = value.map(Arc::new);
        if let Some(value) = &after {
            state.values.insert(key.clone(), (revision, value.clone()));
        }
        state.writes += 1;
        let now = state.now();
        state.checks.observe(now, key, before.as_deref(), after.as_deref());
        let log = state.log.entry(key.kind.clone()).or_default();
        log.push((revision, key.clone(), body));
    }

    /// Lets those requests arrive whose time has come, or all of them.
    pub(crate) fn deliver_late(&self, all: bool) {
        let elapsed = self.elapsed();
        let (due, rest): (Vec<Late>, Vec<Late>) = std::mem::take(&mut self.state().late)
            .into_iter()
            .partition(|(at, ..)| all || *at <= elapsed);
        self.state().late = rest;
        for (_, op, fence) in due {
            let result = self.perform(&op, fence.as_ref());
            self.tell(|| format!("  late: {op:?} -> {:?}", result.map(|object| object.revision)));
        }
    }
}

impl State {
    pub(crate) fn now(&self) -> Timestamp {
        epoch() + self.elapsed + self.skew
    }
}

/// When runs begin: shortly before a full minute, for CronJobs.
pub(crate) fn epoch() -> Timestamp {
    Timestamp::from_second(1_767_225_585).expect("2026 is a time")
}

pub(crate) fn is_deleting(value: &Value) -> bool {
    !value["metadata"]["deletionTimestamp"].is_null()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! Every object's bytes in memory, as of one revision, and the recent changes.
//!
//! Changes come in order of revision, so a reader sees the store as it was at some revision, never
//! a mixture.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use imbl::OrdMap;
use object::{Key, KindName};
use tokio::{sync::watch, time::Instant};

use crate::{Change, Limits, Range, Snapshot, Stored, topic::Topic};

pub(crate) type Objects = OrdMap<Key, Arc<Stored>>;

/// One row of the log: a key's new body at a revision, `None` when it was deleted.
pub(crate) struct Entry {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) body: Option<Bytes>,
}

/// What a watcher finds behind its position.
pub(crate) enum Recent {
    /// The next changes, complete up to a revision.
    Changes { changes: Vec<Arc<Change>>, upto: u64 },
    /// The position is older than what memory keeps; the changes up to here are in the log only.
    Older { floor: u64 },
    /// The position is newer than the memory.
    Ahead,
}

pub(crate) struct Cache {
    limits: Limits,
    state: RwLock<State>,
}

struct State {
    revision: u64,
    /// The revision that the memory began with; no topic has changes from before.
    began: u64,
    objects: Objects,
    topics: HashMap<KindName, Topic>,
    /// The changes of all kinds.
    all: Topic,
}

impl Cache {
    pub(crate) fn new(limits: Limits, objects: Objects, revision: u64) -> Self {
        let state = State {
            revision,
            began: revision,
            objects,
            topics: HashMap::new(),
            all: Topic::new(revision),
        };
        Self { limits, state: RwLock::new(state) }
    }

    /// Takes in the next changes. They are newer than everything here, in order of revision, and
    /// with them the memory is complete up to `revision`.
    pub(crate) fn apply(&self, entries: Vec<Entry>, revision: u64) {
        let now = Instant::now();
        let mut state = self.write();
        let mut touched: Vec<KindName> = Vec::new();
        for entry in entries {
            let Some(change) = state.change(entry) else { continue };
            if !touched.contains(&change.key.kind) {
                touched.push(change.key.kind.clone());
            }
            state.topic(&change.key.kind).push(change.clone(), now, &self.limits);
            state.all.push(change, now, &self.limits);
        }
        state.revision = revision;
        // Whoever watches everything hears of a revision that changed nothing, too.
        state.all.wake(revision);
        for kind in &touched {
            state.topic(kind).wake(revision);
        }
    }

    /// Replaces everything, when the log no longer holds what is missing here. Watchers find that
    /// their position is older than the memory.
    pub(crate) fn replace(&self, objects: Objects, revision: u64) {
        let mut state = self.write();
        state.objects = objects;
        state.revision = revision;
        state.began = revision;
        state.all.reset(revision);
        for topic in state.topics.values_mut() {
            topic.reset(revision);
        }
    }

    /// Lets go of changes that only their youth kept in memory.
    pub(crate) fn trim(&self) {
        let now = Instant::now();
        let mut state = self.write();
        let state = &mut *state;
        for topic in state.topics.values_mut().chain([&mut state.all]) {
            topic.trim(now, &self.limits);
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn revision(&self) -> u64 {
        self.read().revision
    }

    /// The oldest revision of a range that memory can answer for.
    pub(crate) fn floor(&self, range: &Range) -> u64 {
        self.read().floor(range)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.read().objects.get(key).cloned()
    }

    pub(crate) fn snapshot(&self, range: &Range) -> Snapshot {
        let (objects, revision) = self.objects();
        Snapshot { revision, items: select(&objects, range) }
    }

    /// All objects; the map is persistent, so this is cheap.
    pub(crate) fn objects(&self) -> (Objects, u64) {
        let state = self.read();
        (state.objects.clone(), state.revision)
    }

    /// The objects as of an earlier revision, when memory reaches back to it.
    pub(crate) fn objects_at(&self, range: &Range, revision: u64) -> Option<Objects> {
        let state = self.read();
        if state.floor(range) > revision || state.revision < revision {
            return None;
        }
        let mut objects = state.objects.clone();
        if let Some(topic) = state.find(range) {
            let changes: Vec<&Arc<Change>> =
                topic.after(revision).filter(|change| range.contains(&change.key)).collect();
            for change in changes.into_iter().rev() {
                rewind(&mut objects, &change.key, change.old.clone());
            }
        }
        Some(objects)
    }

    pub(crate) fn subscribe(&self, range: &Range) -> watch::Receiver<u64> {
        match &range.kind {
            None => self.read().all.subscribe(),
            Some(kind) => self.write().topic(kind).subscribe(),
        }
    }

    /// Up to `count_max` changes of a range after a revision.
    pub(crate) fn recent(&self, range: &Range, after: u64, count_max: usize) -> Recent {
        let state = self.read();
        let floor = state.floor(range);
        if floor > after {
            return Recent::Older { floor };
        }
        if state.revision < after {
            return Recent::Ahead;
        }
        let mut changes = Vec::new();
        for change in state.find(range).iter().flat_map(|topic| topic.after(after)) {
            if !range.contains(&change.key) {
                continue;
            }
            changes.push(change.clone());
            if changes.len() == count_max {
                return Recent::Changes { upto: change.revision, changes };
            }
        }
        Recent::Changes { changes, upto: state.revision }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Brings the map up to one entry; `None` when it changes nothing.
    fn change(&mut self, Entry { revision, key, body }: Entry) -> Option<Arc<Change>> {
        let old = match &body {
            Some(body) => {
                let stored = Stored { key: key.clone(), revision, body: body.clone() };
                self.objects.insert(key.clone(), Arc::new(stored))
            }
            None => Some(self.objects.remove(&key)?),
        };
        let old = old.map(|old| Stored::clone(&old));
        Some(Arc::new(Change { key, revision, old, new: body }))
    }

    fn topic(&mut self, kind: &KindName) -> &mut Topic {
        if !self.topics.contains_key(kind) {
            self.topics.insert(kind.clone(), Topic::new(self.began));
        }
        self.topics.get_mut(kind).expect("it was just put there")
    }

    /// The ring that has a range's changes; `None` while its kind never changed.
    fn find(&self, range: &Range) -> Option<&Topic> {
        match &range.kind {
            None => Some(&self.all),
            Some(kind) => self.topics.get(kind),
        }
    }

    fn floor(&self, range: &Range) -> u64 {
        self.find(range).map_or(self.began, Topic::floor)
    }
}

/// Puts a key back to what it was.
pub(crate) fn rewind(objects: &mut Objects, key: &Key, old: Option<Stored>) {
    match old {
        Some(old) => objects.insert(key.clone(), Arc::new(old)),
        None => objects.remove(key),
    };
}

/// The objects of a range in order of kind, namespace and name.
pub(crate) fn select(objects: &Objects, range: &Range) -> Vec<Arc<Stored>> {
    let Some(kind) = &range.kind else {
        return objects.values().filter(|stored| range.contains(&stored.key)).cloned().collect();
    };
    if let (Some(namespace), Some(name)) = (&range.namespace, &range.name) {
        let key = Key { kind: kind.clone(), namespace: namespace.clone(), name: name.clone() };
        return objects.get(&key).cloned().into_iter().collect();
    }
    let namespace = range.namespace.clone().unwrap_or_default();
    let first = Key { kind: kind.clone(), namespace, name: "".into() };
    objects
        .range(first..)
        .take_while(|(key, _)| {
            key.kind == *kind && range.namespace.as_ref().is_none_or(|n| *n == key.namespace)
        })
        .filter(|(_, stored)| range.contains(&stored.key))
        .map(|(_, stored)| stored.clone())
        .collect()
}

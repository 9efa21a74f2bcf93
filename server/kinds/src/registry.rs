//! The table of all kinds that are served at one moment: the built-in ones and those that objects
//! define at run time. It is never changed, only replaced whole.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use object::{Key, KindName};

use crate::{KindDef, Text, Version};

/// The kinds that objects of some kind define.
#[derive(Clone, Copy)]
pub struct Defines {
    /// What of an object decides what it defines; empty while it defines nothing. As long as it
    /// stays the same the kinds do.
    pub stamp: fn(body: &[u8]) -> String,
    /// The kinds, given the revision from which on they are such.
    pub kinds: fn(body: &[u8], since: u64) -> Vec<KindDef>,
}

/// The kinds that one object defines.
#[derive(Clone)]
struct Defined {
    stamp: String,
    kinds: Vec<Arc<KindDef>>,
}

/// What is served, by the words that requests and objects use for it.
#[derive(Clone, Default)]
pub struct Registry {
    all: Vec<Arc<KindDef>>,
    /// By group, version and plural.
    served: BTreeMap<Text, BTreeMap<Text, BTreeMap<Text, Arc<KindDef>>>>,
    /// The stored versions.
    stored: BTreeMap<KindName, Arc<KindDef>>,
    /// The stored versions by group and kind.
    kinds: BTreeMap<Text, BTreeMap<Text, Arc<KindDef>>>,
    /// What was defined at run time, by the defining object.
    defined: BTreeMap<Key, Defined>,
}

impl Registry {
    /// The built-in kinds.
    pub fn builtin() -> &'static Arc<Self> {
        static BUILTIN: OnceLock<Arc<Registry>> = OnceLock::new();
        BUILTIN.get_or_init(|| Arc::new(Registry::new(crate::declared())))
    }

    pub fn new(kinds: impl IntoIterator<Item = Arc<KindDef>>) -> Self {
        let mut registry = Self::default();
        for def in kinds {
            registry.add(def);
        }
        registry
    }

    /// The table after an object was written or removed; `None` when nothing is served otherwise.
    pub fn after(&self, key: &Key, revision: u64, body: Option<&[u8]>) -> Option<Self> {
        let defines = Self::builtin().find(&key.kind)?.defines?;
        let stamp = body.map(defines.stamp).unwrap_or_default();
        let known = self.defined.get(key).map_or("", |defined| &defined.stamp);
        if stamp == known {
            return None;
        }
        let mut defined = self.defined.clone();
        match body.filter(|_| !stamp.is_empty()) {
            Some(body) => {
                let kinds = (defines.kinds)(body, revision).into_iter().map(Arc::new).collect();
                defined.insert(key.clone(), Defined { stamp, kinds });
            }
            None => drop(defined.remove(key)),
        }
        let custom = defined.values().flat_map(|defined| &defined.kinds);
        let mut registry = Self::new(Self::builtin().all.iter().chain(custom).cloned());
        registry.defined = defined;
        Some(registry)
    }

    fn add(&mut self, def: Arc<KindDef>) {
        if def.is_served() {
            let versions = self.served.entry(def.group.clone()).or_default();
            let kinds = versions.entry(def.version.clone()).or_default();
            kinds.insert(def.plural.clone(), def.clone());
        }
        if def.is_stored() {
            self.stored.insert(def.name.clone(), def.clone());
            let of_group = self.kinds.entry(def.group.clone()).or_default();
            of_group.insert(def.kind.clone(), def.clone());
        }
        self.all.push(def);
    }

    /// Every kind in every version, in the order of discovery.
    pub fn all(&self) -> &[Arc<KindDef>] {
        &self.all
    }

    /// Every kind in every version that requests may name, in the order of discovery.
    pub fn served(&self) -> impl Iterator<Item = &Arc<KindDef>> {
        self.all.iter().filter(|def| def.is_served())
    }

    /// Every kind once, in the version that is stored.
    pub fn stored(&self) -> impl Iterator<Item = &Arc<KindDef>> {
        self.all.iter().filter(|def| def.is_stored())
    }

    /// Every kind once that objects define, in the version that is stored.
    pub fn custom(&self) -> impl Iterator<Item = &Arc<KindDef>> {
        self.defined.values().flat_map(|defined| &defined.kinds).filter(|def| def.is_stored())
    }

    /// The stored version of a kind, by the name under which it is stored.
    pub fn find(&self, name: &str) -> Option<&Arc<KindDef>> {
        self.stored.get(name)
    }

    /// The kind behind `/apis/GROUP/VERSION/…/PLURAL`.
    pub fn find_served(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<KindDef>> {
        self.served.get(group)?.get(version)?.get(plural)
    }

    /// Whether anything is served under a group and version.
    pub fn serves(&self, group: &str, version: &str) -> bool {
        self.served.get(group).is_some_and(|versions| versions.contains_key(version))
    }

    /// The kind by what objects say of themselves: `apps/v1`, `Deployment`.
    pub fn find_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<KindDef>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kinds = self.served.get(group)?.get(version)?;
        kinds.values().find(|def| def.kind == kind)
    }

    /// The stored version of a kind, by its group and kind.
    pub fn find_stored(&self, group: &str, kind: &str) -> Option<&Arc<KindDef>> {
        self.kinds.get(group)?.get(kind)
    }
}

/// The declaration of a further version, whose stored one is among `kinds`.
pub(crate) fn version_of<V: Version>(kinds: &[Arc<KindDef>]) -> Arc<KindDef> {
    let hub = KindDef::of::<V::Hub>();
    let hub = kinds.iter().find(|def| def.name == hub.name);
    Arc::new(KindDef::version_of::<V>(hub.expect("the stored version stands in the list")))
}

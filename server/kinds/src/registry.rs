//! The table of all kinds that are served at one moment: the built-in ones and those that objects
//! define at run time. It is never changed, only replaced whole.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use object::KindName;

use crate::{KindDef, Text, Version};

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

    fn add(&mut self, def: Arc<KindDef>) {
        let versions = self.served.entry(def.group.clone()).or_default();
        let kinds = versions.entry(def.version.clone()).or_default();
        kinds.insert(def.plural.clone(), def.clone());
        if def.is_stored() {
            self.stored.insert(def.name.clone(), def.clone());
            let of_group = self.kinds.entry(def.group.clone()).or_default();
            of_group.insert(def.kind.clone(), def.clone());
        }
        self.all.push(def);
    }

    /// Every kind in every version that is served, in the order of discovery.
    pub fn all(&self) -> &[Arc<KindDef>] {
        &self.all
    }

    /// Every kind once, in the version that is stored.
    pub fn stored(&self) -> impl Iterator<Item = &Arc<KindDef>> {
        self.all.iter().filter(|def| def.is_stored())
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

//! A read-only, indexed snapshot of objects. Cloning is cheap: the maps are persistent.

mod entry;
mod labels;
mod summary;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use k8s_openapi::Resource;
use kinds::{Kind, Registry, Text};
use object::{Key, KindName, selector::LabelSelector};

use labels::{
    demand_name, demands, has_same_names, held_name, index_name, is_nothing, label_names, orphaned,
};

pub use entry::{Change, Entry};
pub use summary::{DnsName, HostPort, NamedPort, NodeSummary, Phase, PodSummary};

#[derive(Clone)]
pub struct World {
    /// The kinds that are known, those among them that objects of this world define.
    kinds: Arc<Registry>,
    objects: OrdMap<Key, Arc<Entry>>,
    by_owner: OrdSet<(Arc<str>, Key)>,
    /// Uid of an owner and a finalizer in one, key: what a controller has yet to account for.
    held: OrdSet<(Arc<str>, Key)>,
    /// Kind, field, value, key.
    by_field: OrdSet<(KindName, Text, Arc<str>, Key)>,
    /// Kind, namespace and `label=value` in one, key.
    by_label: OrdSet<(Arc<str>, Key)>,
    /// The same for selectors: each stands under one label that it demands, or under none.
    by_demand: OrdSet<(Arc<str>, Key)>,
    revisions: OrdMap<KindName, u64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            kinds: Registry::builtin().clone(),
            objects: OrdMap::default(),
            by_owner: OrdSet::default(),
            held: OrdSet::default(),
            by_field: OrdSet::default(),
            by_label: OrdSet::default(),
            by_demand: OrdSet::default(),
            revisions: OrdMap::default(),
        }
    }
}

impl World {
    pub fn kinds(&self) -> &Arc<Registry> {
        &self.kinds
    }

    /// Takes an object in (`Some`) or out (`None`) and says what changed. A body that is older than
    /// what is there changes nothing.
    pub fn apply(&mut self, key: Key, revision: u64, body: Option<Bytes>) -> Option<Change> {
        let old = self.objects.get(&key).cloned();
        if old.as_ref().is_some_and(|old| old.revision >= revision) {
            return None;
        }
        self.reach(&key.kind, revision);
        if let Some(kinds) = self.kinds.after(&key, revision, body.as_deref()) {
            self.kinds = Arc::new(kinds);
        }
        let new = match body {
            Some(body) => Some(Arc::new(Entry::new(key.clone(), revision, body)?)),
            None => None,
        };
        if let Some(old) = &old {
            self.unindex(old, new.as_deref());
        }
        match &new {
            Some(new) => {
                self.index(new, old.as_deref());
                self.objects.insert(key.clone(), new.clone());
            }
            None => {
                self.objects.remove(&key);
            }
        }
        (old.is_some() || new.is_some()).then_some(Change { key, old, new })
    }

    /// Notes that every change of a kind up to a revision was seen.
    pub fn reach(&mut self, kind: &KindName, revision: u64) {
        let reached = self.revisions.entry(kind.clone()).or_insert(0);
        *reached = (*reached).max(revision);
    }

    /// The newest revision of a kind that this world has seen.
    pub fn revision(&self, kind: &str) -> u64 {
        self.revisions.get(kind).copied().unwrap_or(0)
    }

    pub fn entry(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.objects.get(key)
    }

    /// Every object, in order of kind, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.objects.values()
    }

    /// One object, decoded.
    pub fn get<K: Kind>(&self, namespace: &str, name: &str) -> Option<K::Object> {
        self.entry(&Key::new(kind_name::<K>(), namespace, name))?.decode::<K>()
    }

    /// The objects of a kind, in order of namespace and name.
    pub fn of_kind<'w>(&'w self, kind: &str) -> impl Iterator<Item = &'w Arc<Entry>> {
        let kind = KindName::from(kind);
        let from = Key { kind: kind.clone(), namespace: "".into(), name: "".into() };
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.kind == kind)
            .map(|(_, entry)| entry)
    }

    /// The objects of a kind in one namespace, in order of name.
    pub fn in_namespace<'w>(
        &'w self,
        kind: &str,
        namespace: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        let from = Key::new(kind, namespace, "");
        let (kind, namespace) = (from.kind.clone(), from.namespace.clone());
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, entry)| entry)
    }

    /// The objects of any kind that name this uid among their owners.
    pub fn owned_by<'w>(&'w self, uid: &str) -> impl Iterator<Item = &'w Arc<Entry>> {
        let uid: Arc<str> = uid.into();
        let from = (uid.clone(), Key::new("", "", ""));
        self.by_owner
            .range(from..)
            .take_while(move |(owner, _)| *owner == uid)
            .filter_map(|(_, key)| self.objects.get(key))
    }

    /// Of the objects that name this uid among their owners, those that a finalizer holds.
    pub fn held_by<'w>(
        &'w self,
        uid: &str,
        finalizer: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        self.under(&self.held, held_name(uid, finalizer)).filter_map(|key| self.objects.get(key))
    }

    /// The objects of a kind whose declared field has this value (`spec.nodeName` of pods).
    pub fn with_field<'w>(
        &'w self,
        kind: &str,
        path: &'static str,
        value: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        let kind = KindName::from(kind);
        let value: Arc<str> = value.into();
        let from = (kind.clone(), path.into(), value.clone(), Key::new("", "", ""));
        self.by_field
            .range(from..)
            .take_while(move |(k, p, v, _)| *k == kind && *p == path && *v == value)
            .filter_map(|(_, _, _, key)| self.objects.get(key))
    }

    /// The objects of a kind in one namespace that have this label, in order of name.
    pub fn labelled<'w>(
        &'w self,
        kind: &str,
        namespace: &str,
        label: &str,
        value: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        let name = index_name(kind, namespace, label, value);
        self.under(&self.by_label, name).filter_map(|key| self.objects.get(key))
    }

    /// The objects of a kind in one namespace that a selector means, in order of name.
    pub fn selected<'w>(
        &'w self,
        kind: &str,
        namespace: &str,
        selector: &LabelSelector,
    ) -> Vec<&'w Arc<Entry>> {
        let matches = |entry: &&'w Arc<Entry>| selector.matches(&entry.meta.labels);
        match self.rarest_label(kind, namespace, selector) {
            Some(label) => self
                .under(&self.by_label, label)
                .filter_map(|key| self.objects.get(key))
                .filter(matches)
                .collect(),
            None if is_nothing(selector) => Vec::new(),
            None => self.in_namespace(kind, namespace).filter(matches).collect(),
        }
    }

    /// Of the labels that the selector demands, the one that the fewest objects have; found by
    /// walking all of them until the first ends.
    fn rarest_label(
        &self,
        kind: &str,
        namespace: &str,
        selector: &LabelSelector,
    ) -> Option<Arc<str>> {
        let labels: Vec<Arc<str>> = demands(selector)
            .map(|(label, value)| index_name(kind, namespace, label, value))
            .collect();
        if labels.len() < 2 {
            return labels.into_iter().next();
        }
        let mut walks: Vec<_> =
            labels.iter().map(|label| self.under(&self.by_label, label.clone())).collect();
        let shortest = loop {
            if let Some(at) = walks.iter_mut().position(|walk| walk.next().is_none()) {
                break at;
            }
        };
        Some(labels[shortest].clone())
    }

    /// The objects of a kind (Services, ReplicaSets, Deployments) whose selector means an object
    /// of the namespace with these labels.
    pub fn selecting<'w>(
        &'w self,
        kind: &'w str,
        namespace: &'w str,
        labels: &'w BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        let names = labels.iter().map(move |(l, v)| index_name(kind, namespace, l, v));
        std::iter::once(index_name(kind, namespace, "", ""))
            .chain(names)
            .flat_map(|name| self.under(&self.by_demand, name))
            .filter_map(|key| self.objects.get(key))
            .filter(|entry| entry.selector().is_some_and(|selector| selector.matches(labels)))
    }

    /// The same, of those that no controller has: pods of others are not walked.
    pub fn orphans<'w>(
        &'w self,
        kind: &str,
        namespace: &str,
        selector: &LabelSelector,
    ) -> Vec<&'w Arc<Entry>> {
        let is_meant = |entry: &&'w Arc<Entry>| {
            entry.meta.controller().is_none() && selector.matches(&entry.meta.labels)
        };
        match self.rarest_label(&orphaned(kind), namespace, selector) {
            Some(label) => self
                .under(&self.by_label, label)
                .filter_map(|key| self.objects.get(key))
                .filter(is_meant)
                .collect(),
            None if is_nothing(selector) => Vec::new(),
            None => self.in_namespace(kind, namespace).filter(is_meant).collect(),
        }
    }

    /// The pods that use a volume claim.
    pub fn using_claim<'w>(
        &'w self,
        namespace: &str,
        claim: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> + use<'w> {
        self.named(labels::using(namespace, claim))
    }

    /// The volume claims that have no volume yet.
    pub fn unbound_claims(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.named(labels::UNBOUND.into())
    }

    /// The volumes of a class that no claim has.
    pub fn volumes_of_class<'w>(
        &'w self,
        class: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> + use<'w> {
        self.named(labels::free(class))
    }

    /// The volumes that name a claim.
    pub fn volumes_for<'w>(
        &'w self,
        namespace: &str,
        claim: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> + use<'w> {
        self.named(labels::made_for(namespace, claim))
    }

    fn named(&self, name: Arc<str>) -> impl Iterator<Item = &Arc<Entry>> {
        self.under(&self.by_label, name).filter_map(|key| self.objects.get(key))
    }

    fn under<'w>(
        &'w self,
        index: &'w OrdSet<(Arc<str>, Key)>,
        name: Arc<str>,
    ) -> impl Iterator<Item = &'w Key> {
        let from = (name.clone(), Key::new("", "", ""));
        index.range(from..).take_while(move |(n, _)| *n == name).map(|(_, key)| key)
    }

    /// Puts an object into the indexes, but for what it shares with the one that it replaces.
    fn index(&mut self, entry: &Entry, old: Option<&Entry>) {
        let shared = Shared::of(entry, old);
        for name in label_names(entry).filter(|_| !shared.labels) {
            self.by_label.insert((name, entry.key.clone()));
        }
        if let Some(name) = demand_name(entry) {
            self.by_demand.insert((name, entry.key.clone()));
        }
        for owner in entry.meta.owner_references.iter().filter(|_| !shared.owners) {
            self.by_owner.insert((owner.uid.clone(), entry.key.clone()));
            for finalizer in &entry.meta.finalizers {
                self.held.insert((held_name(&owner.uid, finalizer), entry.key.clone()));
            }
        }
        for (path, value) in unlike(entry, old) {
            self.by_field.insert((
                entry.key.kind.clone(),
                path.clone(),
                value.as_str().into(),
                entry.key.clone(),
            ));
        }
    }

    /// Takes an object out of the indexes, but for what it shares with the one that replaces it.
    fn unindex(&mut self, entry: &Entry, new: Option<&Entry>) {
        let shared = Shared::of(entry, new);
        for name in label_names(entry).filter(|_| !shared.labels) {
            self.by_label.remove(&(name, entry.key.clone()));
        }
        if let Some(name) = demand_name(entry) {
            self.by_demand.remove(&(name, entry.key.clone()));
        }
        for owner in entry.meta.owner_references.iter().filter(|_| !shared.owners) {
            self.by_owner.remove(&(owner.uid.clone(), entry.key.clone()));
            for finalizer in &entry.meta.finalizers {
                self.held.remove(&(held_name(&owner.uid, finalizer), entry.key.clone()));
            }
        }
        for (path, value) in unlike(entry, new) {
            self.by_field.remove(&(
                entry.key.kind.clone(),
                path.clone(),
                value.as_str().into(),
                entry.key.clone(),
            ));
        }
    }
}

/// Which indexes hold two states of an object alike: most changes are those of a status.
struct Shared {
    labels: bool,
    owners: bool,
}

impl Shared {
    fn of(entry: &Entry, other: Option<&Entry>) -> Self {
        let Some(other) = other else { return Self { labels: false, owners: false } };
        let (meta, others) = (&entry.meta, &other.meta);
        let is_owned_alike = meta.owner_references == others.owner_references;
        Self {
            labels: is_owned_alike && meta.labels == others.labels && has_same_names(entry, other),
            owners: is_owned_alike && meta.finalizers == others.finalizers,
        }
    }
}

/// The fields whose values another state of the object does not have.
fn unlike<'e>(
    entry: &'e Entry,
    other: Option<&'e Entry>,
) -> impl Iterator<Item = &'e (Text, String)> {
    let fields = entry.fields.iter().enumerate();
    let differs = move |(at, field): &(usize, &(Text, String))| {
        other.is_none_or(|other| other.fields.get(*at) != Some(field))
    };
    fields.filter(differs).map(|(_, field)| field)
}

/// The name under which a kind's objects are stored.
pub fn kind_name<K: Kind>() -> KindName {
    KindName::new(<K::Object as Resource>::URL_PATH_SEGMENT, <K::Object as Resource>::GROUP)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, owner: &str) -> Bytes {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "d", "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": owner}]},
            "spec": {"nodeName": node, "containers": []}})
        .to_string()
        .into()
    }

    #[test]
    fn indexes_follow_changes() {
        let mut world = World::default();
        let key = Key::new("pods", "d", "a");
        world.apply(key.clone(), 1, Some(pod("a", "one", "u"))).unwrap();
        assert_eq!(world.with_field("pods", "spec.nodeName", "one").count(), 1);
        assert!(world.apply(key.clone(), 1, None).is_none(), "an old change does nothing");
        let snapshot = world.clone();
        world.apply(key.clone(), 2, Some(pod("a", "two", "v"))).unwrap();
        assert_eq!(world.with_field("pods", "spec.nodeName", "one").count(), 0);
        assert_eq!(world.owned_by("v").count(), 1);
        assert_eq!(snapshot.owned_by("u").count(), 1);
        world.apply(key, 3, None).unwrap();
        assert_eq!(world.of_kind("pods").count() + world.owned_by("v").count(), 0);
    }

    /// What two states of an object share is neither taken out nor put in again.
    #[test]
    fn indexes_are_as_if_built_anew() {
        let owner = |uid: &str| json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": uid, "controller": true}]);
        let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
        let states = [
            json!({"metadata": {}}),
            json!({"metadata": {"labels": {"a": "b"}}}),
            json!({"metadata": {"labels": {"a": "c"}, "ownerReferences": owner("u")}}),
            json!({"metadata": {"labels": {"a": "c"}, "ownerReferences": owner("v")}}),
            json!({"metadata": {"ownerReferences": owner("u"), "finalizers": ["f/f"]}}),
            json!({"metadata": {"labels": {"a": "c"}}, "spec": {"nodeName": "one"}}),
            json!({"metadata": {"labels": {"a": "c"}}, "spec": {"nodeName": "two", "volumes": volumes}}),
        ];
        let claims = [
            json!({"metadata": {}, "spec": {}}),
            json!({"metadata": {}, "spec": {"volumeName": "v"}}),
        ];
        check_indexes(&Key::new("pods", "d", "a"), &states);
        check_indexes(&Key::new("persistentvolumeclaims", "d", "a"), &claims);
    }

    fn check_indexes(key: &Key, states: &[serde_json::Value]) {
        let body = |state: &serde_json::Value| Some(Bytes::from(state.to_string()));
        for (old, new) in states.iter().flat_map(|old| states.iter().map(move |new| (old, new))) {
            let (mut world, mut fresh) = (World::default(), World::default());
            world.apply(key.clone(), 1, body(old)).unwrap();
            world.apply(key.clone(), 2, body(new)).unwrap();
            fresh.apply(key.clone(), 2, body(new)).unwrap();
            assert_eq!(world.by_label, fresh.by_label, "{old} {new}");
            assert_eq!(world.by_owner, fresh.by_owner, "{old} {new}");
            assert_eq!(world.held, fresh.held, "{old} {new}");
            assert_eq!(world.by_field, fresh.by_field, "{old} {new}");
        }
    }
}

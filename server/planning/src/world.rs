//! A read-only, indexed snapshot of objects. Cloning is cheap: the maps are persistent.

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use k8s_openapi::Resource;
use kinds::Kind;
use object::{Key, KindName, Meta};

/// One object of the world: its bytes, its metadata and the values of its kind's fields.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    pub revision: u64,
    /// May lack metadata.resourceVersion; `revision` is it.
    pub body: Bytes,
    pub meta: Meta,
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// Reads metadata and the declared fields. `None` when the body is not an object of its kind,
    /// which the API never stores.
    pub fn new(key: Key, revision: u64, body: Bytes) -> Option<Self> {
        let meta = Meta::read(&body).ok()?;
        let def = kinds::find(&key.kind);
        let fields = match def.filter(|def| !def.fields.is_empty()) {
            Some(def) => (def.decode)(&body).ok()?.fields(),
            None => Vec::new(),
        };
        Some(Self { key, revision, body, meta, fields })
    }

    /// The object itself with its resourceVersion. Decoding costs some 16 us for a pod; keep what
    /// you need, drop the rest.
    pub fn decode<K: Kind>(&self) -> Option<K::Object> {
        let body = match self.meta.resource_version {
            Some(_) => self.body.clone(),
            None => object::body::splice(&self.body, self.revision),
        };
        serde_json::from_slice(&body).ok()
    }

    pub fn field(&self, path: &str) -> &str {
        self.fields.iter().find(|(p, _)| *p == path).map_or("", |(_, value)| value)
    }
}

/// A change of one object as the world sees it.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: Key,
    pub old: Option<Arc<Entry>>,
    pub new: Option<Arc<Entry>>,
}

impl Change {
    /// The old and the new object, where they exist: a relabelled pod wakes both owners.
    pub fn both(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.old.iter().chain(&self.new)
    }
}

#[derive(Clone, Default)]
pub struct World {
    objects: OrdMap<Key, Arc<Entry>>,
    by_owner: OrdSet<(Arc<str>, Key)>,
    /// Kind, field, value, key.
    by_field: OrdSet<(KindName, &'static str, Arc<str>, Key)>,
    revisions: OrdMap<KindName, u64>,
}

impl World {
    /// Takes an object in (`Some`) or out (`None`) and says what changed. A body that is older than
    /// what is there changes nothing.
    pub fn apply(&mut self, key: Key, revision: u64, body: Option<Bytes>) -> Option<Change> {
        let old = self.objects.get(&key).cloned();
        if old.as_ref().is_some_and(|old| old.revision >= revision) {
            return None;
        }
        self.reach(&key.kind, revision);
        let new = match body {
            Some(body) => Some(Arc::new(Entry::new(key.clone(), revision, body)?)),
            None => None,
        };
        if let Some(old) = &old {
            self.unindex(old);
        }
        match &new {
            Some(new) => {
                self.index(new);
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

    /// The objects of a kind whose declared field has this value (`spec.nodeName` of pods).
    pub fn with_field<'w>(
        &'w self,
        kind: &str,
        path: &'static str,
        value: &str,
    ) -> impl Iterator<Item = &'w Arc<Entry>> {
        let kind = KindName::from(kind);
        let value: Arc<str> = value.into();
        let from = (kind.clone(), path, value.clone(), Key::new("", "", ""));
        self.by_field
            .range(from..)
            .take_while(move |(k, p, v, _)| *k == kind && *p == path && *v == value)
            .filter_map(|(_, _, _, key)| self.objects.get(key))
    }

    fn index(&mut self, entry: &Entry) {
        for owner in &entry.meta.owner_references {
            self.by_owner.insert((owner.uid.clone(), entry.key.clone()));
        }
        for (path, value) in &entry.fields {
            self.by_field.insert((
                entry.key.kind.clone(),
                path,
                value.as_str().into(),
                entry.key.clone(),
            ));
        }
    }

    fn unindex(&mut self, entry: &Entry) {
        for owner in &entry.meta.owner_references {
            self.by_owner.remove(&(owner.uid.clone(), entry.key.clone()));
        }
        for (path, value) in &entry.fields {
            self.by_field.remove(&(
                entry.key.kind.clone(),
                *path,
                value.as_str().into(),
                entry.key.clone(),
            ));
        }
    }
}

/// The name under which a kind's objects are stored.
pub fn kind_name<K: Kind>() -> KindName {
    KindName::new(<K::Object as Resource>::URL_PATH_SEGMENT, <K::Object as Resource>::GROUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: &str, owner: &str) -> Bytes {
        serde_json::json!({"apiVersion": "v1", "kind": "Pod",
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
}

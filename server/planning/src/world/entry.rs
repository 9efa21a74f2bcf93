//! One object of the world, and one change of it.

use std::sync::Arc;

use bytes::Bytes;
use kinds::{Kind, Text};
use object::{Key, Meta, selector::LabelSelector};
use serde::de::DeserializeOwned;

use super::summary::{NodeSummary, PodSummary, Summary};

/// One object of the world: its bytes, its metadata, the values of its kind's fields and what
/// plans need of it most.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    pub revision: u64,
    /// May lack metadata.resourceVersion; `revision` is it.
    pub body: Bytes,
    pub meta: Meta,
    pub fields: Vec<(Text, String)>,
    summary: Summary,
}

impl Entry {
    /// Reads metadata, the declared fields and the summary. `None` when the body is not an object
    /// of its kind, which the API never stores.
    pub fn new(key: Key, revision: u64, body: Bytes) -> Option<Self> {
        let meta = Meta::read(&body).ok()?;
        let def = kinds::find(&key.kind).filter(|def| !def.fields.is_empty());
        let decoded = match def {
            Some(def) => {
                let owned = object::body::without_owners(&body);
                Some(def.codec.decode(owned.as_deref().unwrap_or(&body)).ok()?)
            }
            None => None,
        };
        let fields = decoded.as_ref().map_or_else(Vec::new, |object| object.fields());
        let summary = Summary::of(&key.kind, &body, decoded.as_deref());
        Some(Self { key, revision, body, meta, fields, summary })
    }

    /// The object itself with its resourceVersion. Decoding costs some 16 us for a pod; keep what
    /// you need, drop the rest.
    pub fn decode<K: Kind>(&self) -> Option<K::Object> {
        self.read()
    }

    /// The same as any type that has the object's shape.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let body = match self.meta.resource_version {
            Some(_) => self.body.clone(),
            None => object::body::splice(&self.body, self.revision),
        };
        serde_json::from_slice(&body).ok()
    }

    pub fn field(&self, path: &str) -> &str {
        self.fields.iter().find(|(p, _)| *p == path).map_or("", |(_, value)| value)
    }

    /// Of a pod.
    pub fn pod(&self) -> Option<&PodSummary> {
        match &self.summary {
            Summary::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// Of a node.
    pub fn node(&self) -> Option<&NodeSummary> {
        match &self.summary {
            Summary::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Of a volume claim: whether it has no volume yet.
    pub fn is_unbound_claim(&self) -> bool {
        matches!(self.summary, Summary::Claim { is_unbound: true })
    }

    /// Of a volume that no claim has: its class.
    pub fn free_in_class(&self) -> Option<&str> {
        match &self.summary {
            Summary::Volume { free_in_class, .. } => free_in_class.as_deref(),
            _ => None,
        }
    }

    /// Of a volume: the namespace and name of the claim that it names.
    pub fn volumes_claim(&self) -> Option<(&str, &str)> {
        match &self.summary {
            Summary::Volume { claim: Some((namespace, name)), .. } => Some((namespace, name)),
            _ => None,
        }
    }

    /// Of the kinds that select pods: which ones it means.
    pub fn selector(&self) -> Option<&LabelSelector> {
        match &self.summary {
            Summary::Selector(selector) => Some(selector),
            _ => None,
        }
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

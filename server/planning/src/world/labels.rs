//! Under which names the world's indexes hold labels, and the labels that selectors demand.

use std::sync::Arc;

use object::{
    Key,
    selector::{LabelSelector, Operator},
};

use super::Entry;

pub(super) fn index_name(kind: &str, namespace: &str, label: &str, value: &str) -> Arc<str> {
    // Neither kinds, namespaces nor the keys of labels contain a space or `=`.
    format!("{kind} {namespace} {label}={value}").into()
}

pub(super) fn held_name(uid: &str, finalizer: &str) -> Arc<str> {
    format!("{uid} {finalizer}").into()
}

/// Under which name the labels of objects stand that no controller has.
pub(super) fn orphaned(kind: &str) -> String {
    format!("{kind}!")
}

pub(super) fn label_names(entry: &Entry) -> impl Iterator<Item = Arc<str>> {
    let Key { kind, namespace, .. } = &entry.key;
    let is_orphan = entry.meta.controller().is_none();
    let own = entry.meta.labels.iter().map(move |(l, v)| index_name(kind, namespace, l, v));
    let orphans = entry.meta.labels.iter().filter(move |_| is_orphan);
    let more = more_names(entry).into_iter();
    more.chain(own).chain(orphans.map(move |(l, v)| index_name(&orphaned(kind), namespace, l, v)))
}

/// Pods by the claims that they use, claims that have no volume, volumes that no claim has.
fn more_names(entry: &Entry) -> Vec<Arc<str>> {
    if let Some(pod) = entry.pod() {
        return pod.claims.iter().map(|claim| using(&entry.key.namespace, claim)).collect();
    }
    if entry.is_unbound_claim() {
        return vec![UNBOUND.into()];
    }
    let named = entry.volumes_claim().map(|(namespace, name)| made_for(namespace, name));
    entry.free_in_class().map(free).into_iter().chain(named).collect()
}

/// Whether two states of an object stand under the same names beside their labels'.
pub(super) fn has_same_names(entry: &Entry, other: &Entry) -> bool {
    match (entry.pod(), other.pod()) {
        (Some(pod), Some(others)) => pod.claims == others.claims,
        _ => more_names(entry) == more_names(other),
    }
}

pub(super) const UNBOUND: &str = "claims without volume";

pub(super) fn using(namespace: &str, claim: &str) -> Arc<str> {
    index_name("users of claim", namespace, claim, "")
}

pub(super) fn made_for(namespace: &str, claim: &str) -> Arc<str> {
    index_name("volumes of claim", namespace, claim, "")
}

pub(super) fn free(class: &str) -> Arc<str> {
    index_name("free volumes of class", "", class, "")
}

/// The labels with the values that a selector demands for certain.
pub(super) fn demands(selector: &LabelSelector) -> impl Iterator<Item = (&str, &str)> {
    selector.requirements().iter().filter_map(|requirement| {
        let exact = matches!(requirement.operator(), Operator::Equals | Operator::In);
        let mut values = requirement.values().filter(|_| exact);
        let value = values.next()?;
        values.next().is_none().then_some((requirement.key(), value))
    })
}

pub(super) fn is_nothing(selector: &LabelSelector) -> bool {
    selector.requirements().is_empty() && !selector.is_everything()
}

pub(super) fn demand_name(entry: &Entry) -> Option<Arc<str>> {
    let selector = entry.selector()?;
    if is_nothing(selector) {
        return None;
    }
    let (label, value) = demands(selector).next().unwrap_or(("", ""));
    Some(index_name(&entry.key.kind, &entry.key.namespace, label, value))
}

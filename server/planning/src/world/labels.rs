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
    own.chain(orphans.map(move |(l, v)| index_name(&orphaned(kind), namespace, l, v)))
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

//! What services say that they serve, kept between two looks, and shown in discovery.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use planning::aggregation::{Remote, Remotes};
use serde_json::{Value, json};

/// By name of the APIService.
#[derive(Default)]
pub(crate) struct Discovered(Mutex<BTreeMap<String, Found>>);

/// What one service told last.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// The `resources` of its `APIResourceList`.
    pub(super) resources: Vec<Value>,
    /// The hash of its OpenAPI document, if it has one.
    pub(super) schema_hash: Option<String>,
}

impl Discovered {
    pub(super) fn set(&self, remote: &Remote, found: Found) {
        self.all().insert(remote.name(), found);
    }

    /// Forgets what is not served elsewhere any more.
    pub(super) fn keep(&self, remotes: &Remotes) {
        let names: Vec<String> = remotes.all().iter().map(|remote| remote.name()).collect();
        self.all().retain(|name, _| names.contains(name));
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Found>> {
        // Entries are replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, remote: &Remote) -> Found {
        self.all().get(&remote.name()).cloned().unwrap_or_default()
    }

    /// Adds what is served elsewhere to the aggregated document of all groups.
    pub(crate) fn extend_aggregated(&self, document: &mut Value, remotes: &Remotes) {
        let Some(items) = document["items"].as_array_mut() else { return };
        for remote in remotes.all() {
            let freshness = if remote.is_available { "Current" } else { "Stale" };
            let resources = aggregate(remote, &self.of(remote).resources);
            let version = json!({
                "version": remote.version, "resources": resources, "freshness": freshness,
            });
            let group = items.iter_mut().find(|item| item["metadata"]["name"] == *remote.group);
            match group.and_then(|group| group["versions"].as_array_mut()) {
                Some(versions) => versions.push(version),
                None => {
                    items.push(json!({"metadata": {"name": remote.group}, "versions": [version]}))
                }
            }
        }
    }

    /// Where the schemas of what is served elsewhere are, with their hashes.
    pub(crate) fn schemas(&self, remotes: &Remotes) -> Vec<(String, String)> {
        let available = remotes.all().into_iter().filter(|remote| remote.is_available);
        available
            .filter_map(|remote| {
                let path = format!("apis/{}/{}", remote.group, remote.version);
                Some((path, self.of(remote).schema_hash?))
            })
            .collect()
    }
}

/// Adds the groups that are served elsewhere to an `APIGroupList`.
pub(crate) fn extend_groups(document: &mut Value, remotes: &Remotes) {
    let Some(groups) = document.get_mut("groups").and_then(Value::as_array_mut) else { return };
    for remote in remotes.all() {
        let version = version_of(remote);
        let known = groups.iter_mut().find(|group| group["name"] == *remote.group);
        match known.and_then(|group| group["versions"].as_array_mut()) {
            Some(versions) => versions.push(version),
            None => groups.push(json!({
                "name": remote.group, "preferredVersion": version, "versions": [version],
            })),
        }
    }
}

/// A group that is served elsewhere, in all its versions.
pub(crate) fn group(name: &str, remotes: &Remotes) -> Option<Value> {
    let remotes = remotes.all().into_iter().filter(|remote| remote.group == name);
    let versions: Vec<Value> = remotes.map(|remote| version_of(remote)).collect();
    let preferred = versions.first()?.clone();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn version_of(remote: &Remote) -> Value {
    let group_version = format!("{}/{}", remote.group, remote.version);
    json!({"groupVersion": group_version, "version": remote.version})
}

/// Resources of an `APIResourceList` in the form of aggregated discovery: parts stand within what
/// they are parts of.
fn aggregate(remote: &Remote, resources: &[Value]) -> Vec<Value> {
    let name = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
    let or = |one: &Value, field: &str, fallback: &str| {
        let text = one[field].as_str().filter(|text| !text.is_empty());
        text.unwrap_or(fallback).to_owned()
    };
    let kind = |one: &Value| {
        json!({
            "group": or(one, "group", &remote.group),
            "version": or(one, "version", &remote.version), "kind": one["kind"],
        })
    };
    let parts_of = |whole: &str| -> Vec<Value> {
        let parts = resources.iter().filter_map(|one| {
            let name = name(one);
            let part = name.strip_prefix(whole)?.strip_prefix('/')?;
            Some(json!({
                "subresource": part, "responseKind": kind(one), "verbs": one["verbs"],
            }))
        });
        parts.collect()
    };
    let wholes = resources.iter().filter(|one| !name(one).contains('/'));
    wholes
        .map(|one| {
            let scope = if one["namespaced"] == true { "Namespaced" } else { "Cluster" };
            let mut shown = json!({
                "resource": one["name"], "responseKind": kind(one), "scope": scope,
                "singularResource": or(one, "singularName", ""), "verbs": one["verbs"],
            });
            for field in ["shortNames", "categories"] {
                if one[field].is_array() {
                    shown[field] = one[field].clone();
                }
            }
            let parts = parts_of(&name(one));
            if !parts.is_empty() {
                shown["subresources"] = parts.into();
            }
            shown
        })
        .collect()
}

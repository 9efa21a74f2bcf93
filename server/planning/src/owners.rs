//! Owner references: who controls an object, and the taking and giving up of objects by selector.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kinds::Registry;
use object::{Key, OwnerRef, selector::LabelSelector};
use serde_json::{Value, json};

use crate::{Action, Change, Entry, World};

/// The reference by which `owner` controls an object.
pub fn controller_reference(owner: &Entry) -> OwnerReference {
    let def = kinds::find(&owner.key.kind);
    OwnerReference {
        api_version: def.map_or("", |def| &def.api_version).to_owned(),
        kind: def.map_or("", |def| &def.kind).to_owned(),
        name: owner.key.name.to_string(),
        uid: owner.meta.uid.to_string(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The key of an owner: owners stand in their object's namespace or in none. `None` for a kind
/// that is not built in, and for an owner in a namespace of an object that is in none.
pub fn owner_key(owner: &OwnerRef, namespace: &str) -> Option<Key> {
    key_among(Registry::builtin(), owner, namespace)
}

/// As [`owner_key`], for owners of kinds that users define, too.
pub fn any_owner_key(world: &World, owner: &OwnerRef, namespace: &str) -> Option<Key> {
    key_among(world.kinds(), owner, namespace)
}

fn key_among(kinds: &Registry, owner: &OwnerRef, namespace: &str) -> Option<Key> {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let def = kinds.find_stored(group, &owner.kind)?;
    let namespace = if def.is_namespaced() { namespace } else { "" };
    let is_possible = def.is_namespaced() != namespace.is_empty();
    is_possible.then(|| Key::new(def.name.clone(), namespace, &owner.name))
}

/// The keys of a kind that a change of one of its dependents wakes: its controller before and
/// after, or, while it has none, whoever selects it.
pub fn keys_of_owners(change: &Change, world: &World, kind: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = change
        .both()
        .filter_map(|entry| owner_key(entry.meta.controller()?, &entry.key.namespace))
        .filter(|key| &*key.kind == kind)
        .collect();
    if let Some(orphan) = change.new.as_ref().filter(|new| new.meta.controller().is_none()) {
        let selecting = world.selecting(kind, &orphan.key.namespace, &orphan.meta.labels);
        keys.extend(selecting.map(|entry| entry.key.clone()));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// What a controller controls of one kind, with the patches that take and give up objects.
pub struct Claim<'w> {
    pub owned: Vec<&'w Arc<Entry>>,
    pub actions: Vec<Action>,
}

/// Takes the objects without controller that the selector means, gives up those that it no longer
/// means. An owner that is being deleted does neither.
pub fn claim<'w>(
    world: &'w World,
    owner: &Entry,
    kind: &str,
    selector: &LabelSelector,
    may_adopt: impl Fn(&Entry) -> bool,
) -> Claim<'w> {
    let mut claim = Claim { owned: Vec::new(), actions: Vec::new() };
    for entry in world.owned_by(&owner.meta.uid).filter(|entry| &*entry.key.kind == kind) {
        if entry.meta.controller().is_none_or(|controller| controller.uid != owner.meta.uid) {
            continue;
        }
        if selector.matches(&entry.meta.labels) {
            claim.owned.push(entry);
        } else if !owner.meta.is_deleting() && !entry.meta.is_deleting() {
            claim.actions.push(set_owners(entry, |owners| {
                owners.retain(|reference| reference["uid"] != *owner.meta.uid);
            }));
        }
    }
    if !owner.meta.is_deleting() && !is_too_wide(selector) {
        let orphans = world.orphans(kind, &owner.key.namespace, selector);
        let may_adopt = |entry: &&Arc<Entry>| !entry.meta.is_deleting() && may_adopt(entry);
        for orphan in orphans.into_iter().filter(may_adopt) {
            claim.actions.push(set_owners(orphan, |owners| {
                owners.retain(|reference| reference["uid"] != *owner.meta.uid);
                owners.push(json!(controller_reference(owner)));
            }));
            claim.owned.push(orphan);
        }
    }
    claim
}

/// The API refuses an empty selector; if there is one, it must not take everything.
fn is_too_wide(selector: &LabelSelector) -> bool {
    selector.requirements().is_empty()
}

/// A patch that changes an object's owners, if nothing else changed it meanwhile.
pub fn set_owners(entry: &Entry, change: impl FnOnce(&mut Vec<Value>)) -> Action {
    let mut owners: Vec<Value> = entry.meta.owner_references.iter().map(to_json).collect();
    change(&mut owners);
    Action::Patch {
        key: entry.key.clone(),
        subresource: "",
        patch: json!({"metadata": {
            "uid": entry.meta.uid,
            "resourceVersion": entry.revision.to_string(),
            "ownerReferences": if owners.is_empty() { Value::Null } else { owners.into() },
        }}),
    }
}

fn to_json(owner: &OwnerRef) -> Value {
    let mut reference = json!({
        "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
    });
    if owner.controller {
        reference["controller"] = true.into();
    }
    if owner.block_owner_deletion {
        reference["blockOwnerDeletion"] = true.into();
    }
    reference
}

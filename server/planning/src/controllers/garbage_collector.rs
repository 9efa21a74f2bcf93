//! Deletes what has lost its owners, and carries out how an owner wants to be deleted.
//!
//! An owner is looked for afresh before anything is deleted for its absence: a world sees each kind
//! at its own pace.

use std::sync::Arc;

use object::{Key, OwnerRef};
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World, owners};

pub const CONTROLLER: Controller =
    Controller { name: "garbage-collector", watches: &["*"], keys_for, plan };

/// The owner goes after its dependents.
const FOREGROUND: &str = "foregroundDeletion";
/// The owner's dependents stay.
const ORPHAN: &str = "orphan";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let mut keys = Vec::new();
    if let Some(new) = &change.new {
        let waits = new.meta.is_deleting() && waits_for_dependents(new).is_some();
        if waits || has_new_owners(change.old.as_deref(), new) {
            keys.push(new.key.clone());
        }
        // Dependents of an owner that has just begun to wait for them may go now.
        if waits {
            keys.extend(world.owned_by(&new.meta.uid).map(|entry| entry.key.clone()));
        }
    }
    if let Some(gone) = change.old.as_ref().filter(|old| is_replaced(old, change.new.as_deref())) {
        keys.extend(world.owned_by(&gone.meta.uid).map(|entry| entry.key.clone()));
    }
    // An owner that waits looks again when a dependent left or changed its owners.
    let owners = change.old.iter().flat_map(|old| {
        old.meta
            .owner_references
            .iter()
            .map(|owner| owners::any_owner_key(world, owner, &old.key.namespace))
    });
    keys.extend(owners.flatten().filter(|owner| {
        let entry = world.entry(owner);
        entry.is_some_and(|e| e.meta.is_deleting() && waits_for_dependents(e).is_some())
    }));
    keys.sort();
    keys.dedup();
    keys
}

fn has_new_owners(old: Option<&Entry>, new: &Entry) -> bool {
    !new.meta.owner_references.is_empty()
        && old.is_none_or(|old| old.meta.owner_references != new.meta.owner_references)
}

fn is_replaced(old: &Entry, new: Option<&Entry>) -> bool {
    new.is_none_or(|new| new.meta.uid != old.meta.uid)
}

fn waits_for_dependents(entry: &Entry) -> Option<&'static str> {
    [ORPHAN, FOREGROUND]
        .into_iter()
        .find(|finalizer| entry.meta.finalizers.iter().any(|name| name == finalizer))
}

/// Whether an object that is being deleted goes after its dependents.
fn waits(entry: &Entry) -> bool {
    entry.meta.is_deleting() && waits_for_dependents(entry) == Some(FOREGROUND)
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let actions = if entry.meta.is_deleting() {
        match waits_for_dependents(entry) {
            Some(ORPHAN) => orphan(round.world, entry),
            Some(_) => foreground(round.world, entry),
            None => Vec::new(),
        }
    } else {
        judge(round.world, entry)
    };
    Plan { actions, ..Plan::default() }
}

/// Frees the dependents of their owner, then the owner of the finalizer.
fn orphan(world: &World, owner: &Entry) -> Vec<Action> {
    let freed: Vec<Action> = dependents(world, owner)
        .map(|dependent| {
            owners::set_owners(dependent, |all| {
                all.retain(|reference| reference["uid"] != *owner.meta.uid);
            })
        })
        .collect();
    if freed.is_empty() { vec![without_finalizer(owner, ORPHAN)] } else { freed }
}

/// Waits until no dependent is left that blocks the owner; [`judge`] deletes them.
fn foreground(world: &World, owner: &Entry) -> Vec<Action> {
    let blocks = |dependent: &Arc<Entry>| {
        let mut references = dependent.meta.owner_references.iter();
        references.any(|one| one.uid == owner.meta.uid && one.block_owner_deletion)
    };
    if dependents(world, owner).any(blocks) {
        return Vec::new();
    }
    vec![without_finalizer(owner, FOREGROUND)]
}

/// Objects that name the owner, in its namespace or, for an owner of the cluster, anywhere.
fn dependents<'w>(world: &'w World, owner: &'w Entry) -> impl Iterator<Item = &'w Arc<Entry>> {
    world.owned_by(&owner.meta.uid).filter(|entry| {
        owner.key.namespace.is_empty() || entry.key.namespace == owner.key.namespace
    })
}

fn without_finalizer(entry: &Entry, finalizer: &str) -> Action {
    let left: Vec<&String> =
        entry.meta.finalizers.iter().filter(|name| *name != finalizer).collect();
    let patch = json!({"metadata": {
        "uid": entry.meta.uid,
        "resourceVersion": entry.revision.to_string(),
        "finalizers": if left.is_empty() { Value::Null } else { json!(left) },
    }});
    Action::Patch { key: entry.key.clone(), subresource: "", patch }
}

/// How it stands with one owner of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Solid,
    /// It is being deleted and waits for its dependents.
    Waiting,
    Absent,
}

fn standing(world: &World, owner: &OwnerRef, namespace: &str) -> (Standing, Option<Key>) {
    // Of a kind that we do not know, nothing can be said.
    let Some(key) = owners::any_owner_key(world, owner, namespace) else {
        return (Standing::Solid, None);
    };
    let standing = match world.entry(&key).filter(|entry| entry.meta.uid == owner.uid) {
        None => Standing::Absent,
        Some(entry) if waits(entry) => Standing::Waiting,
        Some(_) => Standing::Solid,
    };
    (standing, Some(key))
}

/// An object without owners that stay goes; references to owners that are gone go otherwise.
fn judge(world: &World, entry: &Entry) -> Vec<Action> {
    let references = &entry.meta.owner_references;
    let judged: Vec<(&OwnerRef, Standing, Option<Key>)> = references
        .iter()
        .map(|owner| {
            let (standing, key) = standing(world, owner, &entry.key.namespace);
            (owner, standing, key)
        })
        .collect();
    let is = |wanted: Standing| judged.iter().any(|(_, standing, _)| *standing == wanted);
    if judged.is_empty() || (!is(Standing::Absent) && !is(Standing::Waiting)) {
        return Vec::new();
    }
    let mut actions: Vec<Action> = judged
        .iter()
        .filter(|(_, standing, _)| *standing == Standing::Absent)
        .filter_map(|(owner, _, key)| {
            Some(Action::Absent { key: key.clone()?, uid: Some(owner.uid.clone()) })
        })
        .collect();
    if is(Standing::Solid) {
        let stays = |uid: &Value| {
            judged.iter().any(|(o, standing, _)| *uid == *o.uid && *standing == Standing::Solid)
        };
        actions.push(owners::set_owners(entry, |all| all.retain(|one| stays(&one["uid"]))));
    } else {
        let has_dependents = world.owned_by(&entry.meta.uid).next().is_some();
        let propagation = match waits_for_dependents(entry) {
            Some(ORPHAN) => "Orphan",
            Some(_) => "Foreground",
            None if is(Standing::Waiting) && has_dependents => "Foreground",
            None => "Background",
        };
        // Owners that wait for each other in a circle would wait for ever.
        if is(Standing::Waiting) && dependents(world, entry).any(|one| waits(one)) {
            actions.push(owners::set_owners(entry, |all| {
                all.iter_mut().for_each(|one| one["blockOwnerDeletion"] = false.into());
            }));
        }
        actions.push(Action::Delete {
            key: entry.key.clone(),
            uid: entry.meta.uid.clone(),
            propagation: Some(propagation),
            grace_seconds: None,
        });
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn map(name: &str, owners: &[(&str, &str)]) -> Value {
        let owners: Vec<Value> = owners
            .iter()
            .map(|(name, uid)| {
                json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid,
                    "blockOwnerDeletion": true})
            })
            .collect();
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "d",
            "uid": format!("{name}-uid"), "ownerReferences": owners}})
    }

    fn key(name: &str) -> Key {
        Key::new("configmaps", "d", name)
    }

    fn shown(lab: &Lab, name: &str) -> String {
        lab.plan(&CONTROLLER, &key(name)).to_string()
    }

    fn deleting(mut object: Value, finalizer: &str) -> Value {
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        object["metadata"]["finalizers"] = json!([finalizer]);
        object
    }

    #[test]
    fn deletes_what_has_lost_its_last_owner() {
        let lab = Lab::with([map("b", &[("a", "a-uid")])]);
        assert_eq!(shown(&lab, "b"), "only if absent configmaps/d/a\ndelete configmaps/d/b\n");
        let lab = Lab::with([map("a", &[]), map("b", &[("a", "a-uid")])]);
        assert_eq!(shown(&lab, "b"), "", "the owner is there");
        let lab = Lab::with([map("a", &[]), map("b", &[("a", "another")])]);
        assert!(shown(&lab, "b").contains("delete"), "another of that name is not the owner");
    }

    #[test]
    fn drops_references_to_what_is_gone() {
        let lab = Lab::with([map("a", &[]), map("c", &[("a", "a-uid"), ("b", "b-uid")])]);
        let plan = shown(&lab, "c");
        assert!(plan.starts_with("only if absent configmaps/d/b\npatch configmaps/d/c"), "{plan}");
        assert!(plan.contains("a-uid") && !plan.contains("b-uid"), "{plan}");
    }

    #[test]
    fn an_unknown_kind_of_owner_is_left_alone() {
        let mut object = map("a", &[("x", "x-uid")]);
        object["metadata"]["ownerReferences"][0]["apiVersion"] = "example.com/v1".into();
        assert_eq!(shown(&Lab::with([object]), "a"), "");
    }

    #[test]
    fn orphans_before_the_owner_goes() {
        let mut lab = Lab::with([deleting(map("a", &[]), ORPHAN), map("b", &[("a", "a-uid")])]);
        assert_eq!(shown(&lab, "b"), "", "its owner is not gone");
        lab.settle(&[CONTROLLER]);
        assert!(lab.world.entry(&key("a")).is_none());
        assert!(lab.world.entry(&key("b")).unwrap().meta.owner_references.is_empty());
    }

    #[test]
    fn in_the_foreground_the_owner_goes_last() {
        let mut lab = Lab::with([
            deleting(map("a", &[]), FOREGROUND),
            map("b", &[("a", "a-uid")]),
            map("c", &[("b", "b-uid")]),
        ]);
        assert_eq!(shown(&lab, "a"), "", "b blocks it");
        assert!(shown(&lab, "b").contains("delete configmaps/d/b"));
        lab.settle(&[CONTROLLER]);
        assert_eq!(lab.world.of_kind("configmaps").count(), 0);
    }

    #[test]
    fn a_circle_of_owners_goes() {
        let mut lab = Lab::with([
            deleting(map("a", &[("c", "c-uid")]), FOREGROUND),
            map("b", &[("a", "a-uid")]),
            map("c", &[("b", "b-uid")]),
        ]);
        lab.settle(&[CONTROLLER]);
        assert_eq!(lab.world.of_kind("configmaps").count(), 0);
    }

    #[test]
    fn a_chain_goes_with_its_head() {
        let mut lab = Lab::with([map("b", &[("a", "a-uid")]), map("c", &[("b", "b-uid")])]);
        lab.settle(&[CONTROLLER]);
        assert_eq!(lab.world.of_kind("configmaps").count(), 0);
    }

    #[test]
    fn an_owners_end_wakes_its_dependents() {
        let mut lab = Lab::with([map("a", &[]), map("b", &[("a", "a-uid")])]);
        let change = lab.remove(&key("a")).unwrap();
        assert_eq!(keys_for(&change, &lab.world), [key("b")]);
        let change = lab.edit(&key("b"), |b| b["data"] = json!({"x": "y"})).unwrap();
        assert!(keys_for(&change, &lab.world).is_empty(), "nothing about owners changed");
    }
}

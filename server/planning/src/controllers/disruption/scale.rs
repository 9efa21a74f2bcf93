//! How many pods the owners of pods want to have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object::Key;
use serde_json::Value;

use crate::{Entry, World, owners};

pub(super) const DEPLOYMENTS: &str = "deployments.apps";
pub(super) const REPLICA_SETS: &str = "replicasets.apps";
pub(super) const STATEFUL_SETS: &str = "statefulsets.apps";
pub(super) const REPLICATION_CONTROLLERS: &str = "replicationcontrollers";

/// The sum over all controllers of these pods; pods without one are not counted.
pub(super) fn expected(world: &World, selected: &[&Arc<Entry>]) -> Result<i32, String> {
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let mut sum = 0_i32;
    for pod in selected {
        let Some(owner) = pod.meta.controller() else { continue };
        let name = &pod.key.name;
        let key = owners::any_owner_key(world, owner, &pod.key.namespace)
            .ok_or_else(|| format!("found no controllers for pod {name:?}"))?;
        // An owner that is gone leaves pods that go, too.
        let Some(key) = topmost(world, key) else { continue };
        if seen.contains(&key) {
            continue;
        }
        let Some(entry) = world.entry(&key) else { continue };
        let replicas = replicas(world, entry)
            .ok_or_else(|| format!("{} does not implement the scale subresource", key.kind))?;
        sum = sum.saturating_add(replicas);
        seen.insert(key);
    }
    Ok(sum)
}

/// A ReplicaSet's Deployment says how many there should be.
fn topmost(world: &World, key: Key) -> Option<Key> {
    let entry = world.entry(&key)?;
    if &*key.kind != REPLICA_SETS {
        return Some(key);
    }
    let owner = entry.meta.controller().and_then(|o| owners::owner_key(o, &key.namespace));
    let is_there = |owner: &Key| &*owner.kind == DEPLOYMENTS && world.entry(owner).is_some();
    Some(owner.filter(is_there).unwrap_or(key))
}

/// What the scale subresource says, of built-in and custom kinds alike.
fn replicas(world: &World, entry: &Entry) -> Option<i32> {
    let def = world.kinds().find(&entry.key.kind)?;
    let mut object = def.codec.decode(&entry.body).ok()?;
    object.set_defaults();
    object.scale().map(|(replicas, ..)| replicas)
}

pub(super) fn template_labels(owner: &Arc<Entry>) -> Option<BTreeMap<String, String>> {
    let mut object: Value = owner.read()?;
    let labels = object["spec"]["template"]["metadata"]["labels"].take();
    serde_json::from_value(labels).ok()
}

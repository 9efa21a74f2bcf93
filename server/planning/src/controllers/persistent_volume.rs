//! Says whether a volume is free, bound or left behind, and reclaims those that we made.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeStatus};
use object::Key;
use serde_json::{Value, json};

use crate::{
    Action, Change, Controller, Entry, Plan, Round, World, conditions, pods,
    storage::{CLAIMS, LOCAL_PROVISIONER, PROVISIONED_BY, VOLUMES},
};

pub const CONTROLLER: Controller =
    Controller { name: "persistentvolume-reclaimer", watches: &[VOLUMES, CLAIMS], keys_for, plan };

/// Keeps a volume that is bound.
const PROTECTION: &str = "kubernetes.io/pv-protection";

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    if &*change.key.kind == VOLUMES {
        return vec![change.key.clone()];
    }
    let volume = |claim: &std::sync::Arc<Entry>| {
        let object: Value = claim.read()?;
        let name = object["spec"]["volumeName"].as_str()?;
        Some(Key::new(VOLUMES, "", name))
    };
    let mut keys: Vec<Key> = change.both().filter_map(volume).collect();
    keys.dedup();
    keys
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(volume) = entry.read::<PersistentVolume>() else { return Plan::default() };
    let spec = volume.spec.clone().unwrap_or_default();
    let phase = phase(round.world, &volume);
    let has_finalizer = entry.meta.finalizers.iter().any(|name| name == PROTECTION);
    let mut actions = Vec::new();
    if entry.meta.is_deleting() {
        if has_finalizer && phase != "Bound" {
            actions.push(set_protection(entry, false));
        }
        return Plan { actions, ..Plan::default() };
    }
    if !has_finalizer {
        actions.push(set_protection(entry, true));
    }
    let old = volume.status.clone().unwrap_or_default();
    if old.phase.as_deref() != Some(phase) {
        let status = PersistentVolumeStatus {
            phase: Some(phase.to_owned()),
            last_phase_transition_time: Some(conditions::time(round.now)),
            ..old
        };
        actions.extend(pods::set_status(entry, &status));
    }
    let is_ours =
        entry.meta.annotations.get(PROVISIONED_BY).map(String::as_str) == Some(LOCAL_PROVISIONER);
    let deletes = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete");
    if phase == "Released" && is_ours && deletes {
        // The claim may only not be seen yet.
        let reference = spec.claim_ref.unwrap_or_default();
        let (namespace, name) = (reference.namespace, reference.name);
        let key = Key::new(CLAIMS, &namespace.unwrap_or_default(), &name.unwrap_or_default());
        actions.push(Action::Absent { key, uid: reference.uid.map(Into::into) });
        actions.push(pods::delete(entry));
    }
    Plan { actions, ..Plan::default() }
}

fn phase(world: &World, volume: &PersistentVolume) -> &'static str {
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let Some(reference) = reference else { return "Available" };
    let Some(uid) = reference.uid.as_deref().filter(|uid| !uid.is_empty()) else {
        return "Available";
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let key = Key::new(CLAIMS, &text(&reference.namespace), &text(&reference.name));
    let is_there = world.entry(&key).is_some_and(|claim| *claim.meta.uid == *uid);
    if is_there { "Bound" } else { "Released" }
}

fn set_protection(entry: &Entry, has: bool) -> Action {
    let others = entry.meta.finalizers.iter().map(String::as_str);
    let all: Vec<&str> =
        others.filter(|name| *name != PROTECTION).chain(has.then_some(PROTECTION)).collect();
    let finalizers = if all.is_empty() { Value::Null } else { json!(all) };
    let metadata = json!({"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string(),
        "finalizers": finalizers});
    let patch = json!({"metadata": metadata});
    Action::Patch { key: entry.key.clone(), subresource: "", patch }
}

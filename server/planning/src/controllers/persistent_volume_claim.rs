//! Gives claims their volumes: one that is there and fits, or one that is made for them.
//!
//! A claim of a class that waits for its first consumer is looked at once a pod that uses it has a
//! node: the volume is then on that node.

mod find;
mod provision;
mod status;

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use object::Key;
use serde_json::{Value, json};

use crate::{
    Action, Change, Controller, Entry, Plan, Round, Severity, World,
    pods::{self, PODS},
    storage::{self, CLAIMS, CLASSES, VOLUMES},
};

pub const CONTROLLER: Controller = Controller {
    name: "persistentvolume-controller",
    watches: &[CLAIMS, VOLUMES, PODS, CLASSES],
    keys_for,
    plan,
};

/// Keeps a claim that is used.
const PROTECTION: &str = "kubernetes.io/pvc-protection";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let mut keys: Vec<Key> = match &*change.key.kind {
        CLAIMS => vec![change.key.clone()],
        PODS => change
            .both()
            .flat_map(|pod| {
                let claims = pod.pod().map_or(&[][..], |pod| &pod.claims);
                claims.iter().map(|name| Key::new(CLAIMS, &pod.key.namespace, name))
            })
            .collect(),
        VOLUMES => {
            let named = change.both().filter_map(|volume| claim_of(volume));
            let free = change.new.iter().filter(|volume| volume.free_in_class().is_some());
            let waiting = free.flat_map(|_| world.unbound_claims());
            named.chain(waiting.map(|claim| claim.key.clone())).collect()
        }
        _ => world.unbound_claims().map(|claim| claim.key.clone()).collect(),
    };
    keys.sort();
    keys.dedup();
    keys
}

fn claim_of(volume: &Entry) -> Option<Key> {
    volume.volumes_claim().map(|(namespace, name)| Key::new(CLAIMS, namespace, name))
}

/// What a round has decided so far.
struct Draft<'w> {
    world: &'w World,
    entry: &'w Arc<Entry>,
    claim: PersistentVolumeClaim,
    actions: Vec<Action>,
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(claim) = entry.read::<PersistentVolumeClaim>() else { return Plan::default() };
    let has_finalizer = entry.meta.finalizers.iter().any(|name| name == PROTECTION);
    if entry.meta.is_deleting() {
        let is_used = users(round.world, entry).next().is_some();
        let action = (has_finalizer && !is_used).then(|| set_protection(entry, false));
        return Plan { actions: action.into_iter().collect(), ..Plan::default() };
    }
    let mut draft = Draft { world: round.world, entry, claim, actions: Vec::new() };
    if !has_finalizer {
        draft.actions.push(set_protection(entry, true));
    }
    let named = draft.claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
    match named.filter(|name| !name.is_empty()) {
        Some(name) => status::follow(&mut draft, &name),
        None => bind(&mut draft),
    }
    let actions = pods::sort_events(draft.actions);
    Plan { actions, ..Plan::default() }
}

/// Pods that have not ended and use a claim.
fn users<'w>(world: &'w World, claim: &Entry) -> impl Iterator<Item = &'w Arc<Entry>> + use<'w> {
    world
        .using_claim(&claim.key.namespace, &claim.key.name)
        .filter(|pod| pod.pod().is_some_and(|pod| !pod.is_finished()))
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

/// Looks for a volume, makes one, or says what the claim waits for.
fn bind(draft: &mut Draft<'_>) {
    let Some(spec) = draft.claim.spec.clone() else { return };
    let class_name = storage::class_of(draft.world, &spec);
    let class = storage::class(draft.world, &class_name);
    let consumer = users(draft.world, draft.entry)
        .filter_map(|pod| draft.world.entry(&Key::new("nodes", "", &pod.pod()?.node)))
        .next();
    if let Some(volume) = find::best(draft, &class_name, consumer) {
        return take(draft, &volume);
    }
    let waits = class.as_ref().is_some_and(storage::waits_for_consumer) && consumer.is_none();
    match class {
        _ if waits => draft.wait(
            Severity::Normal,
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding".to_owned(),
        ),
        Some(class) if class.provisioner == storage::LOCAL_PROVISIONER => {
            provision::provision(draft, &class_name, &class, consumer);
        }
        Some(class) if class.provisioner != "kubernetes.io/no-provisioner" => draft.wait(
            Severity::Normal,
            "ExternalProvisioning",
            format!(
                "Waiting for a volume to be created either by the external provisioner '{}' or \
                 manually by the system administrator. If volume creation is delayed, please \
                 verify that the provisioner is running and correctly registered.",
                class.provisioner
            ),
        ),
        None if !class_name.is_empty() => draft.wait(
            Severity::Warning,
            "ProvisioningFailed",
            format!("storageclass.storage.k8s.io \"{class_name}\" not found"),
        ),
        _ => draft.wait(
            Severity::Normal,
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set".to_owned(),
        ),
    }
}

/// Both sides name each other: first the volume, so that no other claim takes it.
fn take(draft: &mut Draft<'_>, volume: &find::Found<'_>) {
    let entry = draft.entry;
    if !volume.knows_us {
        let reference = json!({"kind": "PersistentVolumeClaim", "apiVersion": "v1",
            "namespace": entry.key.namespace, "name": entry.key.name, "uid": entry.meta.uid});
        let patch = json!({
            "metadata": {"uid": volume.entry.meta.uid,
                "resourceVersion": volume.entry.revision.to_string(),
                "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": {"claimRef": reference},
        });
        let key = volume.entry.key.clone();
        return draft.actions.push(Action::Patch { key, subresource: "", patch });
    }
    let mut annotations = json!({BIND_COMPLETED: "yes",
        "pv.kubernetes.io/bound-by-controller": "yes"});
    if let Some(provisioner) = volume.entry.meta.annotations.get(storage::PROVISIONED_BY) {
        annotations["volume.kubernetes.io/storage-provisioner"] = json!(provisioner);
    }
    let patch = json!({
        "metadata": {"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string(),
            "annotations": annotations},
        "spec": {"volumeName": volume.entry.key.name},
    });
    draft.actions.push(Action::Patch { key: entry.key.clone(), subresource: "", patch });
}

impl Draft<'_> {
    fn wait(&mut self, severity: Severity, reason: &'static str, message: String) {
        status::set_phase(self, "Pending");
        self.event(severity, reason, message);
    }

    fn event(&mut self, severity: Severity, reason: &'static str, message: String) {
        let source = CONTROLLER.name;
        self.actions.push(pods::record(self.entry, source, severity, reason, message));
    }
}

#[cfg(test)]
mod tests;

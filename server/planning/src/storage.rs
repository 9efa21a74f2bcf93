//! Volumes, claims and classes: what their controllers, the scheduler and the agent share.

use k8s_openapi::{
    api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec},
    api::storage::v1::StorageClass,
};
use object::quantity::Quantity;
use serde_json::{Value, json};

use crate::{Entry, World};

pub const VOLUMES: &str = "persistentvolumes";
pub const CLAIMS: &str = "persistentvolumeclaims";
pub const CLASSES: &str = "storageclasses.storage.k8s.io";

/// Who makes volumes that are folders of a host.
pub const LOCAL_PROVISIONER: &str = "longshore.dev/local";
/// Of a volume that was made for a claim.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// The class of local volumes that every cluster starts with: the default one.
pub fn local_class() -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "local", "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": LOCAL_PROVISIONER, "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": true})
}

/// The class that a claim asks for; without a word, the newest default one. Empty for none.
pub fn class_of(world: &World, claim: &PersistentVolumeClaimSpec) -> String {
    if let Some(name) = &claim.storage_class_name {
        return name.clone();
    }
    let newest = world
        .of_kind(CLASSES)
        .filter(|class| is_default_class(class))
        .max_by_key(|class| (class.meta.creation_timestamp, std::cmp::Reverse(&class.key)));
    newest.map(|class| class.key.name.to_string()).unwrap_or_default()
}

pub fn is_default_class(class: &Entry) -> bool {
    class.meta.annotations.get(DEFAULT_CLASS).is_some_and(|text| text == "true")
}

pub fn class(world: &World, name: &str) -> Option<StorageClass> {
    world.entry(&object::Key::new(CLASSES, "", name))?.read()
}

/// Whether claims of a class wait until a pod that uses them has a node.
pub fn waits_for_consumer(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
}

/// How much a claim asks for.
pub fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    let spec = claim.spec.as_ref();
    let resources = spec.and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    amount(requests.and_then(|requests| requests.get("storage")).map(|text| text.0.as_str()))
}

/// How much a volume holds.
pub fn capacity(volume: &PersistentVolume) -> Quantity {
    let spec = volume.spec.as_ref();
    let capacity = spec.and_then(|spec| spec.capacity.as_ref());
    amount(capacity.and_then(|capacity| capacity.get("storage")).map(|text| text.0.as_str()))
}

fn amount(text: Option<&str>) -> Quantity {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Whether a volume is for this claim, by name and, if the volume knows it, by uid.
pub fn is_for(volume: &PersistentVolume, claim: &Entry) -> bool {
    let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    reference.is_some_and(|reference| {
        reference.namespace.as_deref() == Some(&*claim.key.namespace)
            && reference.name.as_deref() == Some(&*claim.key.name)
            && reference.uid.as_deref().is_none_or(|uid| uid.is_empty() || *uid == *claim.meta.uid)
    })
}

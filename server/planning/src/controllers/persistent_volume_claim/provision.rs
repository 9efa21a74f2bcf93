//! Volumes that are folders of a host, made where the first pod that uses them runs.

use std::sync::Arc;

use k8s_openapi::api::storage::v1::StorageClass;
use object::Key;
use serde_json::json;

use super::{Draft, status};
use crate::{
    Action, Entry, Severity,
    storage::{self, LOCAL_PROVISIONER, PROVISIONED_BY, VOLUMES},
};

/// What a folder of one host can be used as.
const ACCESS_MODES: [&str; 2] = ["ReadWriteOnce", "ReadWriteOncePod"];
/// Where agents keep volumes, below the folder of their node; they know it by its end alone.
const FOLDER: &str = "/var/lib/longshore-node";

/// The name follows from the claim: what is repeated collides.
fn key(claim: &Entry) -> Key {
    Key::new(VOLUMES, "", &format!("pvc-{}", claim.meta.uid))
}

pub(super) fn provision(
    draft: &mut Draft<'_>,
    class_name: &str,
    class: &StorageClass,
    consumer: Option<&Arc<Entry>>,
) {
    let Some(spec) = draft.claim.spec.clone() else { return };
    let modes = spec.access_modes.clone().unwrap_or_default();
    let is_block = spec.volume_mode.as_deref() == Some("Block");
    if is_block || modes.iter().any(|mode| !ACCESS_MODES.contains(&mode.as_str())) {
        let message = format!(
            "failed to provision volume with StorageClass \"{class_name}\": a local volume is a \
             folder of one host: ask for volumeMode Filesystem and one of {}",
            ACCESS_MODES.join(", ")
        );
        return draft.wait(Severity::Warning, "ProvisioningFailed", message);
    }
    // A class that binds at once leaves the choice to us: the first node that is ready.
    let node = consumer.or_else(|| {
        let mut nodes = draft.world.of_kind("nodes");
        nodes.find(|node| node.node().is_some_and(|node| node.is_ready))
    });
    let Some(node) = node else {
        let message = "no node is ready to hold the volume".to_owned();
        return draft.wait(Severity::Warning, "ProvisioningFailed", message);
    };
    status::set_phase(draft, "Pending");
    let (entry, node) = (draft.entry, &node.key.name);
    let key = key(entry);
    let name = &key.name;
    let is_node = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    let body = json!({"metadata": {"name": name, "finalizers": ["kubernetes.io/pv-protection"],
        "annotations": {PROVISIONED_BY: LOCAL_PROVISIONER}},
    "spec": {
        "capacity": {"storage": storage::requested(&draft.claim).to_string()},
        "accessModes": modes, "volumeMode": "Filesystem",
        "persistentVolumeReclaimPolicy": class.reclaim_policy.as_deref().unwrap_or("Delete"),
        "storageClassName": class_name,
        "local": {"path": format!("{FOLDER}/{node}/claims/{name}")},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": [is_node]}]}},
        "claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1",
            "namespace": entry.key.namespace, "name": entry.key.name, "uid": entry.meta.uid},
    }});
    draft.actions.push(Action::Create { key: key.clone(), body });
    let message = format!("Successfully provisioned volume {name}");
    draft.event(Severity::Normal, "ProvisioningSucceeded", message);
}

//! What a volume must say, and what stays as it was made.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec};
use object::FieldErrors;

use crate::parts::{check, storage, template};

const RECLAIM_POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];

pub(super) fn validate(volume: &PersistentVolume, errors: &mut FieldErrors) {
    let Some(spec) = &volume.spec else { return errors.required("spec", "") };
    validate_capacity(spec, errors);
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required("spec.accessModes", "");
    }
    storage::validate_access_modes(modes, "spec.accessModes", errors);
    let policy = spec.persistent_volume_reclaim_policy.as_deref();
    check::maybe_one_of(policy, "spec.persistentVolumeReclaimPolicy", &RECLAIM_POLICIES, errors);
    validate_node_affinity(spec, errors);
    validate_source(spec, errors);
    storage::validate_class(spec.storage_class_name.as_deref(), "spec.storageClassName", errors);
    storage::validate_volume_mode(spec.volume_mode.as_deref(), "spec.volumeMode", errors);
    if let Some(class) = spec.volume_attributes_class_name.as_deref() {
        let path = "spec.volumeAttributesClassName";
        if class.is_empty() {
            errors.required(path, "an empty string is disallowed");
        }
        storage::validate_class(Some(class), path, errors);
        if spec.csi.is_none() {
            errors.required("spec.csi", "has to be specified when using volumeAttributesClassName");
        }
    }
}

fn validate_capacity(spec: &PersistentVolumeSpec, errors: &mut FieldErrors) {
    let path = "spec.capacity";
    let Some(capacity) = spec.capacity.as_ref().filter(|capacity| !capacity.is_empty()) else {
        return errors.required(path, "");
    };
    if !capacity.contains_key("storage") || capacity.len() > 1 {
        errors.not_supported(path, check::shown(capacity), &["storage"]);
    }
    for (name, size) in capacity {
        check::positive_quantity(size, &format!("{path}[{name}]"), errors);
    }
}

fn validate_node_affinity(spec: &PersistentVolumeSpec, errors: &mut FieldErrors) {
    let Some(affinity) = &spec.node_affinity else { return };
    match &affinity.required {
        Some(required) => {
            template::validate_node_selector(required, "spec.nodeAffinity.required", errors);
        }
        None => {
            errors.required("spec.nodeAffinity.required", "must specify required node constraints");
        }
    }
}

/// The sources that a volume names.
fn sources(spec: &PersistentVolumeSpec) -> Vec<&'static str> {
    let all = [
        ("awsElasticBlockStore", spec.aws_elastic_block_store.is_some()),
        ("azureDisk", spec.azure_disk.is_some()),
        ("azureFile", spec.azure_file.is_some()),
        ("cephfs", spec.cephfs.is_some()),
        ("cinder", spec.cinder.is_some()),
        ("csi", spec.csi.is_some()),
        ("fc", spec.fc.is_some()),
        ("flexVolume", spec.flex_volume.is_some()),
        ("flocker", spec.flocker.is_some()),
        ("gcePersistentDisk", spec.gce_persistent_disk.is_some()),
        ("glusterfs", spec.glusterfs.is_some()),
        ("hostPath", spec.host_path.is_some()),
        ("iscsi", spec.iscsi.is_some()),
        ("local", spec.local.is_some()),
        ("nfs", spec.nfs.is_some()),
        ("photonPersistentDisk", spec.photon_persistent_disk.is_some()),
        ("portworxVolume", spec.portworx_volume.is_some()),
        ("quobyte", spec.quobyte.is_some()),
        ("rbd", spec.rbd.is_some()),
        ("scaleIO", spec.scale_io.is_some()),
        ("storageos", spec.storageos.is_some()),
        ("vsphereVolume", spec.vsphere_volume.is_some()),
    ];
    all.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
}

fn validate_source(spec: &PersistentVolumeSpec, errors: &mut FieldErrors) {
    let sources = sources(spec);
    for source in sources.iter().skip(1) {
        errors.forbidden(format!("spec.{source}"), "may not specify more than 1 volume type");
    }
    if sources.is_empty() {
        errors.required("spec", "must specify a volume type");
    }
    if let Some(host_path) = &spec.host_path {
        template::validate_host_path(host_path, "spec.hostPath", errors);
        let recycled = spec.persistent_volume_reclaim_policy.as_deref() == Some("Recycle");
        if host_path.path == "/" && recycled {
            let why = "may not be 'recycle' for a hostPath mount of '/'";
            errors.forbidden("spec.persistentVolumeReclaimPolicy", why);
        }
    }
    if let Some(local) = &spec.local {
        if local.path.is_empty() {
            errors.required("spec.local.path", "");
        }
        check::no_backsteps(&local.path, "spec.local.path", errors);
        if spec.node_affinity.is_none() {
            errors.required("spec.nodeAffinity", "Local volume requires node affinity");
        }
    }
    if let Some(nfs) = &spec.nfs {
        for (field, text) in [("server", &nfs.server), ("path", &nfs.path)] {
            if text.is_empty() {
                errors.required(format!("spec.nfs.{field}"), "");
            }
        }
        if !nfs.path.starts_with('/') {
            errors.invalid("spec.nfs.path", nfs.path.as_str(), "must be an absolute path");
        }
    }
    if let Some(csi) = &spec.csi {
        storage::validate_driver(&csi.driver, "spec.csi.driver", errors);
        if csi.volume_handle.is_empty() {
            errors.required("spec.csi.volumeHandle", "");
        }
    }
}

/// The spec without what may change.
fn source_only(spec: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    }
}

pub(super) fn validate_update(
    new: &PersistentVolume,
    old: &PersistentVolume,
    errors: &mut FieldErrors,
) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    if source_only(new) != source_only(old) {
        errors.forbidden(
            "spec.persistentvolumesource",
            "spec.persistentvolumesource is immutable after creation",
        );
    }
    if new.volume_mode != old.volume_mode {
        errors.invalid("spec.volumeMode", check::shown(&new.volume_mode), check::IMMUTABLE);
    }
    if old.node_affinity.is_some() && new.node_affinity != old.node_affinity {
        errors.invalid(
            "spec.nodeAffinity",
            check::shown(&new.node_affinity),
            "field is immutable, except for updating from beta label to GA",
        );
    }
}

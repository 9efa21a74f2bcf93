//! The volumes that a storage system provides, and those that a claim or an image fills.

use k8s_openapi::api::core::v1::{PersistentVolumeClaimTemplate, Volume};
use object::FieldErrors;

use crate::{
    parts::{check, storage},
    persistent_volume_claim,
};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

pub(super) fn validate(volume: &Volume, path: &str, errors: &mut FieldErrors) {
    for (at, text) in texts(volume) {
        if text.is_empty() {
            errors.required(format!("{path}.{at}"), "");
        }
    }
    if let Some(nfs) = &volume.nfs
        && !nfs.path.starts_with('/')
    {
        errors.invalid(format!("{path}.nfs.path"), nfs.path.as_str(), "must be an absolute path");
    }
    if let Some(iscsi) = &volume.iscsi
        && !(0..=255).contains(&iscsi.lun)
    {
        let why = "must be between 0 and 255, inclusive";
        errors.invalid(format!("{path}.iscsi.lun"), iscsi.lun, why);
    }
    if let Some(csi) = &volume.csi {
        let path = format!("{path}.csi");
        storage::validate_driver(&csi.driver, &format!("{path}.driver"), errors);
        if csi.node_publish_secret_ref.as_ref().is_some_and(|secret| secret.name.is_empty()) {
            errors.required(format!("{path}.nodePublishSecretRef.name"), "");
        }
    }
    if let Some(image) = &volume.image {
        let path = format!("{path}.image");
        if check::is_blank(image.reference.as_deref()) {
            errors.required(format!("{path}.reference"), "");
        }
        let policy = image.pull_policy.as_deref();
        check::maybe_one_of(policy, &format!("{path}.pullPolicy"), &PULL_POLICIES, errors);
    }
    if let Some(ephemeral) = &volume.ephemeral {
        let path = format!("{path}.ephemeral.volumeClaimTemplate");
        match &ephemeral.volume_claim_template {
            Some(template) => validate_claim(template, &path, errors),
            None => errors.required(path, ""),
        }
    }
}

/// The texts without which a source says nothing.
fn texts(volume: &Volume) -> Vec<(&'static str, &str)> {
    let mut texts = Vec::new();
    if let Some(nfs) = &volume.nfs {
        texts.extend([("nfs.server", &*nfs.server), ("nfs.path", &*nfs.path)]);
    }
    if let Some(iscsi) = &volume.iscsi {
        let portal = ("iscsi.targetPortal", &*iscsi.target_portal);
        texts.extend([portal, ("iscsi.iqn", &*iscsi.iqn)]);
    }
    if let Some(repository) = &volume.git_repo {
        texts.push(("gitRepo.repository", &repository.repository));
    }
    if let Some(glusterfs) = &volume.glusterfs {
        let endpoints = ("glusterfs.endpoints", &*glusterfs.endpoints);
        texts.extend([endpoints, ("glusterfs.path", &*glusterfs.path)]);
    }
    if let Some(rbd) = &volume.rbd {
        texts.push(("rbd.image", &rbd.image));
    }
    if let Some(cinder) = &volume.cinder {
        texts.push(("cinder.volumeID", &cinder.volume_id));
    }
    if let Some(disk) = &volume.aws_elastic_block_store {
        texts.push(("awsElasticBlockStore.volumeID", &disk.volume_id));
    }
    if let Some(disk) = &volume.gce_persistent_disk {
        texts.push(("gcePersistentDisk.pdName", &disk.pd_name));
    }
    if let Some(file) = &volume.azure_file {
        let secret = ("azureFile.secretName", &*file.secret_name);
        texts.extend([secret, ("azureFile.shareName", &*file.share_name)]);
    }
    if let Some(disk) = &volume.azure_disk {
        let name = ("azureDisk.diskName", &*disk.disk_name);
        texts.extend([name, ("azureDisk.diskURI", &*disk.disk_uri)]);
    }
    if let Some(volume) = &volume.vsphere_volume {
        texts.push(("vsphereVolume.volumePath", &volume.volume_path));
    }
    if let Some(volume) = &volume.portworx_volume {
        texts.push(("portworxVolume.volumeID", &volume.volume_id));
    }
    if let Some(flex) = &volume.flex_volume {
        texts.push(("flexVolume.driver", &flex.driver));
    }
    texts
}

fn validate_claim(template: &PersistentVolumeClaimTemplate, path: &str, errors: &mut FieldErrors) {
    if let Some(metadata) = &template.metadata {
        check::labels(metadata.labels.as_ref(), &format!("{path}.metadata.labels"), errors);
        let at = format!("{path}.metadata.annotations");
        check::annotations(metadata.annotations.as_ref(), &at, errors);
    }
    persistent_volume_claim::validate_spec(&template.spec, &format!("{path}.spec"), errors);
}

//! The volumes of a pod.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, PodSpec, ProjectedVolumeSource, Volume,
    VolumeProjection,
};
use object::{FieldErrors, name, quantity::Quantity};

use super::{env, sources};
use crate::parts::check::{self, Once};

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// The sources that a volume names.
fn sources_of(volume: &Volume) -> Vec<&'static str> {
    let all = [
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("cephfs", volume.cephfs.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("configMap", volume.config_map.is_some()),
        ("csi", volume.csi.is_some()),
        ("downwardAPI", volume.downward_api.is_some()),
        ("emptyDir", volume.empty_dir.is_some()),
        ("ephemeral", volume.ephemeral.is_some()),
        ("fc", volume.fc.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("hostPath", volume.host_path.is_some()),
        ("image", volume.image.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("persistentVolumeClaim", volume.persistent_volume_claim.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("projected", volume.projected.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("secret", volume.secret.is_some()),
        ("storageos", volume.storageos.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
    ];
    all.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
}

pub(super) fn has_source(volume: &Volume) -> bool {
    !sources_of(volume).is_empty()
}

/// Checks volumes; answers their names.
pub(super) fn validate<'a>(spec: &'a PodSpec, path: &str, errors: &mut FieldErrors) -> Once<'a> {
    let mut names = Once::default();
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        let found = errors.0.len();
        check::name(&volume.name, &format!("{path}.name"), name::label, errors);
        if errors.0.len() == found {
            names.check(&volume.name, &format!("{path}.name"), errors);
        }
        let sources = sources_of(volume);
        for source in sources.iter().skip(1) {
            let path = format!("{path}.{source}");
            errors.forbidden(path, "may not specify more than 1 volume type");
        }
        if sources.is_empty() {
            errors.required(path.as_str(), "must specify a volume type");
        }
        validate_source(volume, &path, errors);
    }
    names
}

fn validate_source(volume: &Volume, path: &str, errors: &mut FieldErrors) {
    sources::validate(volume, path, errors);
    if let Some(host_path) = &volume.host_path {
        validate_host_path(host_path, &format!("{path}.hostPath"), errors);
    }
    if let Some(limit) = volume.empty_dir.as_ref().and_then(|empty| empty.size_limit.as_ref())
        && !limit.0.parse::<Quantity>().is_ok_and(|limit| !limit.is_negative())
    {
        errors.forbidden(
            format!("{path}.emptyDir.sizeLimit"),
            "SizeLimit field must be a valid resource quantity",
        );
    }
    if let Some(secret) = &volume.secret {
        let path = format!("{path}.secret");
        if check::is_blank(secret.secret_name.as_deref()) {
            errors.required(format!("{path}.secretName"), "");
        }
        validate_mode(secret.default_mode, &format!("{path}.defaultMode"), errors);
        validate_items(secret.items.as_deref(), &path, errors);
    }
    if let Some(map) = &volume.config_map {
        let path = format!("{path}.configMap");
        if map.name.is_empty() {
            errors.required(format!("{path}.name"), "");
        }
        validate_mode(map.default_mode, &format!("{path}.defaultMode"), errors);
        validate_items(map.items.as_deref(), &path, errors);
    }
    if let Some(downward) = &volume.downward_api {
        let path = format!("{path}.downwardAPI");
        validate_mode(downward.default_mode, &format!("{path}.defaultMode"), errors);
        validate_files(downward.items.as_deref(), &path, errors);
    }
    if let Some(projected) = &volume.projected {
        validate_projected(projected, &format!("{path}.projected"), errors);
    }
    if let Some(claim) = &volume.persistent_volume_claim
        && claim.claim_name.is_empty()
    {
        errors.required(format!("{path}.persistentVolumeClaim.claimName"), "");
    }
}

pub(crate) fn validate_host_path(
    source: &HostPathVolumeSource,
    path: &str,
    errors: &mut FieldErrors,
) {
    if source.path.is_empty() {
        errors.required(format!("{path}.path"), "");
    } else {
        check::no_backsteps(&source.path, &format!("{path}.path"), errors);
    }
    let type_ = source.type_.as_deref().unwrap_or_default();
    if !HOST_PATH_TYPES.contains(&type_) {
        errors.not_supported(format!("{path}.type"), type_, &HOST_PATH_TYPES);
    }
}

fn validate_mode(mode: Option<i32>, path: &str, errors: &mut FieldErrors) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn validate_items(items: Option<&[KeyToPath]>, path: &str, errors: &mut FieldErrors) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.items[{index}]");
        if item.key.is_empty() {
            errors.required(format!("{path}.key"), "");
        }
        validate_file(&item.path, &format!("{path}.path"), errors);
        validate_mode(item.mode, &format!("{path}.mode"), errors);
    }
}

fn validate_file(file: &str, path: &str, errors: &mut FieldErrors) {
    if file.is_empty() {
        errors.required(path, "");
        return;
    }
    check::relative_path(file, path, errors);
    if file.starts_with("..") && !file.split('/').any(|part| part == "..") {
        errors.invalid(path, file, "must not start with '..'");
    }
}

fn validate_files(items: Option<&[DownwardAPIVolumeFile]>, path: &str, errors: &mut FieldErrors) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.items[{index}]");
        validate_file(&item.path, &format!("{path}.path"), errors);
        validate_mode(item.mode, &format!("{path}.mode"), errors);
        match (&item.field_ref, &item.resource_field_ref) {
            (Some(_), Some(_)) => errors.invalid(
                path,
                "resource",
                "fieldRef and resourceFieldRef can not be specified simultaneously",
            ),
            (Some(field), None) => {
                env::validate_field(field, &format!("{path}.fieldRef"), false, errors);
            }
            (None, Some(resource)) => {
                let path = format!("{path}.resourceFieldRef");
                if check::is_blank(resource.container_name.as_deref()) {
                    errors.required(format!("{path}.containerName"), "");
                }
                env::validate_resource(resource, &path, errors);
            }
            (None, None) => {
                errors.required(path, "one of fieldRef and resourceFieldRef is required");
            }
        }
    }
}

fn validate_projected(projected: &ProjectedVolumeSource, path: &str, errors: &mut FieldErrors) {
    validate_mode(projected.default_mode, &format!("{path}.defaultMode"), errors);
    for (index, source) in projected.sources.iter().flatten().enumerate() {
        validate_projection(source, &format!("{path}.sources[{index}]"), errors);
    }
}

fn validate_projection(source: &VolumeProjection, path: &str, errors: &mut FieldErrors) {
    let named = [
        ("secret", source.secret.as_ref().map(|one| (&one.name, &one.items))),
        ("configMap", source.config_map.as_ref().map(|one| (&one.name, &one.items))),
    ];
    let mut count = 0;
    for (field, part) in named {
        let Some((name, items)) = part else { continue };
        count += 1;
        let path = format!("{path}.{field}");
        if name.is_empty() {
            errors.required(format!("{path}.name"), "");
        }
        validate_items(items.as_deref(), &path, errors);
    }
    if let Some(downward) = &source.downward_api {
        count += 1;
        validate_files(downward.items.as_deref(), &format!("{path}.downwardAPI"), errors);
    }
    if let Some(token) = &source.service_account_token {
        count += 1;
        let path = format!("{path}.serviceAccountToken");
        let seconds = token.expiration_seconds.unwrap_or(i64::MAX);
        if seconds < 600 {
            let why = "may not specify a duration less than 10 minutes";
            errors.invalid(format!("{path}.expirationSeconds"), seconds, why);
        } else if token.expiration_seconds.is_some() && seconds > 1 << 32 {
            let why = "may not specify a duration larger than 2^32 seconds";
            errors.invalid(format!("{path}.expirationSeconds"), seconds, why);
        }
        validate_file(&token.path, &format!("{path}.path"), errors);
    }
    count += usize::from(source.cluster_trust_bundle.is_some());
    count += usize::from(source.pod_certificate.is_some());
    if count > 1 {
        errors.forbidden(path, "may not specify more than 1 volume type");
    } else if count == 0 {
        errors.required(path, "must specify a source");
    }
}

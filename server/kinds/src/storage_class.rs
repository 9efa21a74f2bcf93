//! StorageClass.

use k8s_openapi::api::storage::v1;
use object::{FieldErrors, error::Problem, name};

use crate::{
    Column, Kind, column,
    parts::{cells, check, storage},
};

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const RECLAIM_POLICIES: [&str; 2] = ["Delete", "Retain"];
const BINDING_MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
const PARAMETERS_MAX: usize = 512;
const PARAMETER_BYTES_MAX: usize = 256 * 1024;

pub struct StorageClass;

impl Kind for StorageClass {
    type Object = v1::StorageClass;
    const SHORT_NAMES: &'static [&'static str] = &["sc"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Name", |class: &v1::StorageClass, _| {
            let name = class.metadata.name.as_deref().unwrap_or_default();
            let mark = if is_default(class) { " (default)" } else { "" };
            format!("{name}{mark}").into()
        }),
        column("Provisioner", |class: &v1::StorageClass, _| class.provisioner.as_str().into()),
        column("ReclaimPolicy", |class: &v1::StorageClass, _| {
            class.reclaim_policy.as_deref().unwrap_or("Delete").into()
        }),
        column("VolumeBindingMode", |class: &v1::StorageClass, _| {
            class.volume_binding_mode.as_deref().unwrap_or("Immediate").into()
        }),
        column("AllowVolumeExpansion", |class: &v1::StorageClass, _| {
            class.allow_volume_expansion.unwrap_or_default().into()
        }),
        cells::age(),
    ];
    const RETURNS_DELETED: bool = true;

    fn set_defaults(class: &mut v1::StorageClass) {
        check::default_text(&mut class.reclaim_policy, "Delete");
        check::default_text(&mut class.volume_binding_mode, "Immediate");
    }

    fn validate(class: &v1::StorageClass, errors: &mut FieldErrors) {
        let provisioner = class.provisioner.to_lowercase();
        if provisioner.is_empty() {
            errors.required("provisioner", "");
        } else if let Err(why) = name::qualified(&provisioner) {
            errors.invalid("provisioner", class.provisioner.as_str(), why);
        }
        validate_parameters(class, errors);
        let policy = class.reclaim_policy.as_deref();
        check::maybe_one_of(policy, "reclaimPolicy", &RECLAIM_POLICIES, errors);
        let mode = class.volume_binding_mode.as_deref();
        check::one_of(mode, "volumeBindingMode", &BINDING_MODES, errors);
        let topologies = class.allowed_topologies.as_deref().unwrap_or_default();
        storage::validate_topologies(topologies, "allowedTopologies", errors);
    }

    fn validate_update(new: &v1::StorageClass, old: &v1::StorageClass, errors: &mut FieldErrors) {
        for (field, is_same) in [
            ("parameters", new.parameters == old.parameters),
            ("provisioner", new.provisioner == old.provisioner),
            ("reclaimPolicy", new.reclaim_policy == old.reclaim_policy),
        ] {
            if !is_same {
                errors.forbidden(field, format!("updates to {field} are forbidden."));
            }
        }
        let (path, mode) = ("volumeBindingMode", &new.volume_binding_mode);
        check::immutable(mode, &old.volume_binding_mode, path, errors);
    }
}

/// Whether claims that name no class get this one.
pub fn is_default(class: &v1::StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(DEFAULT)).is_some_and(|value| value == "true")
}

fn validate_parameters(class: &v1::StorageClass, errors: &mut FieldErrors) {
    let Some(parameters) = &class.parameters else { return };
    if parameters.len() > PARAMETERS_MAX {
        let why = format!("may not have more than {PARAMETERS_MAX} entries");
        errors.push("parameters", Problem::TooLong, why);
    }
    if parameters.keys().any(String::is_empty) {
        errors.invalid("parameters", "", "field can not be empty.");
    }
    let bytes: usize = parameters.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > PARAMETER_BYTES_MAX {
        let why = format!("may not be more than {PARAMETER_BYTES_MAX} bytes");
        errors.push("parameters", Problem::TooLong, why);
    }
}

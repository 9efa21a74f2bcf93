//! What a claim must say, and what stays as it was asked.

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec},
    apimachinery::pkg::api::resource,
};
use object::{FieldErrors, quantity::Quantity};

use crate::parts::{check, selector, storage};

pub(crate) fn validate_spec(
    spec: &PersistentVolumeClaimSpec,
    path: &str,
    errors: &mut FieldErrors,
) {
    let at = |field: &str| format!("{path}.{field}");
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(at("accessModes"), "at least 1 access mode is required");
    }
    if let Some(labels) = &spec.selector {
        selector::validate(labels, &at("selector"), errors);
    }
    storage::validate_access_modes(modes, &at("accessModes"), errors);
    match request(spec) {
        Some(size) => check::positive_quantity(size, &at("resources[storage]"), errors),
        None => errors.required(at("resources[storage]"), ""),
    }
    storage::validate_class(spec.storage_class_name.as_deref(), &at("storageClassName"), errors);
    storage::validate_volume_mode(spec.volume_mode.as_deref(), &at("volumeMode"), errors);
    storage::validate_class(
        spec.volume_attributes_class_name.as_deref(),
        &at("volumeAttributesClassName"),
        errors,
    );
    validate_sources(spec, path, errors);
}

fn request(spec: &PersistentVolumeClaimSpec) -> Option<&resource::Quantity> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage")
}

fn validate_sources(spec: &PersistentVolumeClaimSpec, path: &str, errors: &mut FieldErrors) {
    let old = spec.data_source.as_ref().map(|one| (&one.api_group, &one.kind, &one.name));
    let new = spec.data_source_ref.as_ref().map(|one| (&one.api_group, &one.kind, &one.name));
    for (field, source) in [("dataSource", old), ("dataSourceRef", new)] {
        let Some((group, kind, name)) = source else { continue };
        for (part, text) in [("name", name), ("kind", kind)] {
            if text.is_empty() {
                errors.required(format!("{path}.{field}.{part}"), "");
            }
        }
        if check::is_blank(group.as_deref()) && kind != "PersistentVolumeClaim" {
            errors.invalid(
                format!("{path}.{field}"),
                kind.as_str(),
                "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            );
        }
    }
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        errors.invalid(
            format!("{path}.dataSource"),
            check::shown(&spec.data_source),
            "must match dataSourceRef",
        );
    }
}

pub(super) fn validate_update(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    errors: &mut FieldErrors,
) {
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else { return };
    let mut kept = new_spec.clone();
    // The volume is told once, by the binder; a class that nobody named may be filled in later.
    if check::is_blank(old_spec.volume_name.as_deref()) {
        kept.volume_name.clone_from(&old_spec.volume_name);
    }
    if old_spec.storage_class_name.is_none() {
        kept.storage_class_name = None;
    }
    let bound = old.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound");
    if bound {
        kept.volume_attributes_class_name.clone_from(&old_spec.volume_attributes_class_name);
        if let Some(resources) = &mut kept.resources {
            let old = old_spec.resources.as_ref();
            resources.requests = old.and_then(|resources| resources.requests.clone());
        }
    }
    if kept != *old_spec {
        errors.forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        );
    }
    validate_size(new, old, errors);
    if new_spec.volume_mode != old_spec.volume_mode {
        errors.invalid("spec.volumeMode", check::shown(&new_spec.volume_mode), check::IMMUTABLE);
    }
}

/// A volume never shrinks below what it has.
fn validate_size(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    errors: &mut FieldErrors,
) {
    let parsed = |size: Option<&resource::Quantity>| size?.0.parse::<Quantity>().ok();
    let asked = |claim: &PersistentVolumeClaim| parsed(request(claim.spec.as_ref()?));
    let capacity = old.status.as_ref().and_then(|status| status.capacity.as_ref());
    let has = parsed(capacity.and_then(|capacity| capacity.get("storage")));
    let (Some(new), Some(old)) = (asked(new), asked(old)) else { return };
    if new < old && has.is_none_or(|has| new <= has) {
        errors.forbidden(
            "spec.resources.requests.storage",
            "field can not be less than status.capacity",
        );
    }
}

//! PersistentVolumeClaim.

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Field, Kind, Subresource, column, field,
    parts::{cells, check, storage},
};

mod validation;

pub(crate) use validation::validate_spec;

pub struct PersistentVolumeClaim;

impl Kind for PersistentVolumeClaim {
    type Object = v1::PersistentVolumeClaim;
    const SHORT_NAMES: &'static [&'static str] = &["pvc"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::PersistentVolumeClaim, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Status", phase),
        column("Volume", |claim, _| {
            cells::text(spec(claim).and_then(|spec| spec.volume_name.as_deref()))
        }),
        column("Capacity", |claim, _| {
            bound(claim, |status| storage::size_cell(status.capacity.as_ref()))
        }),
        column("Access Modes", |claim, _| {
            bound(claim, |status| storage::modes_cell(status.access_modes.as_deref()))
        }),
        column("StorageClass", |claim, _| {
            cells::text(spec(claim).and_then(|spec| spec.storage_class_name.as_deref()))
        }),
        column("VolumeAttributesClass", |claim: &v1::PersistentVolumeClaim, _| {
            let status = claim.status.as_ref();
            cells::or_unset(
                status.and_then(|status| status.current_volume_attributes_class_name.as_deref()),
            )
        }),
        cells::age(),
        column("VolumeMode", |claim, _| {
            cells::or_unset(spec(claim).and_then(|spec| spec.volume_mode.as_deref()))
        })
        .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("name", |claim| claim.metadata.name.clone().unwrap_or_default())];
    const RETURNS_DELETED: bool = true;

    fn set_defaults(claim: &mut v1::PersistentVolumeClaim) {
        set_defaults(claim);
    }

    fn prepare_create(claim: &mut v1::PersistentVolumeClaim) {
        claim.status = Some(v1::PersistentVolumeClaimStatus {
            phase: Some("Pending".to_owned()),
            ..Default::default()
        });
    }

    fn validate(claim: &v1::PersistentVolumeClaim, errors: &mut FieldErrors) {
        match &claim.spec {
            Some(spec) => validate_spec(spec, "spec", errors),
            None => errors.required("spec", ""),
        }
    }

    fn validate_update(
        new: &v1::PersistentVolumeClaim,
        old: &v1::PersistentVolumeClaim,
        errors: &mut FieldErrors,
    ) {
        validation::validate_update(new, old, errors);
    }
}

/// The defaults of a claim, and of a StatefulSet's templates of claims.
pub(crate) fn set_defaults(claim: &mut v1::PersistentVolumeClaim) {
    let status = claim.status.get_or_insert_default();
    check::default_text(&mut status.phase, "Pending");
    let spec = claim.spec.get_or_insert_default();
    check::default_text(&mut spec.volume_mode, "Filesystem");
    if let Some(resources) = &mut spec.resources {
        let lists = [&mut resources.limits, &mut resources.requests];
        lists.into_iter().flatten().for_each(check::canonicalize);
    }
    join_sources(spec);
}

/// `dataSource` is the old form of `dataSourceRef`; both are shown.
fn join_sources(spec: &mut v1::PersistentVolumeClaimSpec) {
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(source), None) => {
            spec.data_source_ref = Some(v1::TypedObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
                namespace: None,
            });
        }
        (None, Some(source)) if check::is_blank(source.namespace.as_deref()) => {
            spec.data_source = Some(v1::TypedLocalObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
            });
        }
        _ => {}
    }
}

fn spec(claim: &v1::PersistentVolumeClaim) -> Option<&v1::PersistentVolumeClaimSpec> {
    claim.spec.as_ref()
}

fn phase(claim: &v1::PersistentVolumeClaim, _: Timestamp) -> Value {
    if claim.metadata.deletion_timestamp.is_some() {
        return "Terminating".into();
    }
    cells::text(claim.status.as_ref().and_then(|status| status.phase.as_deref()))
}

/// What is known once there is a volume.
fn bound(
    claim: &v1::PersistentVolumeClaim,
    read: fn(&v1::PersistentVolumeClaimStatus) -> Value,
) -> Value {
    let named = spec(claim).and_then(|spec| spec.volume_name.as_deref());
    match (&claim.status, check::is_blank(named)) {
        (Some(status), false) => read(status),
        _ => "".into(),
    }
}

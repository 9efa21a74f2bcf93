//! PersistentVolume.

use jiff::Timestamp;
use k8s_openapi::{api::core::v1, apimachinery::pkg::apis::meta::v1::Time};
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Field, Kind, Subresource, column, field,
    parts::{cells, check, storage},
};

mod validation;

pub struct PersistentVolume;

impl Kind for PersistentVolume {
    type Object = v1::PersistentVolume;
    const SHORT_NAMES: &'static [&'static str] = &["pv"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::PersistentVolume, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Capacity", |volume, _| {
            let capacity = spec(volume).and_then(|spec| spec.capacity.as_ref());
            storage::size_cell(capacity)
        }),
        column("Access Modes", |volume, _| {
            storage::modes_cell(spec(volume).and_then(|spec| spec.access_modes.as_deref()))
        }),
        column("Reclaim Policy", |volume, _| {
            cells::text(
                spec(volume).and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()),
            )
        }),
        column("Status", status),
        column("Claim", claim),
        column("StorageClass", |volume, _| {
            cells::text(spec(volume).and_then(|spec| spec.storage_class_name.as_deref()))
        }),
        column("VolumeAttributesClass", |volume, _| {
            let spec = spec(volume);
            cells::or_unset(spec.and_then(|spec| spec.volume_attributes_class_name.as_deref()))
        }),
        column("Reason", |volume: &v1::PersistentVolume, _| {
            cells::text(volume.status.as_ref().and_then(|status| status.reason.as_deref()))
        }),
        cells::age(),
        column("VolumeMode", |volume, _| {
            cells::or_unset(spec(volume).and_then(|spec| spec.volume_mode.as_deref()))
        })
        .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("name", |volume| volume.metadata.name.clone().unwrap_or_default())];
    const RETURNS_DELETED: bool = true;

    fn set_defaults(volume: &mut v1::PersistentVolume) {
        let status = volume.status.get_or_insert_default();
        check::default_text(&mut status.phase, "Pending");
        let spec = volume.spec.get_or_insert_default();
        check::default_text(&mut spec.persistent_volume_reclaim_policy, "Retain");
        check::default_text(&mut spec.volume_mode, "Filesystem");
        if let Some(capacity) = &mut spec.capacity {
            check::canonicalize(capacity);
        }
        if let Some(host_path) = &mut spec.host_path {
            host_path.type_.get_or_insert_default();
        }
    }

    fn prepare_create(volume: &mut v1::PersistentVolume) {
        let created = volume.metadata.creation_timestamp.as_ref();
        volume.status = Some(v1::PersistentVolumeStatus {
            phase: Some("Pending".to_owned()),
            last_phase_transition_time: created.map(|created| Time(created.0)),
            ..Default::default()
        });
    }

    fn validate(volume: &v1::PersistentVolume, errors: &mut FieldErrors) {
        validation::validate(volume, errors);
    }

    fn validate_update(
        new: &v1::PersistentVolume,
        old: &v1::PersistentVolume,
        errors: &mut FieldErrors,
    ) {
        validation::validate_update(new, old, errors);
    }
}

fn spec(volume: &v1::PersistentVolume) -> Option<&v1::PersistentVolumeSpec> {
    volume.spec.as_ref()
}

fn status(volume: &v1::PersistentVolume, _: Timestamp) -> Value {
    if volume.metadata.deletion_timestamp.is_some() {
        return "Terminating".into();
    }
    cells::text(volume.status.as_ref().and_then(|status| status.phase.as_deref()))
}

fn claim(volume: &v1::PersistentVolume, _: Timestamp) -> Value {
    let claim = spec(volume).and_then(|spec| spec.claim_ref.as_ref());
    claim.map_or(Value::from(""), |claim| {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{}/{}", part(&claim.namespace), part(&claim.name)).into()
    })
}

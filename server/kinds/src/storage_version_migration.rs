//! StorageVersionMigration.

use k8s_openapi::api::storagemigration::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check},
};

pub struct StorageVersionMigration;

impl Kind for StorageVersionMigration {
    type Object = v1::StorageVersionMigration;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::StorageVersionMigration, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Resource", |one: &v1::StorageVersionMigration, _| {
            one.spec.as_ref().map_or("".into(), |spec| {
                let dot = if spec.resource.group.is_empty() { "" } else { "." };
                format!("{}{dot}{}", spec.resource.resource, spec.resource.group).into()
            })
        })
        .described("Fully qualified resource to migrate"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(one: &mut v1::StorageVersionMigration) {
        one.status = Some(v1::StorageVersionMigrationStatus::default());
    }

    fn validate(one: &v1::StorageVersionMigration, errors: &mut FieldErrors) {
        let resource = one.spec.as_ref().map(|spec| spec.resource.resource.as_str());
        if resource.unwrap_or_default().is_empty() {
            errors.required("spec.resource.resource", "resource is required");
        }
    }

    fn validate_update(
        new: &v1::StorageVersionMigration,
        old: &v1::StorageVersionMigration,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.spec, &old.spec, "spec", errors);
    }
}

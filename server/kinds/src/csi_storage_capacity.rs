//! CSIStorageCapacity.

use k8s_openapi::api::storage::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, check, selector, storage},
};

pub struct CSIStorageCapacity;

impl Kind for CSIStorageCapacity {
    type Object = v1::CSIStorageCapacity;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("StorageClassName", |one: &v1::CSIStorageCapacity, _| {
            one.storage_class_name.as_str().into()
        }),
        column("Capacity", |one: &v1::CSIStorageCapacity, _| {
            cells::or_unset(one.capacity.as_ref().map(|capacity| capacity.0.as_str()))
        }),
    ];
    const RETURNS_DELETED: bool = true;

    fn set_defaults(one: &mut v1::CSIStorageCapacity) {
        let amounts = [&mut one.capacity, &mut one.maximum_volume_size];
        amounts.into_iter().flatten().for_each(check::canonicalize_one);
    }

    fn validate(one: &v1::CSIStorageCapacity, errors: &mut FieldErrors) {
        if one.storage_class_name.is_empty() {
            errors.required("storageClassName", "");
        }
        storage::validate_class(Some(&one.storage_class_name), "storageClassName", errors);
        if let Some(labels) = &one.node_topology {
            selector::validate(labels, "nodeTopology", errors);
        }
        for (field, amount) in
            [("capacity", &one.capacity), ("maximumVolumeSize", &one.maximum_volume_size)]
        {
            if let Some(amount) = amount {
                check::nonnegative_quantity(amount, field, errors);
            }
        }
    }

    fn validate_update(
        new: &v1::CSIStorageCapacity,
        old: &v1::CSIStorageCapacity,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.node_topology, &old.node_topology, "nodeTopology", errors);
        let (path, class) = ("storageClassName", &new.storage_class_name);
        check::immutable(class, &old.storage_class_name, path, errors);
    }
}

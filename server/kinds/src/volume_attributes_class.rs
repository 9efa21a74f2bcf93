//! VolumeAttributesClass.

use k8s_openapi::api::storage::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, storage},
};

pub struct VolumeAttributesClass;

impl Kind for VolumeAttributesClass {
    type Object = v1::VolumeAttributesClass;
    const SHORT_NAMES: &'static [&'static str] = &["vac"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("DriverName", |class: &v1::VolumeAttributesClass, _| {
            class.driver_name.as_str().into()
        }),
        cells::age(),
    ];
    const RETURNS_DELETED: bool = true;

    fn validate(class: &v1::VolumeAttributesClass, errors: &mut FieldErrors) {
        storage::validate_driver(&class.driver_name, "driverName", errors);
        match class.parameters.as_ref().filter(|parameters| !parameters.is_empty()) {
            None => errors.required("parameters", "must contain at least one key/value pair"),
            Some(parameters) if parameters.keys().any(String::is_empty) => {
                errors.invalid("parameters", "", "field can not be empty.");
            }
            Some(_) => {}
        }
    }

    fn validate_update(
        new: &v1::VolumeAttributesClass,
        old: &v1::VolumeAttributesClass,
        errors: &mut FieldErrors,
    ) {
        if new.driver_name != old.driver_name {
            errors.forbidden("driverName", "updates to driverName are forbidden.");
        }
        if new.parameters != old.parameters {
            errors.forbidden("parameters", "updates to parameters are forbidden.");
        }
    }
}

//! DeviceClass.

use k8s_openapi::api::resource::v1;
use object::FieldErrors;

use crate::{
    Column, Kind,
    parts::{cells, devices},
};

pub struct DeviceClass;

impl Kind for DeviceClass {
    type Object = v1::DeviceClass;
    const COLUMNS: &'static [Column<Self::Object>] = &[cells::age()];
    const GENERATION: bool = true;

    fn validate(class: &v1::DeviceClass, errors: &mut FieldErrors) {
        let Some(spec) = &class.spec else { return };
        devices::validate_selectors(spec.selectors.as_deref(), "spec.selectors", errors);
        for (index, config) in spec.config.iter().flatten().enumerate() {
            let path = format!("spec.config[{index}]");
            devices::validate_opaque(config.opaque.as_ref(), &path, errors);
        }
    }
}

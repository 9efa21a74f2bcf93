//! ResourceSlice.

use k8s_openapi::api::resource::v1;
use object::FieldErrors;

use crate::{
    Column, Field, Kind, column, field,
    parts::{cells, check, devices},
};

pub struct ResourceSlice;

impl Kind for ResourceSlice {
    type Object = v1::ResourceSlice;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Node", |slice: &v1::ResourceSlice, _| cells::text(slice.spec.node_name.as_deref())),
        column("Driver", |slice: &v1::ResourceSlice, _| slice.spec.driver.as_str().into()),
        column("Pool", |slice: &v1::ResourceSlice, _| slice.spec.pool.name.as_str().into()),
        cells::age(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("spec.nodeName", |slice| slice.spec.node_name.clone().unwrap_or_default()),
        field("spec.driver", |slice| slice.spec.driver.clone()),
    ];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(slice: &mut v1::ResourceSlice) {
        devices::set_slice_defaults(&mut slice.spec);
    }

    fn validate(slice: &v1::ResourceSlice, errors: &mut FieldErrors) {
        devices::validate_slice(&slice.spec, errors);
    }

    fn validate_update(new: &v1::ResourceSlice, old: &v1::ResourceSlice, errors: &mut FieldErrors) {
        let (new, old) = (&new.spec, &old.spec);
        check::immutable(&new.driver, &old.driver, "spec.driver", errors);
        check::immutable(&new.pool.name, &old.pool.name, "spec.pool.name", errors);
        check::immutable(&new.node_name, &old.node_name, "spec.nodeName", errors);
    }
}

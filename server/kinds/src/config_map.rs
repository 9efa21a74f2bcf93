//! ConfigMap.

use k8s_openapi::api::core::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, data},
};

pub struct ConfigMap;

impl Kind for ConfigMap {
    type Object = v1::ConfigMap;
    const SHORT_NAMES: &'static [&'static str] = &["cm"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Data", |map: &v1::ConfigMap, _| {
            let texts = map.data.as_ref().map_or(0, |data| data.len());
            let binaries = map.binary_data.as_ref().map_or(0, |data| data.len());
            (texts + binaries).into()
        })
        .integer(),
        cells::age(),
    ];

    fn validate(map: &v1::ConfigMap, errors: &mut FieldErrors) {
        let mut bytes = 0;
        for (key, value) in map.data.iter().flatten() {
            bytes += value.len();
            data::validate_key("data", key, errors);
            if map.binary_data.as_ref().is_some_and(|data| data.contains_key(key)) {
                errors.invalid(
                    format!("data[{key}]"),
                    key.as_str(),
                    "duplicate of key present in binaryData",
                );
            }
        }
        for (key, value) in map.binary_data.iter().flatten() {
            bytes += value.0.len();
            data::validate_key("binaryData", key, errors);
            if map.data.as_ref().is_some_and(|data| data.contains_key(key)) {
                errors.invalid(
                    format!("binaryData[{key}]"),
                    key.as_str(),
                    "duplicate of key present in data",
                );
            }
        }
        data::validate_size("[]", bytes, errors);
    }

    fn validate_update(new: &v1::ConfigMap, old: &v1::ConfigMap, errors: &mut FieldErrors) {
        if old.immutable != Some(true) {
            return;
        }
        data::keep("immutable", new.immutable == Some(true), errors);
        data::keep("data", data::same(new.data.as_ref(), old.data.as_ref()), errors);
        let same = data::same(new.binary_data.as_ref(), old.binary_data.as_ref());
        data::keep("binaryData", same, errors);
    }
}

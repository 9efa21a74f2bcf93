//! ConfigMap.

use k8s_openapi::api::core::v1;

use crate::{Column, Kind, column, parts::cells};

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
}

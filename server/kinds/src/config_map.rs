//! ConfigMap: configuration that pods read as files or variables.

use k8s_openapi::api::core::v1;

use crate::{Column, Kind, column};

pub struct ConfigMap;

impl Kind for ConfigMap {
    type Object = v1::ConfigMap;
    const SHORT_NAMES: &'static [&'static str] = &["cm"];
    const COLUMNS: &'static [Column<Self::Object>] = &[column("Data", |map: &v1::ConfigMap, _| {
        let texts = map.data.as_ref().map_or(0, |data| data.len());
        let binaries = map.binary_data.as_ref().map_or(0, |data| data.len());
        (texts + binaries).into()
    })
    .integer()];
}

//! Endpoints.

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use serde_json::Value;

use crate::{Column, Kind, column, parts::cells};

pub struct Endpoints;

impl Kind for Endpoints {
    type Object = v1::Endpoints;
    const SHORT_NAMES: &'static [&'static str] = &["ep"];
    const COLUMNS: &'static [Column<Self::Object>] =
        &[column("Endpoints", endpoints), cells::age()];
}

fn endpoints(endpoints: &v1::Endpoints, _: Timestamp) -> Value {
    let mut all = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let addresses = subset.addresses.iter().flatten();
        for port in subset.ports.iter().flatten() {
            all.extend(addresses.clone().map(|address| format!("{}:{}", address.ip, port.port)));
        }
        if subset.ports.as_ref().is_none_or(Vec::is_empty) {
            all.extend(addresses.map(|address| address.ip.clone()));
        }
    }
    cells::first_three(&all, cells::NONE)
}

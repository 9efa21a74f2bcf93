//! Endpoints.

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use object::{FieldErrors, name};
use serde_json::Value;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub struct Endpoints;

impl Kind for Endpoints {
    type Object = v1::Endpoints;
    const SHORT_NAMES: &'static [&'static str] = &["ep"];
    const COLUMNS: &'static [Column<Self::Object>] =
        &[column("Endpoints", endpoints), cells::age()];

    fn set_defaults(endpoints: &mut v1::Endpoints) {
        for subset in endpoints.subsets.iter_mut().flatten() {
            for port in subset.ports.iter_mut().flatten() {
                port.protocol.get_or_insert_with(|| "TCP".to_owned());
            }
        }
    }

    fn validate(endpoints: &v1::Endpoints, errors: &mut FieldErrors) {
        for (index, subset) in endpoints.subsets.iter().flatten().enumerate() {
            validate_subset(subset, &format!("subsets[{index}]"), errors);
        }
    }
}

fn validate_subset(subset: &v1::EndpointSubset, path: &str, errors: &mut FieldErrors) {
    let lists =
        [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)];
    if lists.iter().all(|(_, list)| list.as_ref().is_none_or(Vec::is_empty)) {
        errors.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for (field, list) in lists {
        for (index, address) in list.iter().flatten().enumerate() {
            check::ip(&address.ip, &format!("{path}.{field}[{index}].ip"), errors);
        }
    }
    let ports = subset.ports.as_deref().unwrap_or_default();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let name = port.name.as_deref().unwrap_or_default();
        if ports.len() > 1 || !name.is_empty() {
            check::name(name, &format!("{path}.name"), name::label, errors);
        }
        check::port(port.port, &format!("{path}.port"), errors);
        check::one_of(port.protocol.as_deref(), &format!("{path}.protocol"), &PROTOCOLS, errors);
    }
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

//! EndpointSlice.

use jiff::Timestamp;
use k8s_openapi::api::discovery::v1;
use object::{FieldErrors, error::Problem, name};
use serde_json::Value;

use crate::{
    Column, Kind, column,
    parts::{
        cells,
        check::{self, Once},
    },
};

const TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const UNSET: &str = "<unset>";

pub struct EndpointSlice;

impl Kind for EndpointSlice {
    type Object = v1::EndpointSlice;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("AddressType", |slice: &v1::EndpointSlice, _| slice.address_type.as_str().into()),
        column("Ports", ports),
        column("Endpoints", addresses),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(slice: &mut v1::EndpointSlice) {
        for port in slice.ports.iter_mut().flatten() {
            port.name.get_or_insert_default();
            port.protocol.get_or_insert_with(|| "TCP".to_owned());
        }
    }

    fn validate(slice: &v1::EndpointSlice, errors: &mut FieldErrors) {
        check::one_of(Some(&slice.address_type), "addressType", &TYPES, errors);
        let endpoints = slice.endpoints.as_deref().unwrap_or_default();
        at_most(endpoints.len(), ENDPOINTS_MAX, "endpoints", errors);
        for (index, endpoint) in endpoints.iter().enumerate() {
            let path = format!("endpoints[{index}]");
            validate_endpoint(endpoint, &slice.address_type, &path, errors);
        }
        let mut names = Once::default();
        for (index, port) in slice.ports.iter().flatten().enumerate() {
            let path = format!("ports[{index}]");
            let name = port.name.as_deref().unwrap_or_default();
            if !name.is_empty() {
                check::name(name, &format!("{path}.name"), name::label, errors);
            }
            names.check(name, &format!("{path}.name"), errors);
            let protocol = port.protocol.as_deref();
            check::one_of(protocol, &format!("{path}.protocol"), &PROTOCOLS, errors);
            if let Some(number) = port.port {
                check::port(number, &format!("{path}.port"), errors);
            }
        }
    }

    fn validate_update(new: &v1::EndpointSlice, old: &v1::EndpointSlice, errors: &mut FieldErrors) {
        if new.address_type != old.address_type {
            errors.invalid("addressType", new.address_type.as_str(), check::IMMUTABLE);
        }
    }
}

fn at_most(count: usize, most: usize, path: &str, errors: &mut FieldErrors) {
    if count > most {
        let detail = format!("{count}: must have at most {most} items");
        errors.push(path, Problem::TooMany, detail);
    }
}

fn validate_endpoint(endpoint: &v1::Endpoint, type_: &str, path: &str, errors: &mut FieldErrors) {
    if endpoint.addresses.is_empty() {
        errors.required(format!("{path}.addresses"), "must contain at least 1 address");
    }
    at_most(endpoint.addresses.len(), ADDRESSES_MAX, &format!("{path}.addresses"), errors);
    for (index, address) in endpoint.addresses.iter().enumerate() {
        let path = format!("{path}.addresses[{index}]");
        if type_ == "FQDN" {
            check::name(address, &path, name::subdomain, errors);
        } else {
            check::ip(address, &path, errors);
        }
    }
    if let Some(node) = endpoint.node_name.as_deref() {
        check::name(node, &format!("{path}.nodeName"), name::subdomain, errors);
    }
    if let Some(host) = endpoint.hostname.as_deref() {
        check::name(host, &format!("{path}.hostname"), name::label, errors);
    }
}

fn ports(slice: &v1::EndpointSlice, _: Timestamp) -> Value {
    let ports = slice.ports.iter().flatten();
    let texts: Vec<String> = ports
        .map(|port| port.port.map_or_else(|| "*".to_owned(), |port| port.to_string()))
        .collect();
    cells::first_three(&texts, UNSET)
}

fn addresses(slice: &v1::EndpointSlice, _: Timestamp) -> Value {
    let endpoints = slice.endpoints.iter().flatten();
    let all: Vec<String> =
        endpoints.flat_map(|endpoint| endpoint.addresses.iter().cloned()).collect();
    cells::first_three(&all, UNSET)
}

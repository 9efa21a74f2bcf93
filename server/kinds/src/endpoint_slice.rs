//! EndpointSlice.

use jiff::Timestamp;
use k8s_openapi::api::discovery::v1;
use serde_json::Value;

use crate::{Column, Kind, column, parts::cells};

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

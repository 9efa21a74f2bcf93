//! Who answers for a service when the server itself connects to it: for the API's proxies, webhooks
//! and aggregated APIs.

use std::net::SocketAddr;

use k8s_openapi::api::{
    core::v1::Service,
    discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice},
};
use object::{ApiError, Meta};

pub use crate::routing::{ENDPOINT_SLICES, SERVICES};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// One address that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it runs; `None` for an address outside of the cluster.
    pub node: Option<String>,
    pub address: SocketAddr,
}

/// Whether a slice tells of that service.
pub fn is_of(slice: &[u8], service: &str) -> bool {
    Meta::read(slice)
        .is_ok_and(|meta| meta.labels.get(SERVICE_NAME).is_some_and(|name| name == service))
}

/// The ready endpoints of a service's port, which is named by its number or its name; empty for the
/// port without a name.
///
/// # Errors
/// 404 without the service; 503 as Kubernetes words it when nobody answers.
pub fn endpoints<'b>(
    name: &str,
    service: Option<&[u8]>,
    slices: impl Iterator<Item = &'b [u8]>,
    port: &str,
) -> Result<Vec<Endpoint>, ApiError> {
    let service = service.and_then(|body| serde_json::from_slice::<Service>(body).ok());
    let service = service.ok_or_else(|| ApiError::not_found("services", name))?;
    let port = port_name(&service, name, port)?;
    let slices = slices.filter_map(|body| serde_json::from_slice::<EndpointSlice>(body).ok());
    let found: Vec<Endpoint> = slices.flat_map(|slice| of_slice(&slice, &port)).collect();
    if found.is_empty() {
        let why = format!("no endpoints available for service \"{name}\"");
        return Err(ApiError::unavailable(why));
    }
    Ok(found)
}

/// What slices call the port.
fn port_name(service: &Service, name: &str, asked: &str) -> Result<String, ApiError> {
    let Ok(number) = asked.parse::<i32>() else { return Ok(asked.to_owned()) };
    let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let found = ports.find(|port| port.port == number);
    found.map(|port| port.name.clone().unwrap_or_default()).ok_or_else(|| {
        let why = format!("no service port {number} found for service \"{name}\"");
        ApiError::unavailable(why)
    })
}

fn of_slice(slice: &EndpointSlice, port: &str) -> Vec<Endpoint> {
    let is_meant = |name: Option<&str>, protocol: Option<&str>| {
        name.unwrap_or_default() == port && protocol.unwrap_or("TCP") == "TCP"
    };
    let mut ports = slice.ports.iter().flatten();
    let found = ports.find(|port| is_meant(port.name.as_deref(), port.protocol.as_deref()));
    let Some(number) = found.and_then(|port| u16::try_from(port.port?).ok()) else {
        return Vec::new();
    };
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| is_ready(endpoint));
    ready
        .filter_map(|endpoint| {
            let address = endpoint.addresses.first()?.parse().ok()?;
            let address = SocketAddr::new(address, number);
            Some(Endpoint { node: endpoint.node_name.clone(), address })
        })
        .collect()
}

fn is_ready(endpoint: &SliceEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

/// Whether the server itself may connect to an address that stands in somebody's endpoints: those
/// that mean the server's own host are not theirs to give.
pub fn is_dialable(address: &SocketAddr) -> bool {
    match address.ip() {
        std::net::IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.is_broadcast())
        }
        std::net::IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.to_ipv4_mapped().is_some())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(port: &str) -> Result<Vec<String>, String> {
        let service = json!({"metadata": {"name": "web"}, "spec": {"ports": [
            {"name": "http", "port": 80}, {"name": "admin", "port": 81}]}});
        let slice = json!({
            "metadata": {"labels": {SERVICE_NAME: "web"}}, "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}, {"name": "admin", "port": 53, "protocol": "UDP"}],
            "endpoints": [
                {"addresses": ["10.42.0.2"], "nodeName": "one", "conditions": {"ready": true}},
                {"addresses": ["10.42.0.3"], "nodeName": "one", "conditions": {"ready": false}},
                {"addresses": ["192.0.2.1"]},
            ],
        })
        .to_string();
        let service = service.to_string();
        assert!(is_of(slice.as_bytes(), "web") && !is_of(slice.as_bytes(), "we"));
        let slices = std::iter::once(slice.as_bytes());
        let found = endpoints("web", Some(service.as_bytes()), slices, port);
        let show = |e: &Endpoint| format!("{} {}", e.node.as_deref().unwrap_or("-"), e.address);
        found.map(|all| all.iter().map(show).collect()).map_err(|error| error.message)
    }

    #[test]
    fn finds_ready_endpoints_of_a_port() {
        let both = Ok(vec!["one 10.42.0.2:8080".to_owned(), "- 192.0.2.1:8080".to_owned()]);
        assert_eq!(ask("80"), both);
        assert_eq!(ask("http"), both);
        let nobody = Err("no endpoints available for service \"web\"".to_owned());
        assert_eq!(ask("81"), nobody);
        assert_eq!(ask(""), nobody);
        assert_eq!(ask("82"), Err("no service port 82 found for service \"web\"".to_owned()));
        let absent = endpoints("web", None, std::iter::empty(), "80").unwrap_err();
        assert_eq!(absent.message, "services \"web\" not found");
    }

    #[test]
    fn endpoints_do_not_lead_to_the_server_itself() {
        for (address, expected) in [
            ("10.1.2.3:80", true),
            ("127.0.0.1:5432", false),
            ("169.254.169.254:80", false),
            ("[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
        ] {
            assert_eq!(is_dialable(&address.parse().unwrap()), expected, "{address}");
        }
    }
}

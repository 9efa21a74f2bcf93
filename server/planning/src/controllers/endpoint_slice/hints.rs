//! For whom an endpoint is meant first, where the Service wants its traffic to stay near.

use k8s_openapi::api::{
    core::v1::Service,
    discovery::v1::{EndpointHints, ForNode, ForZone},
};

use crate::backends::Backend;

/// `None` where nobody is preferred, and for an endpoint that nobody should be sent to.
pub(super) fn of(service: &Service, backend: &Backend<'_>) -> Option<EndpointHints> {
    let wanted = service.spec.as_ref()?.traffic_distribution.as_deref()?;
    let prefers_node = match wanted {
        "PreferSameNode" => true,
        "PreferSameZone" | "PreferClose" => false,
        _ => return None,
    };
    if !backend.is_ready(service) {
        return None;
    }
    let zone = backend.zone.map(|zone| vec![ForZone { name: zone.to_owned() }]);
    let node = Some(&backend.pod.node).filter(|node| prefers_node && !node.is_empty());
    let node = node.map(|node| vec![ForNode { name: node.to_string() }]);
    let is_any = zone.is_some() || node.is_some();
    is_any.then_some(EndpointHints { for_nodes: node, for_zones: zone })
}

//! What a service was given stays when a writer leaves it out, and goes when its type has no use
//! for it any more.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use kinds::{AnyObject, cast, cast_mut, service};
use object::ApiError;
use serde_json::{Value, json};

use super::Request;
use crate::World;

/// Whether a service of its type has an address of its own.
pub(super) fn needs_ip(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() != Some("ExternalName")
}

/// Whether a service of its type has ports on every node.
pub(super) fn needs_node_ports(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

/// Whose claim it is, as `spec.parentRef` of claims says it.
pub(super) fn parent(service: &Service) -> Value {
    json!({
        "group": "", "resource": "services",
        "namespace": service.metadata.namespace, "name": service.metadata.name,
    })
}

pub(super) fn keep_allocated(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    let Some(new) = cast_mut::<service::Service>(object) else { return Ok(()) };
    let old = request.old.and_then(cast::<service::Service>).and_then(|old| old.spec.as_ref());
    if let (Some(new), Some(old), true) = (&mut new.spec, old, request.is_main()) {
        keep_ip(new, old);
        keep_node_ports(new, old);
        drop_policies(new, old);
    }
    Ok(())
}

fn is_set(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn keep_ip(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_ip(old) && needs_ip(new) {
        if !is_set(new.cluster_ip.as_ref()) {
            new.cluster_ip.clone_from(&old.cluster_ip);
        }
        if new.cluster_ips.as_ref().is_none_or(Vec::is_empty) && new.cluster_ip == old.cluster_ip {
            new.cluster_ips.clone_from(&old.cluster_ips);
        }
    } else if !needs_ip(new) && new.cluster_ip == old.cluster_ip {
        new.cluster_ip = None;
        new.cluster_ips = None;
        new.ip_families = None;
        new.ip_family_policy = None;
    }
}

/// What only services with ports outside have goes with those, unless it is said anew.
fn drop_policies(new: &mut ServiceSpec, old: &ServiceSpec) {
    let is_outside = |spec: &ServiceSpec| {
        matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
            || spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
    };
    if is_outside(old)
        && !is_outside(new)
        && new.external_traffic_policy == old.external_traffic_policy
    {
        new.external_traffic_policy = None;
    }
    let balances = |spec: &ServiceSpec| spec.type_.as_deref() == Some("LoadBalancer");
    if balances(old) && !balances(new) {
        new.allocate_load_balancer_node_ports = None;
    }
}

fn keep_node_ports(new: &mut ServiceSpec, old: &ServiceSpec) {
    let old_ports = old.ports.as_deref().unwrap_or_default();
    let new_ports = new.ports.as_deref().unwrap_or_default();
    if needs_node_ports(old) && needs_node_ports(new) {
        let used: Vec<i32> = new_ports.iter().filter_map(|port| port.node_port).collect();
        for port in new.ports.iter_mut().flatten() {
            let before = old_ports.iter().find(|other| other.name == port.name);
            let before = before.and_then(|other| other.node_port).filter(|n| !used.contains(n));
            if port.node_port.unwrap_or_default() == 0 {
                port.node_port = before;
            }
        }
    } else if needs_node_ports(old) {
        let unchanged = new_ports.len() == old_ports.len()
            && new_ports.iter().zip(old_ports).all(|(new, old)| new.node_port == old.node_port);
        if unchanged {
            for port in new.ports.iter_mut().flatten() {
                port.node_port = None;
            }
        }
    }
}

//! What Kubernetes fills in where a service's author said nothing.

use k8s_openapi::{api::core::v1::ServiceSpec, apimachinery::pkg::util::intstr::IntOrString};

use crate::parts::check;

const AFFINITY_SECONDS: i32 = 10800;

pub(super) fn set(spec: &mut ServiceSpec) {
    set_text(&mut spec.session_affinity, "None");
    set_text(&mut spec.type_, "ClusterIP");
    match spec.session_affinity.as_deref() {
        Some("ClientIP") => {
            let config = spec.session_affinity_config.get_or_insert_default();
            let client = config.client_ip.get_or_insert_default();
            client.timeout_seconds.get_or_insert(AFFINITY_SECONDS);
        }
        _ => spec.session_affinity_config = None,
    }
    for port in spec.ports.iter_mut().flatten() {
        set_text(&mut port.protocol, "TCP");
        let is_said = match &port.target_port {
            Some(IntOrString::Int(number)) => *number != 0,
            Some(IntOrString::String(name)) => !name.is_empty(),
            None => false,
        };
        if !is_said {
            port.target_port = Some(IntOrString::Int(port.port));
        }
    }
    let type_ = spec.type_.as_deref().unwrap_or_default();
    let has_external = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    if matches!(type_, "NodePort" | "LoadBalancer") || (type_ == "ClusterIP" && has_external) {
        set_text(&mut spec.external_traffic_policy, "Cluster");
    }
    if matches!(type_, "ClusterIP" | "NodePort" | "LoadBalancer") {
        set_text(&mut spec.internal_traffic_policy, "Cluster");
        set_text(&mut spec.ip_family_policy, "SingleStack");
        if spec.ip_families.as_ref().is_none_or(Vec::is_empty) {
            spec.ip_families = Some(vec!["IPv4".to_owned()]);
        }
    }
    if type_ == "LoadBalancer" {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    if let Some(ip) = spec.cluster_ip.clone().filter(|ip| !ip.is_empty())
        && spec.cluster_ips.as_ref().is_none_or(Vec::is_empty)
    {
        spec.cluster_ips = Some(vec![ip]);
    }
}

fn set_text(field: &mut Option<String>, text: &str) {
    if check::is_blank(field.as_deref()) {
        *field = Some(text.to_owned());
    }
}

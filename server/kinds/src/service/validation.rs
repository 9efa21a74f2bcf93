//! What a service must be.

use k8s_openapi::{
    api::core::v1::{ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::{FieldErrors, name};
use serde_json::json;

use crate::parts::check::{self, Once};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const AFFINITIES: [&str; 2] = ["ClientIP", "None"];
const POLICIES: [&str; 2] = ["Cluster", "Local"];
const HEADLESS: &str = "None";
const AFFINITY_SECONDS_MAX: i32 = 86400;

pub(super) fn validate(spec: &ServiceSpec, errors: &mut FieldErrors) {
    let type_ = spec.type_.as_deref().unwrap_or_default();
    validate_ports(spec, type_, errors);
    check::labels(spec.selector.as_ref(), "spec.selector", errors);
    check::one_of(spec.session_affinity.as_deref(), "spec.sessionAffinity", &AFFINITIES, errors);
    let affinity = spec.session_affinity_config.as_ref().and_then(|c| c.client_ip.as_ref());
    if let Some(seconds) = affinity.and_then(|client| client.timeout_seconds)
        && !(1..=AFFINITY_SECONDS_MAX).contains(&seconds)
    {
        let why = format!("must be greater than 0 and less than {AFFINITY_SECONDS_MAX}");
        errors.invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, why);
    }
    check::one_of(Some(type_), "spec.type", &TYPES, errors);
    validate_addresses(spec, type_, errors);
    let internal = spec.internal_traffic_policy.as_deref();
    check::maybe_one_of(internal, "spec.internalTrafficPolicy", &POLICIES, errors);
    let external = spec.external_traffic_policy.as_deref();
    check::maybe_one_of(external, "spec.externalTrafficPolicy", &POLICIES, errors);
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        let path = format!("spec.ipFamilies[{index}]");
        if family == "IPv6" {
            errors.invalid(path, family.as_str(), "not configured on this cluster");
        } else {
            check::one_of(Some(family), &path, &["IPv4", "IPv6"], errors);
        }
    }
    if spec.ip_family_policy.as_deref() == Some("RequireDualStack") {
        errors.invalid(
            "spec.ipFamilyPolicy",
            "RequireDualStack",
            "this cluster is not configured for dual-stack services",
        );
    }
}

fn validate_addresses(spec: &ServiceSpec, type_: &str, errors: &mut FieldErrors) {
    let cluster_ip = spec.cluster_ip.as_deref().unwrap_or_default();
    match type_ {
        "ExternalName" => validate_external_name(spec, cluster_ip, errors),
        "NodePort" | "LoadBalancer" if cluster_ip == HEADLESS => {
            let why = format!("may not be set to 'None' for {type_} services");
            errors.invalid("spec.clusterIPs[0]", HEADLESS, why);
        }
        _ => {}
    }
    if !matches!(cluster_ip, "" | HEADLESS) {
        check::ip(cluster_ip, "spec.clusterIPs[0]", errors);
    }
    let first = spec.cluster_ips.iter().flatten().next().map_or("", String::as_str);
    if first != cluster_ip && type_ != "ExternalName" {
        let shown = check::shown(&spec.cluster_ips);
        errors.invalid("spec.clusterIPs", shown, "first value must match `clusterIP`");
    }
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        check::ip(ip, &format!("spec.externalIPs[{index}]"), errors);
    }
}

fn validate_external_name(spec: &ServiceSpec, cluster_ip: &str, errors: &mut FieldErrors) {
    if !cluster_ip.is_empty() {
        errors.forbidden("spec.clusterIPs", "may not be set for ExternalName services");
    }
    let target = spec.external_name.as_deref().unwrap_or_default();
    let target = target.strip_suffix('.').unwrap_or(target);
    check::name(target, "spec.externalName", name::subdomain, errors);
}

fn validate_ports(spec: &ServiceSpec, type_: &str, errors: &mut FieldErrors) {
    let ports = spec.ports.as_deref().unwrap_or_default();
    let may_be_empty = type_ == "ExternalName" || spec.cluster_ip.as_deref() == Some(HEADLESS);
    if ports.is_empty() && !may_be_empty {
        errors.required("spec.ports", "");
    }
    let mut names = Once::default();
    let mut seen: Vec<(i32, Option<&str>)> = Vec::new();
    let mut node_ports: Vec<(i32, Option<&str>)> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let protocol = port.protocol.as_deref();
        validate_port(port, ports.len() > 1, &path, &mut names, errors);
        if seen.contains(&(port.port, protocol)) {
            let shown = json!({"protocol": protocol, "port": port.port, "targetPort": 0});
            errors.duplicate(path.as_str(), shown);
        }
        seen.push((port.port, protocol));
        let Some(node_port) = port.node_port.filter(|node_port| *node_port != 0) else { continue };
        let path = format!("{path}.nodePort");
        if matches!(type_, "ClusterIP" | "ExternalName") {
            let why = format!("may not be used when `type` is '{type_}'");
            errors.forbidden(path.as_str(), why);
        }
        if node_ports.contains(&(node_port, protocol)) {
            errors.duplicate(path, node_port);
        }
        node_ports.push((node_port, protocol));
    }
}

fn validate_port<'a>(
    port: &'a ServicePort,
    needs_name: bool,
    path: &str,
    names: &mut Once<'a>,
    errors: &mut FieldErrors,
) {
    let name = port.name.as_deref().unwrap_or_default();
    if !name.is_empty() || needs_name {
        check::name(name, &format!("{path}.name"), name::label, errors);
    }
    if !name.is_empty() {
        names.check(name, &format!("{path}.name"), errors);
    }
    check::port(port.port, &format!("{path}.port"), errors);
    check::one_of(port.protocol.as_deref(), &format!("{path}.protocol"), &PROTOCOLS, errors);
    // Without a target, the port itself is the target.
    if let Some(target) = port.target_port.as_ref().filter(|t| **t != IntOrString::Int(port.port)) {
        check::port_or_name(target, &format!("{path}.targetPort"), errors);
    }
}

/// An address that was given stays as long as the service has use for one.
pub(super) fn validate_update(new: &ServiceSpec, old: &ServiceSpec, errors: &mut FieldErrors) {
    let has_ip = |spec: &ServiceSpec| spec.type_.as_deref() != Some("ExternalName");
    let before = old.cluster_ip.as_deref().unwrap_or_default();
    let is_kept = new.cluster_ip.as_deref() == Some(before);
    if has_ip(new) && has_ip(old) && !before.is_empty() && !is_kept {
        let shown = check::shown(&new.cluster_ips);
        errors.invalid("spec.clusterIPs[0]", shown, "may not change once set");
    }
}

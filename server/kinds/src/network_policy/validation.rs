//! What a NetworkPolicy must say: ports and peers.

use k8s_openapi::{
    api::networking::v1::{IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::parts::{
    check,
    network::{CIDR, Cidr},
    selector,
};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const TYPES: [&str; 2] = ["Egress", "Ingress"];

pub(super) fn validate(spec: &NetworkPolicySpec, errors: &mut FieldErrors) {
    if let Some(labels) = &spec.pod_selector {
        selector::validate(labels, "spec.podSelector", errors);
    }
    for (index, rule) in spec.ingress.iter().flatten().enumerate() {
        let path = format!("spec.ingress[{index}]");
        validate_ports(rule.ports.as_deref(), &path, errors);
        validate_peers(rule.from.as_deref(), &format!("{path}.from"), errors);
    }
    for (index, rule) in spec.egress.iter().flatten().enumerate() {
        let path = format!("spec.egress[{index}]");
        validate_ports(rule.ports.as_deref(), &path, errors);
        validate_peers(rule.to.as_deref(), &format!("{path}.to"), errors);
    }
    let types = spec.policy_types.as_deref().unwrap_or_default();
    if types.len() > TYPES.len() {
        let shown = check::shown(&types);
        errors.invalid("spec.policyTypes", shown, "may not specify more than two policyTypes");
        return;
    }
    for (index, type_) in types.iter().enumerate() {
        if !TYPES.contains(&type_.as_str()) {
            errors.not_supported(format!("spec.policyTypes[{index}]"), type_.as_str(), &TYPES);
        }
    }
}

fn validate_ports(ports: Option<&[NetworkPolicyPort]>, path: &str, errors: &mut FieldErrors) {
    for (index, one) in ports.unwrap_or_default().iter().enumerate() {
        let at = |field: &str| format!("{path}.ports[{index}].{field}");
        if let Some(protocol) = one.protocol.as_deref()
            && !PROTOCOLS.contains(&protocol)
        {
            errors.not_supported(at("protocol"), protocol, &PROTOCOLS);
        }
        if let Some(port) = &one.port {
            check::port_or_name(port, &at("port"), errors);
        }
        let Some(end) = one.end_port else { continue };
        match &one.port {
            Some(IntOrString::Int(port)) if end < *port => {
                errors.invalid(at("endPort"), end, "must be greater than or equal to `port`");
            }
            Some(IntOrString::Int(_)) => check::port(end, &at("endPort"), errors),
            Some(IntOrString::String(_)) => errors.invalid(
                at("endPort"),
                end,
                "may not be specified when `port` is non-numeric",
            ),
            None => errors.required(at("port"), "must be specified when `endPort` is specified"),
        }
    }
}

fn validate_peers(peers: Option<&[NetworkPolicyPeer]>, path: &str, errors: &mut FieldErrors) {
    for (index, peer) in peers.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut count = 0;
        for (field, labels) in
            [("podSelector", &peer.pod_selector), ("namespaceSelector", &peer.namespace_selector)]
        {
            if let Some(labels) = labels {
                count += 1;
                selector::validate(labels, &format!("{path}.{field}"), errors);
            }
        }
        match (&peer.ip_block, count) {
            (Some(_), 1..) => {
                errors.forbidden(&*path, "may not specify both ipBlock and another peer")
            }
            (Some(block), 0) => validate_block(block, &format!("{path}.ipBlock"), errors),
            (None, 0) => errors.required(&*path, "must specify a peer"),
            _ => {}
        }
    }
}

fn validate_block(block: &IPBlock, path: &str, errors: &mut FieldErrors) {
    let at = format!("{path}.cidr");
    if block.cidr.is_empty() {
        return errors.required(at, "");
    }
    let Some(outer) = Cidr::parse(&block.cidr) else {
        return errors.invalid(at, block.cidr.as_str(), CIDR);
    };
    for (index, text) in block.except.iter().flatten().enumerate() {
        let at = format!("{path}.except[{index}]");
        match Cidr::parse(text) {
            None => errors.invalid(at, text.as_str(), CIDR),
            Some(inner) if !outer.strictly_contains(inner) => {
                errors.invalid(at, text.as_str(), "must be a strict subset of `cidr`");
            }
            Some(_) => {}
        }
    }
}

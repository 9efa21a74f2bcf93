//! What an Ingress must say: rules with paths, and a backend for each.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressStatus,
};
use object::{FieldErrors, name};

use crate::parts::check;

const PATH_TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];
const SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const SUFFIXES: [&str; 2] = ["/..", "/."];

pub(super) fn validate(ingress: &Ingress, errors: &mut FieldErrors) {
    let none = Default::default();
    let spec = ingress.spec.as_ref().unwrap_or(&none);
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        errors.invalid(
            "spec",
            check::shown(&rules),
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    if let Some(backend) = &spec.default_backend {
        validate_backend(backend, "spec.defaultBackend", errors);
    }
    for (index, rule) in rules.iter().enumerate() {
        validate_rule(rule, &format!("spec.rules[{index}]"), errors);
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        let path = format!("spec.tls[{index}]");
        for (at, host) in tls.hosts.iter().flatten().enumerate() {
            validate_host(host, &format!("{path}.hosts[{at}]"), errors);
        }
        if let Some(secret) = tls.secret_name.as_deref().filter(|secret| !secret.is_empty()) {
            check::name(secret, &format!("{path}.secretName"), name::subdomain, errors);
        }
    }
    if let Some(class) = spec.ingress_class_name.as_deref() {
        check::name(class, "spec.ingressClassName", name::subdomain, errors);
    }
    if let Some(status) = &ingress.status {
        validate_status(status, errors);
    }
}

fn validate_host(host: &str, path: &str, errors: &mut FieldErrors) {
    let rest = host.strip_prefix("*.");
    if host.contains('*') {
        let good = rest.is_some_and(|rest| name::subdomain(rest).is_ok());
        if !good {
            errors.invalid(path, host, "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
        }
    } else {
        check::name(host, path, name::subdomain, errors);
    }
}

fn validate_rule(rule: &IngressRule, path: &str, errors: &mut FieldErrors) {
    if let Some(host) = rule.host.as_deref().filter(|host| !host.is_empty()) {
        if host.parse::<IpAddr>().is_ok() {
            errors.invalid(format!("{path}.host"), host, "must be a DNS name, not an IP address");
        } else {
            validate_host(host, &format!("{path}.host"), errors);
        }
    }
    let Some(http) = &rule.http else { return };
    let path = format!("{path}.http.paths");
    if http.paths.is_empty() {
        errors.required(&*path, "");
    }
    for (index, one) in http.paths.iter().enumerate() {
        validate_path(one, &format!("{path}[{index}]"), errors);
        validate_backend(&one.backend, &format!("{path}[{index}].backend"), errors);
    }
}

fn validate_path(one: &HTTPIngressPath, path: &str, errors: &mut FieldErrors) {
    let at = format!("{path}.path");
    let text = one.path.as_deref().unwrap_or_default();
    match one.path_type.as_str() {
        "" => errors.required(format!("{path}.pathType"), "pathType must be specified"),
        "Exact" | "Prefix" => {
            if !text.starts_with('/') {
                errors.invalid(&*at, text, "must be an absolute path");
            }
            for sequence in SEQUENCES.into_iter().filter(|sequence| text.contains(sequence)) {
                errors.invalid(&*at, text, format!("must not contain '{sequence}'"));
            }
            for suffix in SUFFIXES.into_iter().filter(|suffix| text.ends_with(suffix)) {
                errors.invalid(&*at, text, format!("cannot end with '{suffix}'"));
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.invalid(at, text, "must be an absolute path");
            }
        }
        other => errors.not_supported(format!("{path}.pathType"), other, &PATH_TYPES),
    }
}

fn validate_backend(backend: &IngressBackend, path: &str, errors: &mut FieldErrors) {
    match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => {
            errors.invalid(path, "", "cannot set both resource and service backends");
        }
        (Some(resource), None) => {
            for (field, text) in [("kind", &resource.kind), ("name", &resource.name)] {
                let path = format!("{path}.resource.{field}");
                check::name(text, &path, name::path_segment, errors);
            }
        }
        (None, Some(service)) => {
            let at = format!("{path}.service");
            check::name(&service.name, &format!("{at}.name"), name::label, errors);
            let port = service.port.as_ref();
            let named = port.and_then(|port| port.name.as_deref()).filter(|text| !text.is_empty());
            let number = port.and_then(|port| port.number).filter(|number| *number != 0);
            match (named, number) {
                (Some(_), Some(_)) => {
                    errors.invalid(path, "", "cannot set both port name & port number");
                }
                (Some(name), None) => {
                    for why in check::port_name(name) {
                        errors.invalid(format!("{at}.port.name"), name, why);
                    }
                }
                (None, Some(number)) => check::port(number, &format!("{at}.port.number"), errors),
                (None, None) => errors.required(path, "port name or number is required"),
            }
        }
        (None, None) => errors.invalid(path, "", "resource or service backend is required"),
    }
}

fn validate_status(status: &IngressStatus, errors: &mut FieldErrors) {
    let points = status.load_balancer.as_ref().and_then(|status| status.ingress.as_deref());
    for (index, point) in points.unwrap_or_default().iter().enumerate() {
        let path = format!("status.loadBalancer.ingress[{index}]");
        if let Some(ip) = point.ip.as_deref().filter(|ip| !ip.is_empty()) {
            check::ip(ip, &format!("{path}.ip"), errors);
        }
        if let Some(host) = point.hostname.as_deref().filter(|host| !host.is_empty()) {
            check::name(host, &format!("{path}.hostname"), name::subdomain, errors);
            if host.parse::<IpAddr>().is_ok() {
                let why = "must be a DNS name, not an IP address";
                errors.invalid(format!("{path}.hostname"), host, why);
            }
        }
    }
}

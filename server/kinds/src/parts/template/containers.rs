//! The containers of a pod: names, images, ports, mounts, and what else each declares.

use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};
use object::{FieldErrors, name};

use super::{env, lifecycle, mounts, probes, resources, security};
use crate::parts::check::{self, Once};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const MESSAGE_POLICIES: [&str; 2] = ["FallbackToLogsOnError", "File"];

/// Checks containers and init containers; answers all their names.
pub(super) fn validate<'a>(
    spec: &'a PodSpec,
    path: &str,
    volumes: &Once<'_>,
    errors: &mut FieldErrors,
) -> Once<'a> {
    let mut names = Once::default();
    let host_network = spec.host_network == Some(true);
    let mut host_ports = Vec::new();
    if spec.containers.is_empty() {
        errors.required(format!("{path}.containers"), "");
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let path = format!("{path}.containers[{index}]");
        validate_any(container, &path, volumes, &mut names, errors);
        validate_host_ports(container, &path, host_network, &mut host_ports, errors);
        if container.restart_policy.as_deref() == Some("Always") {
            errors.forbidden(
                format!("{path}.restartPolicy"),
                "may not be set for non-init containers",
            );
        }
        lifecycle::validate(container.lifecycle.as_ref(), &path, errors);
        probes::validate(container, &path, errors);
    }
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        let path = format!("{path}.initContainers[{index}]");
        validate_any(container, &path, volumes, &mut names, errors);
        validate_init(container, &path, errors);
    }
    names
}

/// An init container that ends has nothing to probe.
fn validate_init(container: &Container, path: &str, errors: &mut FieldErrors) {
    let policy = container.restart_policy.as_deref();
    check::maybe_one_of(policy, &format!("{path}.restartPolicy"), &["Always"], errors);
    if policy == Some("Always") {
        lifecycle::validate(container.lifecycle.as_ref(), path, errors);
        probes::validate(container, path, errors);
        return;
    }
    for (field, is_set) in [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ] {
        if is_set {
            errors.forbidden(
                format!("{path}.{field}"),
                "may not be set for init containers without restartPolicy=Always",
            );
        }
    }
}

/// What all sorts of containers have.
pub(super) fn validate_any<'a>(
    container: &'a Container,
    path: &str,
    volumes: &Once<'_>,
    names: &mut Once<'a>,
    errors: &mut FieldErrors,
) {
    let at = |field: &str| format!("{path}.{field}");
    check::name(&container.name, &at("name"), name::label, errors);
    if !container.name.is_empty() {
        names.check(&container.name, &at("name"), errors);
    }
    let image = container.image.as_deref().unwrap_or_default();
    if image.trim().is_empty() {
        errors.required(at("image"), "");
    } else if image.trim() != image {
        errors.invalid(at("image"), image, "must not have leading or trailing whitespace");
    }
    let policy = container.termination_message_policy.as_deref();
    check::one_of(policy, &at("terminationMessagePolicy"), &MESSAGE_POLICIES, errors);
    validate_ports(container.ports.as_deref().unwrap_or_default(), &at("ports"), errors);
    env::validate(container, path, errors);
    mounts::validate(container, path, volumes, errors);
    let policy = container.image_pull_policy.as_deref();
    check::one_of(policy, &at("imagePullPolicy"), &PULL_POLICIES, errors);
    resources::validate(container.resources.as_ref(), &at("resources"), errors);
    resources::validate_policies(container.resize_policy.as_deref(), &at("resizePolicy"), errors);
    security::validate_container(container.security_context.as_ref(), path, errors);
}

fn validate_ports(ports: &[ContainerPort], path: &str, errors: &mut FieldErrors) {
    let mut names = Once::default();
    for (index, port) in ports.iter().enumerate() {
        let at = |field: &str| format!("{path}[{index}].{field}");
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let wrong = check::port_name(name);
            if wrong.is_empty() {
                names.check(name, &at("name"), errors);
            }
            for why in wrong {
                errors.invalid(at("name"), name, why);
            }
        }
        if port.container_port == 0 {
            errors.required(at("containerPort"), "");
        } else {
            check::port(port.container_port, &at("containerPort"), errors);
        }
        if let Some(host_port) = port.host_port.filter(|port| *port != 0) {
            check::port(host_port, &at("hostPort"), errors);
        }
        check::one_of(port.protocol.as_deref(), &at("protocol"), &PROTOCOLS, errors);
    }
}

/// Two containers can not have one port of the host; in its network ports are those of the host.
fn validate_host_ports(
    container: &Container,
    path: &str,
    host_network: bool,
    taken: &mut Vec<(i32, String, String)>,
    errors: &mut FieldErrors,
) {
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let Some(number) = port.host_port.filter(|number| *number != 0) else { continue };
        let at = format!("{path}.ports[{index}].hostPort");
        if host_network && number != port.container_port {
            errors.invalid(
                format!("{path}.ports[{index}].containerPort"),
                port.container_port,
                "must match `hostPort` when `hostNetwork` is true",
            );
        }
        let claim = (
            number,
            port.protocol.clone().unwrap_or_default(),
            port.host_ip.clone().unwrap_or_default(),
        );
        if taken.contains(&claim) {
            errors.duplicate(at, format!("{}/{}/{}", claim.1, claim.2, claim.0));
        } else {
            taken.push(claim);
        }
    }
}

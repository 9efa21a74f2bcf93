//! Containers that are added to a running pod to look into it.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec};
use object::{FieldErrors, error::Problem};

use super::containers;
use crate::parts::check::Once;

pub(super) fn validate<'a>(
    spec: &'a PodSpec,
    path: &str,
    volumes: &Once<'_>,
    names: Once<'a>,
    errors: &mut FieldErrors,
) {
    let as_containers: Vec<Container> =
        spec.ephemeral_containers.iter().flatten().map(as_container).collect();
    let mut all = Once::default();
    for name in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        all.check(&name.name, "", &mut FieldErrors::default());
    }
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    for (index, (container, original)) in as_containers.iter().zip(ephemeral).enumerate() {
        let path = format!("{path}.ephemeralContainers[{index}]");
        containers::validate_any(container, &path, volumes, &mut all, errors);
        validate_only(original, &path, errors);
        let target = original.target_container_name.as_deref().unwrap_or_default();
        if !target.is_empty() && !names.has(target) {
            let at = format!("{path}.targetContainerName");
            errors.push(at, Problem::NotFound(target.into()), "");
        }
    }
}

/// What an ephemeral container can not have: nobody waits for it or connects to it.
fn validate_only(container: &EphemeralContainer, path: &str, errors: &mut FieldErrors) {
    let resources = container.resources.as_ref();
    let has_resources = resources
        .is_some_and(|resources| resources.limits.is_some() || resources.requests.is_some());
    for (field, is_set) in [
        ("ports", container.ports.as_ref().is_some_and(|ports| !ports.is_empty())),
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("resources", has_resources),
    ] {
        if is_set {
            errors.forbidden(
                format!("{path}.{field}"),
                format!("cannot be set for an Ephemeral Container: {field}"),
            );
        }
    }
}

/// The part that it shares with other containers.
fn as_container(container: &EphemeralContainer) -> Container {
    let c = container.clone();
    Container {
        name: c.name,
        image: c.image,
        image_pull_policy: c.image_pull_policy,
        env: c.env,
        env_from: c.env_from,
        volume_mounts: c.volume_mounts,
        security_context: c.security_context,
        termination_message_policy: c.termination_message_policy,
        ..Container::default()
    }
}

//! What Kubernetes fills in where a pod's author said nothing.

use k8s_openapi::{
    api::core::v1::{
        Container, ContainerPort, DownwardAPIVolumeFile, EmptyDirVolumeSource, EnvVar,
        EphemeralContainer, HTTPGetAction, Lifecycle, ObjectFieldSelector, PodSpec, Probe,
        ResourceFieldSelector, ResourceRequirements, Volume, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use crate::parts::check::{canonicalize, canonicalize_one, default_text};

const FILE_MODE: i32 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// The defaults of a pod and of a template alike.
pub(crate) fn set_defaults(spec: &mut PodSpec) {
    default_text(&mut spec.dns_policy, "ClusterFirst");
    default_text(&mut spec.restart_policy, "Always");
    default_text(&mut spec.scheduler_name, "default-scheduler");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(30);
    join_account_names(spec);
    for volume in spec.volumes.iter_mut().flatten() {
        default_volume(volume);
    }
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        default_container(container);
    }
    for container in spec.ephemeral_containers.iter_mut().flatten() {
        default_ephemeral(container);
    }
    if let Some(overhead) = &mut spec.overhead {
        canonicalize(overhead);
    }
}

/// The defaults of pods only.
pub(crate) fn set_pod_defaults(spec: &mut PodSpec) {
    spec.enable_service_links.get_or_insert(true);
    let host_network = spec.host_network == Some(true);
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        request_limits(container.resources.get_or_insert_default());
        if host_network {
            open_host_ports(container.ports.as_mut());
        }
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; both are shown.
fn join_account_names(spec: &mut PodSpec) {
    let said = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    if let Some(name) = said(&spec.service_account_name).or_else(|| said(&spec.service_account)) {
        spec.service_account = Some(name.clone());
        spec.service_account_name = Some(name);
    }
}

/// What is limited and not requested is requested as much.
fn request_limits(resources: &mut ResourceRequirements) {
    let Some(limits) = resources.limits.as_ref().filter(|limits| !limits.is_empty()) else {
        return;
    };
    let requests = resources.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
}

/// In the host's network every port is one of the host.
fn open_host_ports(ports: Option<&mut Vec<ContainerPort>>) {
    for port in ports.into_iter().flatten() {
        if port.host_port.unwrap_or_default() == 0 {
            port.host_port = Some(port.container_port);
        }
    }
}

fn default_container(container: &mut Container) {
    default_image_policy(container.image.as_deref(), &mut container.image_pull_policy);
    default_text(&mut container.termination_message_path, "/dev/termination-log");
    default_text(&mut container.termination_message_policy, "File");
    for port in container.ports.iter_mut().flatten() {
        default_text(&mut port.protocol, "TCP");
    }
    default_env(container.env.as_mut());
    default_resources(container.resources.get_or_insert_default());
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(default_probe);
    if let Some(lifecycle) = &mut container.lifecycle {
        default_lifecycle(lifecycle);
    }
}

fn default_ephemeral(container: &mut EphemeralContainer) {
    default_image_policy(container.image.as_deref(), &mut container.image_pull_policy);
    default_text(&mut container.termination_message_path, "/dev/termination-log");
    default_text(&mut container.termination_message_policy, "File");
    default_env(container.env.as_mut());
    container.resources.get_or_insert_default();
}

/// `latest` moves, other tags and digests stay.
fn default_image_policy(image: Option<&str>, policy: &mut Option<String>) {
    let image = image.unwrap_or_default();
    default_text(policy, if is_latest(image) { "Always" } else { "IfNotPresent" });
}

/// Whether an image has the tag `latest`, said or implied; one with a digest has no tag by itself.
fn is_latest(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => digest.is_none(),
    }
}

fn default_env(env: Option<&mut Vec<EnvVar>>) {
    for variable in env.into_iter().flatten() {
        let Some(source) = &mut variable.value_from else { continue };
        default_field(source.field_ref.as_mut());
        default_divisor(source.resource_field_ref.as_mut());
    }
}

fn default_field(field: Option<&mut ObjectFieldSelector>) {
    if let Some(field) = field {
        default_text(&mut field.api_version, "v1");
    }
}

/// Zero stands for one of the resource's own unit.
fn default_divisor(field: Option<&mut ResourceFieldSelector>) {
    if let Some(field) = field {
        let divisor = field.divisor.get_or_insert_with(|| Quantity("0".to_owned()));
        canonicalize_one(divisor);
    }
}

fn default_resources(resources: &mut ResourceRequirements) {
    let lists = [&mut resources.limits, &mut resources.requests];
    lists.into_iter().flatten().for_each(canonicalize);
}

fn default_probe(probe: &mut Probe) {
    for (field, value) in [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ] {
        if field.unwrap_or_default() == 0 {
            *field = Some(value);
        }
    }
    if let Some(get) = &mut probe.http_get {
        default_http_get(get);
    }
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn default_http_get(get: &mut HTTPGetAction) {
    default_text(&mut get.path, "/");
    default_text(&mut get.scheme, "HTTP");
}

fn default_lifecycle(lifecycle: &mut Lifecycle) {
    let handlers = [&mut lifecycle.post_start, &mut lifecycle.pre_stop];
    for get in handlers.into_iter().flatten().filter_map(|handler| handler.http_get.as_mut()) {
        default_http_get(get);
    }
}

fn default_volume(volume: &mut Volume) {
    if !super::volumes::has_source(volume) {
        volume.empty_dir = Some(EmptyDirVolumeSource::default());
    }
    if let Some(limit) = volume.empty_dir.as_mut().and_then(|empty| empty.size_limit.as_mut()) {
        canonicalize_one(limit);
    }
    if let Some(host_path) = &mut volume.host_path {
        host_path.type_.get_or_insert_default();
    }
    if let Some(secret) = &mut volume.secret {
        secret.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(map) = &mut volume.config_map {
        map.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(downward) = &mut volume.downward_api {
        downward.default_mode.get_or_insert(FILE_MODE);
        downward.items.iter_mut().flatten().for_each(default_file);
    }
    if let Some(projected) = &mut volume.projected {
        projected.default_mode.get_or_insert(FILE_MODE);
        projected.sources.iter_mut().flatten().for_each(default_projection);
    }
}

fn default_projection(source: &mut VolumeProjection) {
    if let Some(token) = &mut source.service_account_token {
        token.expiration_seconds.get_or_insert(TOKEN_SECONDS);
    }
    let items = source.downward_api.as_mut().and_then(|downward| downward.items.as_mut());
    items.into_iter().flatten().for_each(default_file);
}

fn default_file(file: &mut DownwardAPIVolumeFile) {
    default_field(file.field_ref.as_mut());
    default_divisor(file.resource_field_ref.as_mut());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tags() {
        for (image, latest) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.27", false),
            ("registry:5000/nginx", true),
            ("registry:5000/nginx:1", false),
            ("nginx@sha256:abc", false),
            ("nginx:latest@sha256:abc", true),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }
}

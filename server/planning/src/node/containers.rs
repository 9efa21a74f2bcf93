//! The containers that a pod's spec asks for.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};
use sha2::{Digest, Sha256};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restartPolicy Always: runs beside the others from then on.
    Sidecar,
    App,
    /// Added by `kubectl debug`; started once.
    Ephemeral,
}

/// Whether an exited container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    pub(super) fn wants(self, exit_code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit_code != 0,
            Self::Never => false,
        }
    }

    fn parse(policy: Option<&str>) -> Self {
        match policy {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// The container's own policy, else the pod's. An init container that has succeeded is done also
/// in a pod that always restarts.
pub(super) fn restart_policy(spec: &PodSpec, container: &Container, role: Role) -> Restart {
    let own = container.restart_policy.as_deref();
    match (role, Restart::parse(own.or(spec.restart_policy.as_deref()))) {
        (Role::Ephemeral, _) => Restart::Never,
        (Role::Init, Restart::Always) => Restart::OnFailure,
        (_, policy) => policy,
    }
}

/// Every container in the order in which they start.
pub fn containers(spec: &PodSpec) -> Vec<(Role, Container)> {
    let init = spec.init_containers.iter().flatten().map(|c| (init_role(c), c.clone()));
    let app = spec.containers.iter().map(|c| (Role::App, c.clone()));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    init.chain(app).chain(ephemeral.map(|c| (Role::Ephemeral, from_ephemeral(c)))).collect()
}

pub(super) fn init_role(container: &Container) -> Role {
    if container.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init }
}

fn from_ephemeral(container: &EphemeralContainer) -> Container {
    let c = container.clone();
    Container {
        args: c.args,
        command: c.command,
        env: c.env,
        env_from: c.env_from,
        image: c.image,
        image_pull_policy: c.image_pull_policy,
        name: c.name,
        security_context: c.security_context,
        stdin: c.stdin,
        stdin_once: c.stdin_once,
        termination_message_path: c.termination_message_path,
        termination_message_policy: c.termination_message_policy,
        tty: c.tty,
        volume_mounts: c.volume_mounts,
        working_dir: c.working_dir,
        ..Container::default()
    }
}

/// Identifies what of a container may change while its pod lives: a running container with another
/// hash is replaced.
pub(super) fn hash(container: &Container) -> String {
    let mut hasher = Sha256::new();
    hasher.update(container.name.as_bytes());
    hasher.update([0]);
    hasher.update(container.image.as_deref().unwrap_or_default().as_bytes());
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn spec(pod: &Pod) -> &PodSpec {
    static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

pub(super) fn is_host_network(pod: &Pod) -> bool {
    spec(pod).host_network == Some(true)
}

//! How a pod's sandbox and containers are launched: everything that the runtime has to know, free
//! of the runtime's own words.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};

use super::{
    Role,
    containers::{hash, spec},
    env::expand,
    labels,
    mounts::{MountPath, VolumePath, mounts},
    oom_score,
    qos::amounts,
    security::{Security, security},
};

/// The least that a CPU share may be.
const CPU_SHARES_MIN: i64 = 2;
/// A sandbox is the last thing that the kernel may kill.
const SANDBOX_OOM_SCORE: i64 = -998;

/// Whose process ids a container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Processes {
    #[default]
    Own,
    Host,
    /// Those of the container with this id.
    Of(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SandboxLaunch {
    pub name: String,
    pub hostname: String,
    pub labels: BTreeMap<String, String>,
    pub host_network: bool,
    pub host_ipc: bool,
    pub host_pid: bool,
    pub sysctls: BTreeMap<String, String>,
    pub oom_score: i64,
    /// Volumes that live in memory exist as long as a container has them: the sandbox does.
    pub held_volumes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerLaunch {
    pub name: String,
    /// The image's id.
    pub image: String,
    /// `None`: the image's own.
    pub command: Option<Vec<String>>,
    pub args: Option<Vec<String>>,
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    pub tty: bool,
    pub stdin: bool,
    pub stdin_once: bool,
    pub stop_signal: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub mounts: Vec<MountPath>,
    /// 0: no limit.
    pub nano_cpus: i64,
    pub cpu_shares: i64,
    pub memory_bytes: i64,
    pub oom_score: i64,
    pub security: Security,
    /// The container whose network and IPC it joins.
    pub sandbox: String,
    pub host_network: bool,
    pub host_ipc: bool,
    pub processes: Processes,
}

/// Why a container can't be launched as its pod says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchError(pub String);

/// What the agent knows and the pod does not say.
#[derive(Clone, Debug, Default)]
pub struct LaunchContext {
    pub node: String,
    pub sandbox: String,
    pub restart_count: i32,
    pub crashes: u32,
    pub image_id: String,
    /// The user that the image names.
    pub image_user: String,
    pub env: Vec<(String, String)>,
    /// By volume name.
    pub volumes: BTreeMap<String, VolumePath>,
    /// The pod's own files and the termination message, as mounts.
    pub files: Vec<MountPath>,
    pub memory_capacity: i64,
    /// The container that an ephemeral container looks into.
    pub target: Option<String>,
}

/// The sandbox of a pod.
pub fn sandbox(
    pod: &Pod,
    node: &str,
    attempt: u32,
    ip: Option<&str>,
    held_volumes: Vec<String>,
) -> SandboxLaunch {
    let spec = spec(pod);
    let mut labels = pod_labels(pod, node);
    labels.insert(labels::ATTEMPT.to_owned(), attempt.to_string());
    if let Some(ip) = ip {
        labels.insert(labels::POD_IP.to_owned(), ip.to_owned());
    }
    let sysctls = spec.security_context.iter().filter_map(|context| context.sysctls.as_ref());
    SandboxLaunch {
        name: runtime_name(pod, "pod", &attempt.to_string()),
        hostname: hostname(pod),
        labels,
        host_network: spec.host_network == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        host_pid: spec.host_pid == Some(true),
        sysctls: sysctls.flatten().map(|s| (s.name.clone(), s.value.clone())).collect(),
        oom_score: SANDBOX_OOM_SCORE,
        held_volumes,
    }
}

/// One run of one container.
///
/// # Errors
/// When the pod forbids what the image wants, or mounts what is not there.
pub fn container(
    pod: &Pod,
    role: Role,
    container: &Container,
    context: &LaunchContext,
) -> Result<ContainerLaunch, LaunchError> {
    let spec = spec(pod);
    let (requests, limits) = amounts(container);
    let cpu_limit = limits.amount("cpu");
    let requested = requests.amount("cpu");
    let cpu = if requested > 0 { requested } else { cpu_limit };
    let mut mounts = mounts(container, &context.volumes, &context.env)?;
    mounts.extend(files(context, &mounts));
    let mut labels = pod_labels(pod, &context.node);
    let own = [
        (labels::CONTAINER_NAME, container.name.clone()),
        (labels::RESTART_COUNT, context.restart_count.to_string()),
        (labels::CRASHES, context.crashes.to_string()),
        (labels::SPEC_HASH, hash(container)),
        (labels::SANDBOX_ID, context.sandbox.clone()),
    ];
    labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let words = |words: &Option<Vec<String>>| {
        let words = words.as_ref().filter(|words| !words.is_empty())?;
        Some(words.iter().map(|word| expand(word, &context.env)).collect())
    };
    Ok(ContainerLaunch {
        name: runtime_name(pod, &container.name, &context.restart_count.to_string()),
        image: context.image_id.clone(),
        command: words(&container.command),
        args: words(&container.args),
        env: context.env.clone(),
        working_dir: container.working_dir.clone().filter(|dir| !dir.is_empty()),
        tty: container.tty == Some(true),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        stop_signal: container.lifecycle.as_ref().and_then(|l| l.stop_signal.clone()),
        labels,
        mounts,
        nano_cpus: cpu_limit.saturating_mul(1_000_000),
        cpu_shares: (cpu.saturating_mul(1024) / 1000).max(CPU_SHARES_MIN),
        memory_bytes: limits.amount("memory"),
        oom_score: oom_score(spec, container, context.memory_capacity),
        security: security(pod, container, &context.image_user)?,
        sandbox: context.sandbox.clone(),
        host_network: spec.host_network == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        processes: processes(pod, role, context),
    })
}

/// The pod's own files, where the container does not mount something of its own there.
fn files(context: &LaunchContext, mounts: &[MountPath]) -> Vec<MountPath> {
    let is_free = |file: &&MountPath| mounts.iter().all(|mount| mount.target != file.target);
    context.files.iter().filter(is_free).cloned().collect()
}

fn processes(pod: &Pod, role: Role, context: &LaunchContext) -> Processes {
    let spec = spec(pod);
    match &context.target {
        Some(target) if role == Role::Ephemeral => Processes::Of(target.clone()),
        _ if spec.host_pid == Some(true) => Processes::Host,
        _ if spec.share_process_namespace == Some(true) => Processes::Of(context.sandbox.clone()),
        _ => Processes::Own,
    }
}

fn pod_labels(pod: &Pod, node: &str) -> BTreeMap<String, String> {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let labels = [
        (labels::NODE, node.to_owned()),
        (labels::POD_UID, text(&meta.uid)),
        (labels::POD_NAMESPACE, text(&meta.namespace)),
        (labels::POD_NAME, text(&meta.name)),
    ];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `ls-web-shop_default_0c1f…_web_0`: who it is, for a person who lists the engine's containers.
fn runtime_name(pod: &Pod, container: &str, run: &str) -> String {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (name, namespace, uid) = (text(&meta.name), text(&meta.namespace), text(&meta.uid));
    format!("ls-{name}_{namespace}_{uid}_{container}_{run}")
}

fn hostname(pod: &Pod) -> String {
    let spec = spec(pod);
    let own = spec.hostname.clone().or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    // The kernel's bound; Kubernetes cuts the same way.
    let cut: String = own.chars().take(63).collect();
    cut.trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests;

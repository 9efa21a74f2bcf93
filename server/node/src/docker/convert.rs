//! Launches in Docker's words.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, MountVolumeOptions, RestartPolicy,
    RestartPolicyNameEnum,
};
use planning::node::{
    ContainerLaunch, MountPath, Processes, Propagation, SandboxLaunch, VolumePath,
};

use crate::runtime::{Result, RuntimeError};

/// What the pause does in a sandbox's image.
const PAUSE: [&str; 2] = ["/longshore", "pause"];
/// Where a sandbox holds volumes that live in memory.
const HELD: &str = "/held";

pub(super) fn sandbox(
    launch: &SandboxLaunch,
    image: &str,
    oom_score_min: i64,
) -> ContainerCreateBody {
    let own = |host: bool, other: &str| if host { "host".to_owned() } else { other.to_owned() };
    let held = launch.held_volumes.iter().map(|name| Mount {
        target: Some(format!("{HELD}/{name}")),
        source: Some(name.clone()),
        typ: Some(MountType::VOLUME),
        ..Mount::default()
    });
    let host_config = HostConfig {
        network_mode: Some(own(launch.host_network, "none")),
        ipc_mode: Some(own(launch.host_ipc, "shareable")),
        pid_mode: launch.host_pid.then(|| "host".to_owned()),
        uts_mode: launch.host_network.then(|| "host".to_owned()),
        sysctls: Some(map(&launch.sysctls)).filter(|sysctls| !sysctls.is_empty()),
        oom_score_adj: Some(launch.oom_score.max(oom_score_min)),
        mounts: Some(held.collect()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        restart_policy: Some(never()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(PAUSE.map(str::to_owned).to_vec()),
        // The host's name is the host's own when its network is.
        hostname: (!launch.host_network).then(|| launch.hostname.clone()),
        labels: Some(map(&launch.labels)),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

pub(super) fn container(
    launch: &ContainerLaunch,
    oom_score_min: i64,
) -> Result<ContainerCreateBody> {
    let joined = format!("container:{}", launch.sandbox);
    let own = |host: bool| if host { "host".to_owned() } else { joined.clone() };
    let security = &launch.security;
    let mut options = security.profiles.clone();
    if security.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    let mounts = launch.mounts.iter().filter(|mount| bind(mount).is_none());
    let limit = Some(launch.memory_bytes).filter(|bytes| *bytes > 0);
    let host_config = HostConfig {
        network_mode: Some(own(launch.host_network)),
        ipc_mode: Some(own(launch.host_ipc)),
        uts_mode: launch.host_network.then(|| "host".to_owned()),
        pid_mode: match &launch.processes {
            Processes::Own => None,
            Processes::Host => Some("host".to_owned()),
            Processes::Of(id) => Some(format!("container:{id}")),
        },
        nano_cpus: Some(launch.nano_cpus).filter(|cpus| *cpus > 0),
        cpu_shares: Some(launch.cpu_shares),
        memory: limit,
        // No swap beyond the limit, as with Kubernetes.
        memory_swap: limit,
        oom_score_adj: Some(launch.oom_score.max(oom_score_min)),
        binds: Some(launch.mounts.iter().filter_map(bind).collect()),
        mounts: Some(mounts.map(mount).collect::<Result<_>>()?),
        privileged: Some(security.privileged),
        readonly_rootfs: Some(security.read_only_root),
        cap_add: Some(security.add_capabilities.clone()),
        cap_drop: Some(security.drop_capabilities.clone()),
        security_opt: Some(options),
        group_add: Some(security.groups.clone()),
        masked_paths: security.unmasked.then(Vec::new),
        readonly_paths: security.unmasked.then(Vec::new),
        log_config: Some(log_config()),
        restart_policy: Some(never()),
        ..HostConfig::default()
    };
    let has_command = launch.command.is_some();
    Ok(ContainerCreateBody {
        image: Some(launch.image.clone()),
        entrypoint: launch.command.clone(),
        // A command of the pod's replaces the image's arguments, too.
        cmd: launch.args.clone().or_else(|| has_command.then(Vec::new)),
        env: Some(launch.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: launch.working_dir.clone(),
        user: security.user.clone(),
        tty: Some(launch.tty),
        open_stdin: Some(launch.stdin),
        stdin_once: Some(launch.stdin_once),
        stop_signal: launch.stop_signal.clone(),
        labels: Some(map(&launch.labels)),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    })
}

/// Logs are kept by size, so that they never fill the host.
pub(super) fn log_config() -> HostConfigLogConfig {
    let options = [("max-size", "10m"), ("max-file", "3")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(options.into()) }
}

/// Restarts are the agent's to decide.
fn never() -> RestartPolicy {
    RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }
}

fn map(values: &BTreeMap<String, String>) -> HashMap<String, String> {
    values.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A path of the host in Docker's short form, which makes a missing folder. That form can't carry
/// a colon.
fn bind(mount: &MountPath) -> Option<String> {
    let VolumePath::Host(path) = &mount.source else { return None };
    let source = below(path, &mount.sub_path);
    if source.contains(':') || mount.target.contains(':') {
        return None;
    }
    let mode = if mount.read_only { "ro" } else { "rw" };
    let propagation = match mount.propagation {
        Propagation::Private => "rprivate",
        Propagation::HostToContainer => "rslave",
        Propagation::Bidirectional => "rshared",
    };
    Some(format!("{source}:{}:{mode},{propagation}", mount.target))
}

fn below(path: &str, sub_path: &str) -> String {
    if sub_path.is_empty() { path.to_owned() } else { format!("{path}/{sub_path}") }
}

fn mount(mount: &MountPath) -> Result<Mount> {
    let common = Mount {
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..Mount::default()
    };
    Ok(match &mount.source {
        VolumePath::Path(path) | VolumePath::Host(path) => Mount {
            source: Some(below(path, &mount.sub_path)),
            typ: Some(MountType::BIND),
            bind_options: Some(MountBindOptions {
                propagation: Some(match mount.propagation {
                    Propagation::Private => MountBindOptionsPropagationEnum::RPRIVATE,
                    Propagation::HostToContainer => MountBindOptionsPropagationEnum::RSLAVE,
                    Propagation::Bidirectional => MountBindOptionsPropagationEnum::RSHARED,
                }),
                ..MountBindOptions::default()
            }),
            ..common
        },
        VolumePath::Named(_) if !mount.sub_path.is_empty() => {
            return Err(RuntimeError::Refused(format!(
                "{}: subPath is not supported for a volume that lives in memory",
                mount.target
            )));
        }
        VolumePath::Named(name) => Mount {
            source: Some(name.clone()),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(true),
                ..MountVolumeOptions::default()
            }),
            ..common
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_replaces_the_images_arguments() {
        let words =
            |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        for (command, args, want) in [
            (None, None, None),
            (words(&["a"]), None, words(&[])),
            (words(&["a"]), words(&["b"]), words(&["b"])),
            (None, words(&["b"]), words(&["b"])),
        ] {
            let launch = ContainerLaunch { command, args, ..ContainerLaunch::default() };
            assert_eq!(container(&launch, 0).unwrap().cmd, want);
        }
    }

    #[test]
    fn no_limit_is_no_number() {
        let host = container(&ContainerLaunch::default(), 0).unwrap().host_config.unwrap();
        assert_eq!((host.memory, host.memory_swap, host.nano_cpus), (None, None, None));
        let limited =
            ContainerLaunch { memory_bytes: 7, nano_cpus: 5, ..ContainerLaunch::default() };
        let host = container(&limited, 0).unwrap().host_config.unwrap();
        assert_eq!((host.memory, host.memory_swap, host.nano_cpus), (Some(7), Some(7), Some(5)));
    }
}

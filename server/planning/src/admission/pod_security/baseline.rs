//! The controls of `baseline`, which keep a pod from its host, in the order in which they are told.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{LifecycleHandler, SELinuxOptions, SecurityContext};

use super::{
    controls::{Control, Subject, Violation, containers, plural, quote, setters, sorted},
    level::Standard,
};

pub(super) const CONTROLS: &[Control] = &[
    Control { since: 0, overridden: None, check: app_armor },
    Control { since: 0, overridden: Some(22), check: capabilities },
    Control { since: 0, overridden: None, check: host_namespaces },
    Control { since: 0, overridden: Some(0), check: host_path },
    Control { since: 0, overridden: None, check: host_ports },
    Control { since: 34, overridden: None, check: probe_hosts },
    Control { since: 0, overridden: None, check: privileged },
    Control { since: 0, overridden: None, check: proc_mount },
    Control { since: 0, overridden: None, check: se_linux },
    Control { since: 0, overridden: Some(19), check: seccomp },
    Control { since: 0, overridden: None, check: sysctls },
    Control { since: 0, overridden: None, check: windows_host_process },
];

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Since which version a pod may set them.
const SYSCTLS: &[(&str, u32)] = &[
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

pub(super) fn is_confined(profile: &str) -> bool {
    matches!(profile, "RuntimeDefault" | "Localhost")
}

fn app_armor(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let mut values = BTreeSet::new();
    let in_pod = subject.security.and_then(|security| security.app_armor_profile.as_ref());
    let in_pod = in_pod.map(|profile| profile.type_.as_str()).filter(|kind| !is_confined(kind));
    values.extend(in_pod.map(str::to_owned));
    let of = |security: &SecurityContext| {
        let profile = security.app_armor_profile.as_ref().map(|profile| profile.type_.clone());
        profile.filter(|kind| !is_confined(kind))
    };
    let names = subject.secured_that(|security| of(security).is_some());
    values.extend(subject.containers.iter().filter_map(|one| one.security.and_then(of)));
    let annotations: BTreeSet<String> = subject
        .annotations
        .into_iter()
        .flatten()
        .filter(|(key, value)| {
            key.starts_with(APP_ARMOR_ANNOTATION)
                && !(value.is_empty()
                    || *value == "runtime/default"
                    || value.starts_with("localhost/"))
        })
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let word = plural("annotation", "annotations", annotations.len());
    let word = (!annotations.is_empty()).then(|| word.to_owned());
    let who: Vec<String> = setters(in_pod.is_some(), &names).into_iter().chain(word).collect();
    if who.is_empty() {
        return None;
    }
    let all: Vec<&String> = values.iter().chain(&annotations).collect();
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", all.len());
    let detail =
        format!("{} must not set AppArmor profile type to {}", who.join(" and "), quote(&all));
    Some(Violation::new(reason, detail))
}

fn capabilities(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let beyond = |security: &SecurityContext| -> Vec<String> {
        let added = security.capabilities.as_ref().and_then(|list| list.add.clone());
        let added = added.unwrap_or_default().into_iter();
        added.filter(|name| !CAPABILITIES.contains(&name.as_str())).collect()
    };
    let names = subject.secured_that(|security| !beyond(security).is_empty());
    let added: BTreeSet<String> =
        subject.containers.iter().filter_map(|one| one.security).flat_map(beyond).collect();
    (!names.is_empty()).then(|| {
        let (who, what) = (containers(&names), quote(&added));
        let detail = format!("{who} must not include {what} in securityContext.capabilities.add");
        Violation::new("non-default capabilities", detail)
    })
}

fn host_namespaces(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let spec = subject.spec;
    let shared = [
        (spec.host_network, "hostNetwork=true"),
        (spec.host_pid, "hostPID=true"),
        (spec.host_ipc, "hostIPC=true"),
    ];
    let shared: Vec<&str> =
        shared.into_iter().filter(|(is, _)| *is == Some(true)).map(|(_, text)| text).collect();
    (!shared.is_empty()).then(|| Violation::new("host namespaces", shared.join(", ")))
}

fn host_path(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let volumes = subject.spec.volumes.iter().flatten();
    let names: Vec<&str> = volumes
        .filter(|volume| volume.host_path.is_some())
        .map(|volume| volume.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        let word = plural("volume", "volumes", names.len());
        Violation::new("hostPath volumes", format!("{word} {}", quote(&names)))
    })
}

fn host_ports(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let names =
        subject.containers_that(|one| one.ports.iter().any(|port| is_set(port.host_port.as_ref())));
    let ports = subject.containers.iter().flat_map(|one| one.ports);
    let ports: BTreeSet<String> = ports
        .filter_map(|port| port.host_port)
        .filter(|port| *port != 0)
        .map(|port| port.to_string())
        .collect();
    (!names.is_empty()).then(|| {
        let uses = plural("uses", "use", names.len());
        let word = plural("hostPort", "hostPorts", ports.len());
        let ports: Vec<String> = ports.into_iter().collect();
        let detail = format!("{} {uses} {word} {}", containers(&names), ports.join(", "));
        Violation::new("hostPort", detail)
    })
}

fn is_set(port: Option<&i32>) -> bool {
    port.is_some_and(|port| *port != 0)
}

fn probe_hosts(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let mut all = BTreeSet::new();
    let mut names = BTreeSet::new();
    for container in &subject.containers {
        let probes = container.probes.into_iter().flatten();
        let probed = probes.flat_map(|probe| {
            let http = probe.http_get.as_ref().and_then(|get| get.host.as_deref());
            [http, probe.tcp_socket.as_ref().and_then(|tcp| tcp.host.as_deref())]
        });
        let handled = container.lifecycle.into_iter().flat_map(|lifecycle| {
            let hosts = |handler: Option<&'_ LifecycleHandler>| match handler {
                None => [None, None],
                Some(handler) => [
                    handler.http_get.as_ref().and_then(|get| get.host.clone()),
                    handler.tcp_socket.as_ref().and_then(|tcp| tcp.host.clone()),
                ],
            };
            hosts(lifecycle.post_start.as_ref())
                .into_iter()
                .chain(hosts(lifecycle.pre_stop.as_ref()))
        });
        let hosts: BTreeSet<String> = probed
            .flatten()
            .map(str::to_owned)
            .chain(handled.flatten())
            .filter(|host| !host.is_empty())
            .collect();
        if !hosts.is_empty() {
            names.insert(container.name);
            all.extend(hosts);
        }
    }
    (!names.is_empty()).then(|| {
        let names: Vec<&str> = names.into_iter().collect();
        let uses = plural("uses", "use", names.len());
        let word = plural("probe or lifecycle host", "probe or lifecycle hosts", all.len());
        let detail = format!("{} {uses} {word} {}", containers(&names), quote(&all));
        Violation::new("probe or lifecycle host", detail)
    })
}

fn privileged(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let names = subject.secured_that(|security| security.privileged == Some(true));
    (!names.is_empty()).then(|| {
        let who = containers(&names);
        Violation::new("privileged", format!("{who} must not set securityContext.privileged=true"))
    })
}

fn proc_mount(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    fn other(security: &SecurityContext) -> Option<&str> {
        security.proc_mount.as_deref().filter(|mount| *mount != "Default")
    }
    let names = subject.secured_that(|security| other(security).is_some());
    let kinds = sorted(subject.containers.iter().filter_map(|one| one.security.and_then(other)));
    (!names.is_empty()).then(|| {
        let (who, what) = (containers(&names), quote(&kinds));
        Violation::new(
            "procMount",
            format!("{who} must not set securityContext.procMount to {what}"),
        )
    })
}

fn se_linux(subject: &Subject<'_>, standard: &Standard) -> Option<Violation> {
    let is_type = |kind: &str| {
        matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (kind == "container_engine_t" && standard.is_since(31))
    };
    let has = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let other_type = |options: &SELinuxOptions| options.type_.clone().filter(|kind| !is_type(kind));
    let is_bad = |options: &SELinuxOptions| {
        other_type(options).is_some() || has(&options.user) || has(&options.role)
    };
    let in_pod = subject.security.and_then(|security| security.se_linux_options.as_ref());
    let names =
        subject.secured_that(|security| security.se_linux_options.as_ref().is_some_and(is_bad));
    let who = setters(in_pod.is_some_and(is_bad), &names)?;
    let options = || {
        let own = subject.containers.iter().filter_map(|one| one.security);
        in_pod.into_iter().chain(own.filter_map(|security| security.se_linux_options.as_ref()))
    };
    let types: BTreeSet<String> = options().filter_map(other_type).collect();
    let mut what = Vec::new();
    if !types.is_empty() {
        what.push(format!("{} {}", plural("type", "types", types.len()), quote(&types)));
    }
    if options().any(|options| has(&options.user)) {
        what.push("user may not be set".to_owned());
    }
    if options().any(|options| has(&options.role)) {
        what.push("role may not be set".to_owned());
    }
    let detail = format!("{who} set forbidden securityContext.seLinuxOptions: {}", what.join("; "));
    Some(Violation::new("seLinuxOptions", detail))
}

fn seccomp(subject: &Subject<'_>, standard: &Standard) -> Option<Violation> {
    if !standard.is_since(19) {
        return seccomp_annotations(subject);
    }
    let (in_pod, names, values) = unconfined(subject);
    let who = setters(in_pod, &names)?;
    let values = quote(&values);
    let detail = format!("{who} must not set securityContext.seccompProfile.type to {values}");
    Some(Violation::new("seccompProfile", detail))
}

/// Whether the pod, and which containers, set which profiles that confine nothing.
pub(super) fn unconfined<'p>(subject: &Subject<'p>) -> (bool, Vec<&'p str>, BTreeSet<&'p str>) {
    let in_pod = subject.security.and_then(|security| security.seccomp_profile.as_ref());
    let in_pod = in_pod.map(|profile| profile.type_.as_str()).filter(|kind| !is_confined(kind));
    let of = |security: &'p SecurityContext| {
        let kind = security.seccomp_profile.as_ref().map(|profile| profile.type_.as_str());
        kind.filter(|kind| !is_confined(kind))
    };
    let own = subject.containers.iter();
    let own: Vec<(&str, &str)> =
        own.filter_map(|one| Some((one.name, one.security.and_then(of)?))).collect();
    let values = sorted(in_pod.into_iter().chain(own.iter().map(|(_, value)| *value)));
    (in_pod.is_some(), own.into_iter().map(|(name, _)| name).collect(), values)
}

fn seccomp_annotations(subject: &Subject<'_>) -> Option<Violation> {
    let is_allowed = |value: &str| {
        matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
    };
    let bad = subject.annotations.into_iter().flatten().filter(|(key, value)| {
        let own = key.strip_prefix(SECCOMP_ANNOTATION);
        let is_own = own.is_some_and(|own| subject.containers.iter().any(|one| one.name == own));
        (is_own || *key == SECCOMP_POD_ANNOTATION) && !is_allowed(value)
    });
    let bad: Vec<String> = bad.map(|(key, value)| format!("{key}={value:?}")).collect();
    (!bad.is_empty()).then(|| {
        let word = plural("annotation", "annotations", bad.len());
        Violation::new("seccompProfile", format!("forbidden {word} {}", bad.join(", ")))
    })
}

fn sysctls(subject: &Subject<'_>, standard: &Standard) -> Option<Violation> {
    let is_safe =
        |name: &str| SYSCTLS.iter().any(|(safe, since)| *safe == name && standard.is_since(*since));
    let set = subject.security.and_then(|security| security.sysctls.as_deref()).unwrap_or_default();
    let names: Vec<&str> =
        set.iter().map(|sysctl| sysctl.name.as_str()).filter(|name| !is_safe(name)).collect();
    (!names.is_empty()).then(|| Violation::new("forbidden sysctls", names.join(", ")))
}

fn windows_host_process(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let in_pod = subject.security.and_then(|security| security.windows_options.as_ref());
    let in_pod = in_pod.is_some_and(|options| options.host_process == Some(true));
    let names = subject.secured_that(|security| {
        let options = security.windows_options.as_ref();
        options.is_some_and(|options| options.host_process == Some(true))
    });
    let who = setters(in_pod, &names)?;
    let detail = format!("{who} must not set securityContext.windowsOptions.hostProcess=true");
    Some(Violation::new("hostProcess", detail))
}

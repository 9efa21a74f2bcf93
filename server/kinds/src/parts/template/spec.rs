//! A pod's spec as a whole.

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use object::{FieldErrors, name};

use super::{claims, containers, ephemeral, placement, security, volumes};
use crate::parts::check;

const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];
const DNS_POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// A template of pods that may end, at `path`.
pub(crate) fn validate_any_template(
    template: &PodTemplateSpec,
    path: &str,
    errors: &mut FieldErrors,
) {
    let none = PodSpec::default();
    let spec = template.spec.as_ref().unwrap_or(&none);
    if let Some(metadata) = &template.metadata {
        check::labels(metadata.labels.as_ref(), &format!("{path}.labels"), errors);
        check::annotations(metadata.annotations.as_ref(), &format!("{path}.annotations"), errors);
    }
    validate(spec, &format!("{path}.spec"), errors);
    if spec.ephemeral_containers.as_ref().is_some_and(|list| !list.is_empty()) {
        errors.forbidden(
            format!("{path}.spec.ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        );
    }
}

/// A template whose pods are always restarted, at `spec.template`; `workload` makes them.
pub(crate) fn validate_template(
    template: &PodTemplateSpec,
    workload: &str,
    errors: &mut FieldErrors,
) {
    const PATH: &str = "spec.template";
    validate_any_template(template, PATH, errors);
    let Some(spec) = &template.spec else { return };
    if let Some(policy @ ("OnFailure" | "Never")) = spec.restart_policy.as_deref() {
        errors.not_supported(format!("{PATH}.spec.restartPolicy"), policy, &["Always"]);
    }
    if spec.active_deadline_seconds.is_some() {
        errors.forbidden(
            format!("{PATH}.spec.activeDeadlineSeconds"),
            format!("activeDeadlineSeconds in {workload} is not Supported"),
        );
    }
}

/// A spec with its defaults at `path`.
pub(crate) fn validate(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let volumes = volumes::validate(spec, path, errors);
    let names = containers::validate(spec, path, &volumes, errors);
    ephemeral::validate(spec, path, &volumes, names, errors);
    let at = |field: &str| format!("{path}.{field}");
    check::one_of(spec.restart_policy.as_deref(), &at("restartPolicy"), &RESTART_POLICIES, errors);
    validate_dns(spec, path, errors);
    check::labels(spec.node_selector.as_ref(), &at("nodeSelector"), errors);
    for (field, value, rule) in [
        (
            "serviceAccountName",
            &spec.service_account_name,
            name::subdomain as fn(&str) -> Result<(), String>,
        ),
        ("nodeName", &spec.node_name, name::subdomain),
        ("priorityClassName", &spec.priority_class_name, name::subdomain),
        ("runtimeClassName", &spec.runtime_class_name, name::subdomain),
        ("hostname", &spec.hostname, name::label),
        ("subdomain", &spec.subdomain, name::label),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            check::name(value, &at(field), rule, errors);
        }
    }
    if let Some(seconds) = spec.active_deadline_seconds
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let why = format!("must be between 1 and {}, inclusive", i32::MAX);
        errors.invalid(at("activeDeadlineSeconds"), seconds, why);
    }
    check::nonnegative(
        spec.termination_grace_period_seconds,
        &at("terminationGracePeriodSeconds"),
        errors,
    );
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = at(&format!("hostAliases[{index}]"));
        check::ip(&alias.ip, &format!("{path}.ip"), errors);
        for (n, host) in alias.hostnames.iter().flatten().enumerate() {
            check::name(host, &format!("{path}.hostnames[{n}]"), name::subdomain, errors);
        }
    }
    security::validate_pod(spec, path, errors);
    placement::validate(spec, path, errors);
    claims::validate(spec, path, errors);
}

fn validate_dns(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let policy = spec.dns_policy.as_deref();
    check::one_of(policy, &format!("{path}.dnsPolicy"), &DNS_POLICIES, errors);
    let config = spec.dns_config.as_ref();
    let servers = config.and_then(|config| config.nameservers.as_deref()).unwrap_or_default();
    if policy == Some("None") {
        if config.is_none() {
            errors.required(
                format!("{path}.dnsConfig"),
                "must provide `dnsConfig` when `dnsPolicy` is None",
            );
        } else if servers.is_empty() {
            errors.required(
                format!("{path}.dnsConfig.nameservers"),
                "must provide at least one DNS nameserver when `dnsPolicy` is None",
            );
        }
    }
    let searches = config.and_then(|config| config.searches.as_deref()).unwrap_or_default();
    validate_searches(searches, &format!("{path}.dnsConfig.searches"), errors);
    let options = config.and_then(|config| config.options.as_deref()).unwrap_or_default();
    for (index, option) in options.iter().enumerate() {
        if check::is_blank(option.name.as_deref()) {
            errors.required(format!("{path}.dnsConfig.options[{index}]"), "must not be empty");
        }
    }
    if servers.len() > 3 {
        let listed = check::shown(&servers);
        errors.invalid(
            format!("{path}.dnsConfig.nameservers"),
            listed,
            "must not have more than 3 nameservers",
        );
    }
    for (index, server) in servers.iter().enumerate() {
        check::ip(server, &format!("{path}.dnsConfig.nameservers[{index}]"), errors);
    }
}

fn validate_searches(searches: &[String], path: &str, errors: &mut FieldErrors) {
    const COUNT_MAX: usize = 32;
    const CHARACTERS_MAX: usize = 2048;
    if searches.len() > COUNT_MAX {
        let why = format!("must not have more than {COUNT_MAX} search paths");
        errors.invalid(path, check::shown(&searches), why);
    }
    if searches.join(" ").len() > CHARACTERS_MAX {
        let why = format!(
            "must not have more than {CHARACTERS_MAX} characters (including spaces) in the search list"
        );
        errors.invalid(path, check::shown(&searches), why);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        // As in names of services (`_sip._tcp`), an underscore may stand where a letter may.
        let plain = search.strip_suffix('.').unwrap_or(search).replace('_', "a");
        if let Err(why) = name::subdomain(&plain) {
            errors.invalid(format!("{path}[{index}]"), search.as_str(), why);
        }
    }
}

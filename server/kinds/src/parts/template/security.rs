//! Whose rights a pod's processes have.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSpec, SeccompProfile, SecurityContext, Sysctl,
};
use object::FieldErrors;

use crate::parts::check;

const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
const ID: &str = "must be between 0 and 2147483647, inclusive";
const SYSCTL: &str = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const SYSCTL_LENGTH_MAX: usize = 253;

pub(super) fn validate_pod(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let Some(context) = &spec.security_context else { return };
    let path = format!("{path}.securityContext");
    for (field, id) in [
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ] {
        validate_id(id, &format!("{path}.{field}"), errors);
    }
    for (index, id) in context.supplemental_groups.iter().flatten().enumerate() {
        validate_id(Some(*id), &format!("{path}.supplementalGroups[{index}]"), errors);
    }
    validate_profiles(
        context.seccomp_profile.as_ref(),
        context.app_armor_profile.as_ref(),
        &path,
        errors,
    );
    for (field, value, words) in [
        ("fsGroupChangePolicy", &context.fs_group_change_policy, &["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", &context.supplemental_groups_policy, &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &context.se_linux_change_policy, &["MountOption", "Recursive"]),
    ] {
        check::maybe_one_of(value.as_deref(), &format!("{path}.{field}"), words, errors);
    }
    validate_sysctls(context.sysctls.as_deref().unwrap_or_default(), &path, errors);
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        errors.invalid(
            format!("{path}.shareProcessNamespace"),
            true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        );
    }
}

pub(super) fn validate_container(
    context: Option<&SecurityContext>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let Some(context) = context else { return };
    let path = format!("{path}.securityContext");
    for (field, id) in [("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)] {
        validate_id(id, &format!("{path}.{field}"), errors);
    }
    validate_profiles(
        context.seccomp_profile.as_ref(),
        context.app_armor_profile.as_ref(),
        &path,
        errors,
    );
    let proc = context.proc_mount.as_deref();
    check::maybe_one_of(proc, &format!("{path}.procMount"), &["Default", "Unmasked"], errors);
    if context.allow_privilege_escalation != Some(false) {
        return;
    }
    if context.privileged == Some(true) {
        errors.invalid(
            path.as_str(),
            check::shown(context),
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        );
    }
    let capabilities = context.capabilities.as_ref();
    let added = capabilities.and_then(|capabilities| capabilities.add.as_ref());
    if added.into_iter().flatten().any(|name| name == "CAP_SYS_ADMIN") {
        errors.invalid(
            path,
            check::shown(context),
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        );
    }
}

/// A profile of the node's own is named by its path.
fn validate_profiles(
    seccomp: Option<&SeccompProfile>,
    armor: Option<&AppArmorProfile>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let seccomp = seccomp.map(|one| ("seccompProfile", &one.type_, &one.localhost_profile));
    let armor = armor.map(|one| ("appArmorProfile", &one.type_, &one.localhost_profile));
    for (field, type_, profile) in seccomp.into_iter().chain(armor) {
        let path = format!("{path}.{field}");
        check::one_of(Some(type_), &format!("{path}.type"), &PROFILES, errors);
        let at = format!("{path}.localhostProfile");
        match (type_ == "Localhost", profile.as_deref()) {
            (true, None | Some("")) => {
                let word = if field == "seccompProfile" { "seccomp" } else { "AppArmor" };
                errors.required(at, format!("must be set when {word} type is Localhost"));
            }
            (true, Some(profile)) => check::relative_path(profile, &at, errors),
            (false, Some(profile)) if !profile.is_empty() => {
                errors.invalid(at, profile, "can only be set when type is Localhost");
            }
            _ => {}
        }
    }
}

fn validate_sysctls(sysctls: &[Sysctl], path: &str, errors: &mut FieldErrors) {
    let mut seen = BTreeSet::new();
    for (index, sysctl) in sysctls.iter().enumerate() {
        let path = format!("{path}.sysctls[{index}].name");
        if sysctl.name.is_empty() {
            errors.required(path, "");
        } else if !is_sysctl(&sysctl.name) {
            errors.invalid(path, sysctl.name.as_str(), SYSCTL);
        } else if !seen.insert(sysctl.name.replace('/', ".")) {
            errors.duplicate(path, sysctl.name.as_str());
        }
    }
}

/// Names of lower-case letters, digits, `-` and `_`, joined by dots or slashes.
fn is_sysctl(name: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_".contains(&c))
            && !part.is_empty()
            && !part.starts_with(['-', '_'])
            && !part.ends_with(['-', '_'])
    };
    name.len() <= SYSCTL_LENGTH_MAX && name.split(['.', '/']).all(is_part)
}

fn validate_id(id: Option<i64>, path: &str, errors: &mut FieldErrors) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        errors.invalid(path, id, ID);
    }
}

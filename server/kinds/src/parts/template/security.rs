//! Whose rights a pod's processes have.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, SecurityContext, Sysctl};
use object::FieldErrors;

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
    if context.allow_privilege_escalation != Some(false) {
        return;
    }
    if context.privileged == Some(true) {
        errors.invalid(
            path.as_str(),
            crate::parts::check::shown(context),
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        );
    }
    let capabilities = context.capabilities.as_ref();
    let added = capabilities.and_then(|capabilities| capabilities.add.as_ref());
    if added.into_iter().flatten().any(|name| name == "CAP_SYS_ADMIN") {
        errors.invalid(
            path,
            crate::parts::check::shown(context),
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        );
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

//! What roles and bindings share.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use object::{FieldErrors, name};
use serde_json::Value;

use super::check;

const GROUP: &str = "rbac.authorization.k8s.io";

/// `ClusterRole/view`: the column ROLE of bindings.
pub(crate) fn role_cell(role: &RoleRef) -> Value {
    format!("{}/{}", role.kind, role.name).into()
}

/// The subjects of one kind, for a wide column; accounts with their namespace.
pub(crate) fn subjects_cell(subjects: Option<&Vec<Subject>>, kind: &str) -> Value {
    let named = subjects.into_iter().flatten().filter(|subject| subject.kind == kind);
    let texts: Vec<String> = named
        .map(|subject| match &subject.namespace {
            Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{}", subject.name),
            _ => subject.name.clone(),
        })
        .collect();
    texts.join(", ").into()
}

pub(crate) fn validate_rules(
    rules: Option<&Vec<PolicyRule>>,
    namespaced: bool,
    errors: &mut FieldErrors,
) {
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        validate_rule(rule, namespaced, &format!("rules[{index}]"), errors);
    }
}

fn validate_rule(rule: &PolicyRule, namespaced: bool, path: &str, errors: &mut FieldErrors) {
    let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    if rule.verbs.is_empty() {
        errors.required(format!("{path}.verbs"), "verbs must contain at least one value");
    }
    if !is_empty(&rule.non_resource_urls) {
        let at = format!("{path}.nonResourceURLs");
        let urls = check::shown(&rule.non_resource_urls);
        if namespaced {
            let why = "namespaced rules cannot apply to non-resource URLs";
            errors.invalid(at.as_str(), urls.clone(), why);
        }
        let others = [&rule.api_groups, &rule.resources, &rule.resource_names];
        if !others.into_iter().all(is_empty) {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.invalid(at, urls, why);
        }
        return;
    }
    if is_empty(&rule.api_groups) {
        let why = "resource rules must supply at least one api group";
        errors.required(format!("{path}.apiGroups"), why);
    }
    if is_empty(&rule.resources) {
        let why = "resource rules must supply at least one resource";
        errors.required(format!("{path}.resources"), why);
    }
}

/// What is left out of a binding.
pub(crate) fn set_binding_defaults(role: &mut RoleRef, subjects: Option<&mut Vec<Subject>>) {
    let default_group = |group: &mut Option<String>| {
        if check::is_blank(group.as_deref()) {
            *group = Some(GROUP.to_owned());
        }
    };
    default_group(&mut role.api_group);
    for subject in subjects.into_iter().flatten() {
        if matches!(subject.kind.as_str(), "User" | "Group") {
            default_group(&mut subject.api_group);
        }
    }
}

pub(crate) fn validate_binding(
    role: &RoleRef,
    subjects: Option<&Vec<Subject>>,
    role_kinds: &[&str],
    errors: &mut FieldErrors,
) {
    let group = role.api_group.as_deref().unwrap_or_default();
    if group != GROUP {
        errors.not_supported("roleRef.apiGroup", group, &[GROUP]);
    }
    if !role_kinds.contains(&role.kind.as_str()) {
        errors.not_supported("roleRef.kind", role.kind.as_str(), role_kinds);
    }
    check::name(&role.name, "roleRef.name", name::path_segment, errors);
    for (index, subject) in subjects.into_iter().flatten().enumerate() {
        validate_subject(subject, role_kinds, &format!("subjects[{index}]"), errors);
    }
}

fn validate_subject(subject: &Subject, role_kinds: &[&str], path: &str, errors: &mut FieldErrors) {
    if subject.name.is_empty() {
        errors.required(format!("{path}.name"), "");
    }
    let group = subject.api_group.as_deref().unwrap_or_default();
    match subject.kind.as_str() {
        "ServiceAccount" => {
            if !subject.name.is_empty() {
                check::name(&subject.name, &format!("{path}.name"), name::subdomain, errors);
            }
            if !group.is_empty() {
                errors.not_supported(format!("{path}.apiGroup"), group, &[""]);
            }
            // A binding of the cluster has no namespace that could stand in.
            let of_cluster = !role_kinds.contains(&"Role");
            if of_cluster && check::is_blank(subject.namespace.as_deref()) {
                errors.required(format!("{path}.namespace"), "");
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                errors.not_supported(format!("{path}.apiGroup"), group, &[GROUP]);
            }
        }
        other => errors.not_supported(
            format!("{path}.kind"),
            other,
            &["ServiceAccount", "User", "Group"],
        ),
    }
}

/// A binding stays with its role: who may change it must not choose another.
pub(crate) fn keep_role(new: &RoleRef, old: &RoleRef, errors: &mut FieldErrors) {
    if new != old {
        errors.invalid("roleRef", check::shown(new), "cannot change roleRef");
    }
}

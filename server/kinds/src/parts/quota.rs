//! What a ResourceQuota may count, and which names of resources there are.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ResourceQuotaSpec, ScopedResourceSelectorRequirement},
    apimachinery::pkg::api::resource::Quantity,
};
use object::{FieldErrors, name};

use super::check;

const COMPUTE: [&str; 9] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
/// What is counted in whole objects.
const COUNTED: [&str; 9] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
const OF_CONTAINERS: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];
const STORAGE: &str = "requests.storage";
const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
const OPPOSITES: [[&str; 2]; 2] =
    [["BestEffort", "NotBestEffort"], ["NotTerminating", "Terminating"]];
const CONFLICT: &str = "conflicting scopes";
const UNSUPPORTED: &str = "unsupported scope applied to resource";
type List = BTreeMap<String, Quantity>;

/// The name of any resource.
pub(crate) fn validate_resource(name: &str, path: &str, errors: &mut FieldErrors) {
    if let Err(why) = name::qualified(name) {
        errors.invalid(path, name, why);
    } else if !name.contains('/') && !is_counted(name) && name != "storage" {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
}

/// Whether a name is that of a resource which containers can not ask for.
pub(crate) fn is_not_of_containers(name: &str) -> bool {
    !name.contains('/') && !OF_CONTAINERS.contains(&name) && !is_huge(name)
}

/// Whether more of a resource may be promised than there is.
pub(crate) fn may_overcommit(name: &str) -> bool {
    let native = !name.contains('/') || name.contains("kubernetes.io/");
    native && !is_huge(name)
}

fn is_huge(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether a quota can limit a resource that has no domain.
fn is_counted(name: &str) -> bool {
    COMPUTE.contains(&name)
        || COUNTED.contains(&name)
        || name == STORAGE
        || is_huge(name)
        || name.strip_prefix("requests.").is_some_and(is_huge)
}

pub(crate) fn validate(spec: &ResourceQuotaSpec, errors: &mut FieldErrors) {
    validate_list(spec.hard.as_ref(), "spec.hard", errors);
    validate_scopes(spec, errors);
    validate_selector(spec, errors);
}

pub(crate) fn validate_list(list: Option<&List>, path: &str, errors: &mut FieldErrors) {
    for (name, quantity) in list.into_iter().flatten() {
        let at = format!("{path}[{name}]");
        let found = errors.0.len();
        validate_resource(name, &at, errors);
        if errors.0.len() == found && !name.contains('/') && !is_counted(name) {
            errors.invalid(&*at, name.as_str(), "must be a standard resource for quota");
        }
        check::nonnegative_quantity(quantity, &at, errors);
        let parsed = quantity.0.parse::<object::quantity::Quantity>();
        let whole = parsed.is_ok_and(|parsed| parsed.milli_value() % 1000 == 0);
        if COUNTED.contains(&name.as_str()) && !whole {
            errors.invalid(at, quantity.0.as_str(), "must be an integer");
        }
    }
}

/// Whether a scope can narrow the count of a resource.
fn applies(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | STORAGE),
        _ => resource == "pods" || COMPUTE.contains(&resource),
    }
}

/// A resource that is limited and that the scope can not narrow.
fn is_misapplied(scope: &str, spec: &ResourceQuotaSpec) -> bool {
    let mut limited = spec.hard.iter().flatten().map(|(name, _)| name.as_str());
    limited.any(|name| is_counted(name) && !is_huge(name) && !applies(scope, name))
}

fn contradict(scopes: &[&str]) -> bool {
    OPPOSITES.iter().any(|pair| pair.iter().all(|scope| scopes.contains(scope)))
}

fn validate_scopes(spec: &ResourceQuotaSpec, errors: &mut FieldErrors) {
    const PATH: &str = "spec.scopes";
    let scopes: Vec<&str> = spec.scopes.iter().flatten().map(String::as_str).collect();
    let shown = || check::shown(&scopes);
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            errors.invalid(PATH, shown(), "unsupported scope");
        } else if is_misapplied(scope, spec) {
            errors.invalid(PATH, shown(), UNSUPPORTED);
        }
    }
    if contradict(&scopes) {
        errors.invalid(PATH, shown(), CONFLICT);
    }
}

fn validate_selector(spec: &ResourceQuotaSpec, errors: &mut FieldErrors) {
    const PATH: &str = "spec.scopeSelector.matchExpressions";
    let Some(selector) = &spec.scope_selector else { return };
    let mut scopes = Vec::new();
    for one in selector.match_expressions.iter().flatten() {
        let scope = one.scope_name.as_str();
        if !SCOPES.contains(&scope) {
            errors.invalid(format!("{PATH}.scopeName"), scope, "unsupported scope");
        } else if is_misapplied(scope, spec) {
            errors.invalid(PATH, check::shown(selector), UNSUPPORTED);
        }
        validate_requirement(one, PATH, errors);
        scopes.push(scope);
    }
    if contradict(&scopes) {
        errors.invalid(PATH, check::shown(&spec.scopes), CONFLICT);
    }
}

fn validate_requirement(
    one: &ScopedResourceSelectorRequirement,
    path: &str,
    errors: &mut FieldErrors,
) {
    const EXIST: &str = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    let operator = one.operator.as_str();
    let has_class = matches!(one.scope_name.as_str(), "PriorityClass" | "VolumeAttributesClass");
    if !has_class && operator != "Exists" {
        errors.invalid(format!("{path}.operator"), operator, EXIST);
    }
    let empty = one.values.as_ref().is_none_or(Vec::is_empty);
    match operator {
        "In" | "NotIn" if empty => errors.required(
            format!("{path}.values"),
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
        "Exists" | "DoesNotExist" if !empty => errors.invalid(
            format!("{path}.values"),
            check::shown(&one.values),
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(format!("{path}.operator"), other, "not a valid selector operator"),
    }
}

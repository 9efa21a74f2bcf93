//! Environment variables and where their values come from.

use k8s_openapi::api::core::v1::{Container, EnvVar, ObjectFieldSelector, ResourceFieldSelector};
use object::FieldErrors;

use crate::parts::check;

/// The fields of the pod that a variable may read, as they are listed to users.
const FIELDS: [&str; 8] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
];
const FIELDS_LAST: &str = "status.podIPs";
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const ENV_NAME: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";

pub(super) fn validate(container: &Container, path: &str, errors: &mut FieldErrors) {
    for (index, variable) in container.env.iter().flatten().enumerate() {
        validate_variable(variable, &format!("{path}.env[{index}]"), errors);
    }
    for (index, from) in container.env_from.iter().flatten().enumerate() {
        let path = format!("{path}.envFrom[{index}]");
        if let Some(prefix) = from.prefix.as_deref().filter(|prefix| !prefix.is_empty())
            && !is_env_name(prefix)
        {
            errors.invalid(format!("{path}.prefix"), prefix, ENV_NAME);
        }
        let map = from.config_map_ref.as_ref().map(|map| ("configMapRef", &map.name));
        let secret = from.secret_ref.as_ref().map(|secret| ("secretRef", &secret.name));
        match (map, secret) {
            (None, None) => errors.invalid(
                path.as_str(),
                "",
                "must specify one of: `configMapRef` or `secretRef`",
            ),
            (Some(_), Some(_)) => {
                errors.invalid(
                    path.as_str(),
                    "",
                    "may not have more than one field specified at a time",
                );
            }
            (Some((field, name)), None) | (None, Some((field, name))) => {
                if name.is_empty() {
                    errors.required(format!("{path}.{field}.name"), "");
                }
            }
        }
    }
}

fn is_env_name(name: &str) -> bool {
    name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

fn validate_variable(variable: &EnvVar, path: &str, errors: &mut FieldErrors) {
    if variable.name.is_empty() {
        errors.required(format!("{path}.name"), "");
    } else if !is_env_name(&variable.name) {
        errors.invalid(format!("{path}.name"), variable.name.as_str(), ENV_NAME);
    }
    let Some(source) = &variable.value_from else { return };
    let path = format!("{path}.valueFrom");
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        validate_field(field, &format!("{path}.fieldRef"), true, errors);
    }
    if let Some(resource) = &source.resource_field_ref {
        sources += 1;
        validate_resource(resource, &format!("{path}.resourceFieldRef"), errors);
    }
    if let Some(map) = &source.config_map_key_ref {
        sources += 1;
        validate_key(&map.name, &map.key, &format!("{path}.configMapKeyRef"), errors);
    }
    if let Some(secret) = &source.secret_key_ref {
        sources += 1;
        validate_key(&secret.name, &secret.key, &format!("{path}.secretKeyRef"), errors);
    }
    if source.file_key_ref.is_some() {
        sources += 1;
    }
    if sources == 0 {
        errors.invalid(
            path.as_str(),
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        );
    } else if !check::is_blank(variable.value.as_deref()) {
        errors.invalid(path.as_str(), "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid(path.as_str(), "", "may not have more than one field specified at a time");
    }
}

fn validate_key(name: &str, key: &str, path: &str, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(format!("{path}.name"), "");
    }
    check::name(key, &format!("{path}.key"), check::config_key, errors);
}

/// A field of the pod itself; whole maps of labels can be files, but not variables.
pub(super) fn validate_field(
    field: &ObjectFieldSelector,
    path: &str,
    is_variable: bool,
    errors: &mut FieldErrors,
) {
    let at = format!("{path}.fieldPath");
    let wanted = field.field_path.as_str();
    if wanted.is_empty() {
        errors.required(at, "");
        return;
    }
    if let Some((map, key)) = wanted.strip_suffix("']").and_then(|head| head.split_once("['")) {
        if !matches!(map, "metadata.labels" | "metadata.annotations") {
            errors.invalid(at, wanted, "does not support subscript");
        } else if let Err(why) = object::name::qualified(&key.to_lowercase()) {
            errors.invalid(at, key, why);
        }
        return;
    }
    let is_map = matches!(wanted, "metadata.labels" | "metadata.annotations");
    let is_known = FIELDS.contains(&wanted) || wanted == FIELDS_LAST;
    if !is_known && (!is_map || is_variable) {
        let listed: Vec<&str> = FIELDS.into_iter().chain([FIELDS_LAST]).collect();
        errors.not_supported(at, wanted, &listed);
    }
}

pub(super) fn validate_resource(
    resource: &ResourceFieldSelector,
    path: &str,
    errors: &mut FieldErrors,
) {
    let wanted = resource.resource.as_str();
    let at = format!("{path}.resource");
    if wanted.is_empty() {
        errors.required(at, "");
    } else if !RESOURCES.contains(&wanted) && !wanted.contains(".hugepages-") {
        errors.not_supported(at, wanted, &RESOURCES);
    }
}

//! What may be wrong with a definition, besides its schemas.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1;
use object::{FieldErrors, name};
use serde_json::{Value, json};

use super::{REVIEW_VERSIONS, is_true, names, schema};
use crate::{
    custom::{Path, compile_rules},
    parts::check,
};

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 9] =
    ["byte", "date", "date-time", "double", "float", "int32", "int64", "binary", "password"];

pub(super) fn validate(definition: &v1::CustomResourceDefinition, errors: &mut FieldErrors) {
    let spec = &definition.spec;
    let own = definition.metadata.name.as_deref().unwrap_or_default();
    if own != format!("{}.{}", spec.names.plural, spec.group) {
        errors.invalid("metadata.name", own, "must be spec.names.plural+\".\"+spec.group");
    }
    validate_group(definition, errors);
    match spec.scope.as_str() {
        "" => errors.required("spec.scope", ""),
        "Cluster" | "Namespaced" => {}
        other => errors.not_supported("spec.scope", other, &["Cluster", "Namespaced"]),
    }
    if spec.preserve_unknown_fields == Some(true) {
        errors.invalid(
            "spec.preserveUnknownFields",
            true,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        );
    }
    names::validate(&spec.names, "spec.names", errors);
    validate_versions(spec, errors);
    validate_conversion(spec, errors);
    validate_stored_versions(definition, errors);
}

fn validate_group(definition: &v1::CustomResourceDefinition, errors: &mut FieldErrors) {
    let group = definition.spec.group.as_str();
    if group.is_empty() {
        errors.required("spec.group", "");
        return;
    }
    if let Err(why) = name::subdomain(group) {
        errors.invalid("spec.group", group, why);
    } else if !group.contains('.') {
        errors.invalid("spec.group", group, "should be a domain with at least one dot");
    }
    let is_protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|protected| group == *protected || group.ends_with(&format!(".{protected}")));
    let annotations = definition.metadata.annotations.as_ref();
    let approved = annotations.and_then(|all| all.get("api-approved.kubernetes.io"));
    const AT: &str = "metadata.annotations[api-approved.kubernetes.io]";
    match approved {
        _ if !is_protected => {}
        None => errors.required(AT, "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111"),
        Some(why) if why.starts_with("unapproved") || why.contains("://") => {}
        Some(why) => errors.invalid(AT, why.as_str(), "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111"),
    }
}

fn validate_versions(spec: &v1::CustomResourceDefinitionSpec, errors: &mut FieldErrors) {
    let mut seen = Vec::new();
    let named: Vec<Value> = spec.versions.iter().map(|version| json!(version.name)).collect();
    for (index, version) in spec.versions.iter().enumerate() {
        let at = format!("spec.versions[{index}]");
        if seen.contains(&&version.name) {
            errors.invalid(
                "spec.versions",
                Value::from(named.clone()),
                "must contain unique version names",
            );
        }
        seen.push(&version.name);
        if let Err(why) = name::label(&version.name) {
            errors.invalid(format!("{at}.name"), version.name.as_str(), why);
        }
        if version.deprecated != Some(true) && version.deprecation_warning.is_some() {
            let detail = "can only be set for deprecated versions";
            let warning = version.deprecation_warning.clone();
            errors.invalid(format!("{at}.deprecationWarning"), warning, detail);
        }
        validate_version(version, &at, errors);
    }
    if spec.versions.iter().filter(|version| version.storage).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.invalid("spec.versions", check::shown(&spec.versions), detail);
    }
}

fn validate_version(
    version: &v1::CustomResourceDefinitionVersion,
    at: &str,
    errors: &mut FieldErrors,
) {
    let own = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let path = format!("{at}.schema.openAPIV3Schema");
    match own {
        None => errors.required(path, "schemas are required"),
        Some(own) => {
            schema::validate(own, &path, errors);
            let mut faults = Vec::new();
            compile_rules(&check::shown(own), &path, &mut faults);
            for fault in faults {
                errors.push(fault.path, fault.problem, fault.detail);
            }
        }
    }
    for (index, column) in version.additional_printer_columns.iter().flatten().enumerate() {
        validate_column(column, &format!("{at}.additionalPrinterColumns[{index}]"), errors);
    }
    let subresources = version.subresources.as_ref();
    if let Some(scale) = subresources.and_then(|parts| parts.scale.as_ref()) {
        validate_scale(scale, &format!("{at}.subresources.scale"), errors);
    }
    let fields = version.selectable_fields.as_deref().unwrap_or_default();
    for (index, field) in fields.iter().enumerate() {
        let at = format!("{at}.selectableFields[{index}].jsonPath");
        if field.json_path.is_empty() {
            errors.required(at, "");
        } else if fields[..index].iter().any(|other| other.json_path == field.json_path) {
            errors.duplicate(at, field.json_path.as_str());
        } else if let Err(why) = schema::check_selectable(own, &field.json_path) {
            errors.invalid(at, field.json_path.as_str(), why);
        }
    }
}

fn validate_column(
    column: &v1::CustomResourceColumnDefinition,
    at: &str,
    errors: &mut FieldErrors,
) {
    if column.name.is_empty() {
        errors.required(format!("{at}.name"), "");
    }
    match column.type_.as_str() {
        "" => errors
            .required(format!("{at}.type"), format!("must be one of {}", COLUMN_TYPES.join(","))),
        kind if COLUMN_TYPES.contains(&kind) => {}
        kind => errors.invalid(
            format!("{at}.type"),
            kind,
            format!("must be one of {}", COLUMN_TYPES.join(",")),
        ),
    }
    let format = column.format.as_deref().unwrap_or_default();
    if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
        let detail = format!("must be one of {}", COLUMN_FORMATS.join(","));
        errors.invalid(format!("{at}.format"), format, detail);
    }
    if column.json_path.is_empty() {
        errors.required(format!("{at}.jsonPath"), "");
    } else if !Path::is_valid(&column.json_path) {
        errors.invalid(format!("{at}.jsonPath"), column.json_path.as_str(), "is no JSON path");
    }
}

fn validate_scale(scale: &v1::CustomResourceSubresourceScale, at: &str, errors: &mut FieldErrors) {
    let selector = scale.label_selector_path.clone().unwrap_or_default();
    for (field, path, roots) in [
        ("specReplicasPath", &scale.spec_replicas_path, &[".spec."][..]),
        ("statusReplicasPath", &scale.status_replicas_path, &[".status."]),
        ("labelSelectorPath", &selector, &[".spec.", ".status."]),
    ] {
        let at = format!("{at}.{field}");
        if path.is_empty() {
            if field != "labelSelectorPath" {
                errors.required(at, "");
            }
        } else if !Path::is_simple(path) || !roots.iter().any(|root| path.starts_with(root)) {
            let detail = format!("should be a json path under {}", roots[0].trim_end_matches('.'));
            errors.invalid(at, path.as_str(), detail);
        }
    }
}

fn validate_conversion(spec: &v1::CustomResourceDefinitionSpec, errors: &mut FieldErrors) {
    let Some(conversion) = &spec.conversion else { return };
    const AT: &str = "spec.conversion";
    match (conversion.strategy.as_str(), &conversion.webhook) {
        ("", _) => errors.required(format!("{AT}.strategy"), ""),
        ("None", None) => {}
        ("None", Some(_)) => errors.forbidden(
            format!("{AT}.webhook"),
            "should not be set when strategy is not set to Webhook",
        ),
        ("Webhook", webhook) => {
            let client = webhook.as_ref().and_then(|webhook| webhook.client_config.as_ref());
            match client {
                None => errors.required(
                    format!("{AT}.webhook.clientConfig"),
                    "required when strategy is set to Webhook",
                ),
                Some(client) if client.url.is_some() == client.service.is_some() => errors
                    .required(
                        format!("{AT}.webhook.clientConfig"),
                        "exactly one of url or service is required",
                    ),
                Some(_) => {}
            }
            let listed = webhook.iter().flat_map(|webhook| &webhook.conversion_review_versions);
            if !listed.into_iter().any(|version| REVIEW_VERSIONS.contains(&version.as_str())) {
                errors.invalid(
                    format!("{AT}.webhook.conversionReviewVersions"),
                    check::shown(&webhook.as_ref().map(|hook| &hook.conversion_review_versions)),
                    "must include at least one of v1, v1beta1",
                );
            }
        }
        (other, _) => {
            errors.not_supported(format!("{AT}.strategy"), other, &["None", "Webhook"]);
        }
    }
}

/// A version in which objects may be stored stays declared.
fn validate_stored_versions(definition: &v1::CustomResourceDefinition, errors: &mut FieldErrors) {
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_ref());
    for (index, version) in stored.into_iter().flatten().enumerate() {
        if !definition.spec.versions.iter().any(|declared| declared.name == *version) {
            let detail = format!(
                "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {version} and removes {version} from status.storedVersions"
            );
            let at = format!("status.storedVersions[{index}]");
            errors.invalid(at, version.as_str(), detail);
        }
    }
}

pub(super) fn validate_update(
    new: &v1::CustomResourceDefinition,
    old: &v1::CustomResourceDefinition,
    errors: &mut FieldErrors,
) {
    let (new, was) = (&new.spec, &old.spec);
    let mut keep = |field: &str, new: &str, old: &str| {
        if new != old {
            errors.invalid(format!("spec.{field}"), new, check::IMMUTABLE);
        }
    };
    keep("group", &new.group, &was.group);
    keep("names.plural", &new.names.plural, &was.names.plural);
    if is_true(old, "Established") {
        keep("scope", &new.scope, &was.scope);
        keep("names.kind", &new.names.kind, &was.names.kind);
    }
}

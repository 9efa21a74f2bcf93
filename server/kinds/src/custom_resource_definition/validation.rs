//! What a definition must say of its names, its scope and its versions.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion,
};
use object::{FieldErrors, name};

use crate::parts::{
    check::{self, Once},
    webhook,
};

const SCOPES: [&str; 2] = ["Cluster", "Namespaced"];
const STRATEGIES: [&str; 2] = ["None", "Webhook"];
const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 10] = [
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
    "string",
    "name",
];

pub(super) fn validate(definition: &CustomResourceDefinition, errors: &mut FieldErrors) {
    let spec = &definition.spec;
    let own = definition.metadata.name.as_deref().unwrap_or_default();
    let expected = format!("{}.{}", spec.names.plural, spec.group);
    if own != expected {
        errors.invalid("metadata.name", own, "must be spec.names.plural+\".\"+spec.group");
    }
    validate_group(spec, errors);
    check::one_of(Some(&spec.scope), "spec.scope", &SCOPES, errors);
    if spec.preserve_unknown_fields == Some(true) {
        errors.invalid("spec.preserveUnknownFields", true, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
    }
    validate_versions(spec, errors);
    validate_names(&spec.names, "spec.names", errors);
    if let Some(conversion) = &spec.conversion {
        validate_conversion(conversion, errors);
    }
    validate_protected(definition, errors);
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_deref());
    validate_stored(stored.unwrap_or_default(), spec, errors);
}

fn validate_group(spec: &CustomResourceDefinitionSpec, errors: &mut FieldErrors) {
    if spec.group.is_empty() {
        errors.required("spec.group", "");
    } else if let Err(why) = name::subdomain(&spec.group) {
        errors.invalid("spec.group", spec.group.as_str(), why);
    } else if !spec.group.contains('.') {
        errors.invalid(
            "spec.group",
            spec.group.as_str(),
            "should be a domain with at least one dot",
        );
    }
}

/// The groups of Kubernetes itself are approved by its project.
fn validate_protected(definition: &CustomResourceDefinition, errors: &mut FieldErrors) {
    const KEY: &str = "api-approved.kubernetes.io";
    let group = &definition.spec.group;
    let protected = ["k8s.io", "kubernetes.io"]
        .into_iter()
        .any(|domain| group == domain || group.ends_with(&format!(".{domain}")));
    let approved = definition.metadata.annotations.as_ref().and_then(|all| all.get(KEY));
    let path = format!("metadata.annotations[{KEY}]");
    match approved {
        _ if !protected => {}
        None => errors.required(path, "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111"),
        Some(value) if value.starts_with("unapproved") || value.contains("://") => {}
        Some(value) => errors.invalid(path, value.as_str(), "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111"),
    }
}

fn validate_versions(spec: &CustomResourceDefinitionSpec, errors: &mut FieldErrors) {
    let mut names = Once::default();
    for (index, version) in spec.versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        if let Err(why) = name::label(&version.name) {
            errors.invalid(format!("{path}.name"), version.name.as_str(), why);
        }
        names.check(&version.name, &format!("{path}.name"), errors);
        validate_version(version, &path, errors);
    }
    let stored = spec.versions.iter().filter(|version| version.storage).count();
    if stored != 1 {
        errors.invalid(
            "spec.versions",
            check::shown(&spec.versions),
            "must have exactly one version marked as storage version",
        );
    }
}

fn validate_version(
    version: &CustomResourceDefinitionVersion,
    path: &str,
    errors: &mut FieldErrors,
) {
    let has_schema =
        version.schema.as_ref().is_some_and(|schema| schema.open_api_v3_schema.is_some());
    if !has_schema {
        errors.required(format!("{path}.schema.openAPIV3Schema"), "schemas are required");
    }
    if let Some(warning) = version.deprecation_warning.as_deref() {
        let at = format!("{path}.deprecationWarning");
        if version.deprecated != Some(true) {
            errors.invalid(at, warning, "can only be set for deprecated versions");
        } else if warning.is_empty() {
            errors.invalid(at, warning, "must not be an empty string");
        } else if warning.len() > 256 {
            errors.invalid(at, warning, "must be <= 256 characters long");
        }
    }
    let mut names = Once::default();
    for (index, column) in version.additional_printer_columns.iter().flatten().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        if column.name.is_empty() {
            errors.required(format!("{path}.name"), "");
        }
        names.check(&column.name, &format!("{path}.name"), errors);
        let at = format!("{path}.type");
        if column.type_.is_empty() {
            errors.required(at, format!("must be one of {}", COLUMN_TYPES.join(",")));
        } else if !COLUMN_TYPES.contains(&column.type_.as_str()) {
            let why = format!("must be one of {}", COLUMN_TYPES.join(","));
            errors.invalid(at, column.type_.as_str(), why);
        }
        let format = column.format.as_deref().unwrap_or_default();
        if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
            let why = format!("must be one of {}", COLUMN_FORMATS.join(","));
            errors.invalid(format!("{path}.format"), format, why);
        }
        if column.json_path.is_empty() {
            errors.required(format!("{path}.jsonPath"), "");
        }
    }
    validate_scale(version, path, errors);
}

fn validate_scale(version: &CustomResourceDefinitionVersion, path: &str, errors: &mut FieldErrors) {
    let scale = version.subresources.as_ref().and_then(|subresources| subresources.scale.as_ref());
    let Some(scale) = scale else { return };
    let path = format!("{path}.subresources.scale");
    for (field, text, below) in [
        ("specReplicasPath", &*scale.spec_replicas_path, &[".spec."][..]),
        ("statusReplicasPath", &*scale.status_replicas_path, &[".status."]),
        (
            "labelSelectorPath",
            scale.label_selector_path.as_deref().unwrap_or_default(),
            &[".spec.", ".status."],
        ),
    ] {
        let at = format!("{path}.{field}");
        if text.is_empty() {
            if field != "labelSelectorPath" {
                errors.required(at, "");
            }
        } else if !below.iter().any(|prefix| text.starts_with(prefix)) {
            let places: Vec<&str> =
                below.iter().map(|prefix| prefix.trim_end_matches('.')).collect();
            errors.invalid(
                at,
                text,
                format!("should be a json path under {}", places.join(" or ")),
            );
        }
    }
}

pub(super) fn validate_names(
    names: &CustomResourceDefinitionNames,
    path: &str,
    errors: &mut FieldErrors,
) {
    let at = |field: &str| format!("{path}.{field}");
    let mut label = |text: &str, field: &str| {
        if let Err(why) = name::label(text) {
            errors.invalid(at(field), text, why);
        }
    };
    label(&names.plural, "plural");
    if let Some(singular) = &names.singular {
        label(singular, "singular");
    }
    label(&names.kind.to_lowercase(), "kind");
    let list_kind = names.list_kind.as_deref().unwrap_or_default();
    if !list_kind.is_empty() {
        label(&list_kind.to_lowercase(), "listKind");
    }
    for (field, list) in [("shortNames", &names.short_names), ("categories", &names.categories)] {
        for (index, text) in list.iter().flatten().enumerate() {
            label(text, &format!("{field}[{index}]"));
        }
    }
    if names.kind == list_kind && !list_kind.is_empty() {
        errors.invalid(at("listKind"), list_kind, "kind and listKind may not be the same");
    }
}

fn validate_conversion(conversion: &CustomResourceConversion, errors: &mut FieldErrors) {
    let path = "spec.conversion";
    check::one_of(Some(&conversion.strategy), &format!("{path}.strategy"), &STRATEGIES, errors);
    let at = format!("{path}.webhook");
    let Some(hook) = &conversion.webhook else {
        if conversion.strategy == "Webhook" {
            errors.required(
                format!("{path}.webhookClientConfig"),
                "required when strategy is set to Webhook",
            );
        }
        return;
    };
    if conversion.strategy != "Webhook" {
        return errors.forbidden(at, "should not be set when strategy is not set to Webhook");
    }
    let versions = format!("{path}.conversionReviewVersions");
    webhook::validate_review_versions(
        &hook.conversion_review_versions,
        &versions,
        &["v1", "v1beta1"],
        errors,
    );
    let Some(client) = &hook.client_config else {
        return errors.required(
            format!("{path}.webhookClientConfig"),
            "required when strategy is set to Webhook",
        );
    };
    let at = format!("{path}.webhookClientConfig");
    match (&client.url, &client.service) {
        (None, None) | (Some(_), Some(_)) => {
            errors.required(at, "exactly one of url or service is required");
        }
        (Some(url), None) => webhook::validate_url(url, &format!("{at}.url"), errors),
        (None, Some(service)) => webhook::validate_service(
            &service.name,
            &service.namespace,
            service.path.as_deref(),
            service.port.unwrap_or(443),
            &format!("{at}.service"),
            errors,
        ),
    }
}

fn validate_stored(
    stored: &[String],
    spec: &CustomResourceDefinitionSpec,
    errors: &mut FieldErrors,
) {
    let known: Vec<&str> = spec.versions.iter().map(|version| version.name.as_str()).collect();
    for (index, version) in stored.iter().enumerate() {
        if !known.contains(&version.as_str()) {
            let path = format!("status.storedVersions[{index}]");
            errors.invalid(path, version.as_str(), "must appear in spec.versions");
        }
    }
    let Some(storage) = spec.versions.iter().find(|version| version.storage) else { return };
    if !stored.is_empty() && !stored.contains(&storage.name) {
        errors.invalid(
            "status.storedVersions",
            check::shown(&stored),
            format!("must have the storage version {}", storage.name),
        );
    }
}

//! Structural schemas: what a definition may say of its objects.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use object::FieldErrors;
use regex::Regex;
use serde_json::Value;

use crate::custom::{Path, Structure, judge_default};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const SELECTABLE: [&str; 3] = ["boolean", "integer", "string"];

/// Where a schema stands in its definition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Items,
    /// Within `allOf` and its like: it may judge values but shape nothing.
    Judge,
}

pub(super) fn validate(schema: &JSONSchemaProps, at: &str, errors: &mut FieldErrors) {
    walk(schema, at, Place::Root, errors);
}

fn walk(schema: &JSONSchemaProps, at: &str, place: Place, errors: &mut FieldErrors) {
    forbid(schema, at, errors);
    if place == Place::Judge {
        judge_only(schema, at, errors);
    } else {
        check_type(schema, at, place, errors);
        check_lists(schema, at, errors);
        check_default(schema, at, place, errors);
    }
    if let Some(pattern) = schema.pattern.as_deref()
        && let Err(error) = Regex::new(pattern)
    {
        let why = error.to_string().lines().last().unwrap_or_default().to_owned();
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        errors.invalid(format!("{at}.pattern"), pattern, detail);
    }
    for (name, child) in schema.properties.iter().flatten() {
        let at = format!("{at}.properties[{name}]");
        if place == Place::Root && name == "metadata" {
            check_metadata(child, &at, errors);
        }
        walk(child, &at, inner(place, Place::Field), errors);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(child)) = &schema.additional_properties {
        walk(child, &format!("{at}.additionalProperties"), inner(place, Place::Field), errors);
    }
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(child)) => {
            walk(child, &format!("{at}.items"), inner(place, Place::Items), errors);
        }
        Some(JSONSchemaPropsOrArray::Schemas(_)) => {
            let detail = "items must be a schema object and not an array";
            errors.forbidden(format!("{at}.items"), detail);
        }
        None => {}
    }
    for (field, list) in
        [("allOf", &schema.all_of), ("anyOf", &schema.any_of), ("oneOf", &schema.one_of)]
    {
        for (index, one) in list.iter().flatten().enumerate() {
            let at_one = format!("{at}.{field}[{index}]");
            check_complete(one, schema, &at_one, at, errors);
            walk(one, &at_one, Place::Judge, errors);
        }
    }
    if let Some(not) = &schema.not {
        let at_not = format!("{at}.not");
        check_complete(not, schema, &at_not, at, errors);
        walk(not, &at_not, Place::Judge, errors);
    }
}

fn inner(place: Place, child: Place) -> Place {
    if place == Place::Judge { Place::Judge } else { child }
}

/// What JSON schema has and Kubernetes does not.
fn forbid(schema: &JSONSchemaProps, at: &str, errors: &mut FieldErrors) {
    for (field, is_set) in [
        ("$ref", schema.ref_path.is_some()),
        ("additionalItems", schema.additional_items.is_some()),
        ("definitions", schema.definitions.as_ref().is_some_and(|map| !map.is_empty())),
        ("dependencies", schema.dependencies.as_ref().is_some_and(|map| !map.is_empty())),
        ("id", schema.id.as_ref().is_some_and(|id| !id.is_empty())),
        ("patternProperties", schema.pattern_properties.as_ref().is_some_and(|m| !m.is_empty())),
    ] {
        if is_set {
            errors.forbidden(format!("{at}.{field}"), format!("{field} is not supported"));
        }
    }
    if schema.unique_items == Some(true) {
        let detail =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.forbidden(format!("{at}.uniqueItems"), detail);
    }
    if matches!(schema.additional_properties, Some(JSONSchemaPropsOrBool::Bool(false))) {
        errors.forbidden(
            format!("{at}.additionalProperties"),
            "additionalProperties cannot be set to false",
        );
    }
    if schema.properties.as_ref().is_some_and(|all| !all.is_empty())
        && schema.additional_properties.is_some()
    {
        let detail = "additionalProperties and properties are mutual exclusive";
        errors.forbidden(format!("{at}.additionalProperties"), detail);
    }
}

/// Within `allOf` and its like nothing is declared.
fn judge_only(schema: &JSONSchemaProps, at: &str, errors: &mut FieldErrors) {
    // The one form in which types stand there: a number or a text.
    for (field, is_set) in [
        ("additionalProperties", schema.additional_properties.is_some()),
        ("nullable", schema.nullable == Some(true)),
        ("default", schema.default.is_some()),
        ("title", schema.title.as_ref().is_some_and(|text| !text.is_empty())),
        ("description", schema.description.as_ref().is_some_and(|text| !text.is_empty())),
        (
            "x-kubernetes-preserve-unknown-fields",
            schema.x_kubernetes_preserve_unknown_fields == Some(true),
        ),
        ("x-kubernetes-embedded-resource", schema.x_kubernetes_embedded_resource == Some(true)),
        ("x-kubernetes-int-or-string", schema.x_kubernetes_int_or_string == Some(true)),
    ] {
        if is_set {
            errors.forbidden(format!("{at}.{field}"), "must be empty to be structural");
        }
    }
    let is_int_or_string = matches!(schema.type_.as_deref(), Some("integer" | "string"));
    if schema.type_.as_ref().is_some_and(|kind| !kind.is_empty()) && !is_int_or_string {
        errors.forbidden(format!("{at}.type"), "must be empty to be structural");
    }
}

fn check_type(schema: &JSONSchemaProps, at: &str, place: Place, errors: &mut FieldErrors) {
    let path = format!("{at}.type");
    let is_free = schema.x_kubernetes_preserve_unknown_fields == Some(true);
    let is_either = schema.x_kubernetes_int_or_string == Some(true);
    let is_embedded = schema.x_kubernetes_embedded_resource == Some(true);
    match schema.type_.as_deref().unwrap_or_default() {
        "" if is_embedded => {
            errors.required(path, "must be object if x-kubernetes-embedded-resource is true");
        }
        "" if place == Place::Root => errors.required(path, "must not be empty at the root"),
        "" if is_either || is_free => {}
        "" if place == Place::Items => {
            errors.required(path, "must not be empty for specified array items");
        }
        "" => errors.required(path, "must not be empty for specified object fields"),
        kind if !TYPES.contains(&kind) => errors.not_supported(path, kind, &TYPES),
        kind if place == Place::Root && kind != "object" => {
            errors.invalid(path, kind, "must be object at the root");
        }
        kind if is_either => {
            errors.invalid(path, kind, "must be empty if x-kubernetes-int-or-string is true");
        }
        kind if is_embedded && kind != "object" => {
            errors.invalid(path, kind, "must be object if x-kubernetes-embedded-resource is true");
        }
        "array" if schema.items.is_none() => {
            errors.required(format!("{at}.items"), "must be specified");
        }
        _ => {}
    }
    let has_fields = schema.properties.as_ref().is_some_and(|fields| !fields.is_empty());
    if is_embedded && !is_free && !has_fields {
        errors.required(
            format!("{at}.properties"),
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        );
    }
    if schema.x_kubernetes_preserve_unknown_fields == Some(false) {
        errors.invalid(
            format!("{at}.x-kubernetes-preserve-unknown-fields"),
            false,
            "must be true or undefined",
        );
    }
}

fn check_lists(schema: &JSONSchemaProps, at: &str, errors: &mut FieldErrors) {
    let kind = schema.x_kubernetes_list_type.as_deref();
    let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
    let is_list = schema.type_.as_deref() == Some("array");
    match kind {
        None if keys.is_empty() => {}
        None => errors.required(
            format!("{at}.x-kubernetes-list-type"),
            "must be map if x-kubernetes-list-map-keys is non-empty",
        ),
        Some("atomic" | "set" | "map") if !is_list => {
            errors.invalid(
                format!("{at}.type"),
                schema.type_.clone().unwrap_or_default(),
                "must be array if x-kubernetes-list-type is specified",
            );
        }
        Some("atomic" | "set") => {}
        Some("map") => check_keys(schema, keys, at, errors),
        Some(other) => errors.not_supported(
            format!("{at}.x-kubernetes-list-type"),
            other,
            &["atomic", "map", "set"],
        ),
    }
    if let Some(kind) = schema.x_kubernetes_map_type.as_deref()
        && !["atomic", "granular"].contains(&kind)
    {
        let at = format!("{at}.x-kubernetes-map-type");
        errors.not_supported(at, kind, &["atomic", "granular"]);
    }
}

fn check_keys(schema: &JSONSchemaProps, keys: &[String], at: &str, errors: &mut FieldErrors) {
    if keys.is_empty() {
        errors.required(
            format!("{at}.x-kubernetes-list-map-keys"),
            "must not be empty if x-kubernetes-list-type is map",
        );
    }
    let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items else { return };
    if items.type_.as_deref() != Some("object") {
        errors.invalid(
            format!("{at}.items.type"),
            items.type_.clone().unwrap_or_default(),
            "must be object if parent array's x-kubernetes-list-type is map",
        );
    }
    for (index, key) in keys.iter().enumerate() {
        let Some(field) = items.properties.as_ref().and_then(|fields| fields.get(key)) else {
            errors.invalid(
                format!("{at}.x-kubernetes-list-map-keys[{index}]"),
                key.as_str(),
                "entries must all be names of item properties",
            );
            continue;
        };
        let is_required = items.required.as_ref().is_some_and(|names| names.contains(key));
        if !is_required && field.default.is_none() {
            errors.required(
                format!("{at}.items.properties[{key}].default"),
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            );
        }
    }
}

fn check_default(schema: &JSONSchemaProps, at: &str, place: Place, errors: &mut FieldErrors) {
    let Some(default) = &schema.default else { return };
    let path = format!("{at}.default");
    if place == Place::Root {
        errors.forbidden(path, "must not be set at the root");
        return;
    }
    judge_default(&default.0, &Structure::read(schema), &path, errors);
}

/// `metadata` of the root is every object's; a definition may only restrict the names.
fn check_metadata(schema: &JSONSchemaProps, at: &str, errors: &mut FieldErrors) {
    let fields = schema.properties.iter().flatten();
    let others = fields.filter(|(name, _)| !["name", "generateName"].contains(&name.as_str()));
    if others.count() > 0 {
        errors.forbidden(
            at,
            "must not specify anything other than name and generateName, but metadata is implicitly specified",
        );
    }
}

/// What a judging schema names must be declared beside it.
fn check_complete(
    judge: &JSONSchemaProps,
    declared: &JSONSchemaProps,
    at: &str,
    declared_at: &str,
    errors: &mut FieldErrors,
) {
    for (name, child) in judge.properties.iter().flatten() {
        let at = format!("{at}.properties[{name}]");
        let path = format!("{declared_at}.properties[{name}]");
        match declared.properties.as_ref().and_then(|fields| fields.get(name)) {
            Some(declared) => check_complete(child, declared, &at, &path, errors),
            None => match &declared.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(_)) => {}
                _ => errors.required(path, format!("because it is defined in {at}")),
            },
        }
    }
    if let (Some(JSONSchemaPropsOrArray::Schema(_)), None) = (&judge.items, &declared.items) {
        let detail = format!("because it is defined in {at}.items");
        errors.required(format!("{declared_at}.items"), detail);
    }
}

/// A field that selectors may name holds one plain value.
pub(super) fn check_selectable(root: Option<&JSONSchemaProps>, path: &str) -> Result<(), String> {
    if !Path::is_simple(path) || !path.starts_with('.') {
        return Err(
            "is an invalid path: must be a simple path of fields, as .spec.color".to_owned()
        );
    }
    if path.starts_with(".metadata") {
        return Err("must not point to fields in metadata".to_owned());
    }
    let mut at = root;
    for name in Path::parse(path).fields() {
        at = at.and_then(|schema| schema.properties.as_ref()?.get(name));
    }
    let Some(field) = at else {
        return Err("is an invalid path: does not refer to a field of the schema".to_owned());
    };
    match field.type_.as_deref() {
        Some(kind) if SELECTABLE.contains(&kind) => Ok(()),
        kind => Err(format!(
            "must point to a field of type boolean, integer or string, not {}",
            kind.map_or(Value::Null, Value::from)
        )),
    }
}

//! How documents and patches see a custom kind: its schema as it was written, with what every
//! object has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use object::schema::Types;
use serde_json::{Map, Value, json};

use super::CustomKind;
use crate::{
    openapi::{meta, reference},
    schema::{Definitions, types_of},
};

/// The name of a custom kind's definition: its group backwards, version and kind.
pub(super) fn name(group: &str, version: &str, kind: &str) -> String {
    let mut parts: Vec<&str> = group.split('.').collect();
    parts.reverse();
    format!("{}.{version}.{kind}", parts.join("."))
}

/// Adds the definition to a document.
pub(super) fn define(kind: &CustomKind, definitions: &mut Definitions) {
    definitions.add::<ObjectMeta>();
    definitions.add_json(&kind.definition, schema(kind));
}

fn schema(kind: &CustomKind) -> Value {
    let mut schema: Value = serde_json::from_str(&kind.schema).unwrap_or_default();
    if kind.structure.preserves {
        schema["x-kubernetes-preserve-unknown-fields"] = true.into();
    }
    embed(&mut schema);
    envelop(&mut schema);
    schema
}

/// Declares what objects within the object have, as every object has it.
fn embed(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    for nested in ["items", "additionalProperties"] {
        fields.get_mut(nested).into_iter().for_each(embed);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(embed);
    }
    if fields.get("x-kubernetes-embedded-resource") != Some(&Value::Bool(true)) {
        return;
    }
    let required = fields.entry("required").or_insert_with(|| json!([]));
    for name in ["kind", "apiVersion"] {
        let listed = required.as_array_mut().filter(|listed| !listed.contains(&name.into()));
        listed.into_iter().for_each(|listed| listed.push(name.into()));
    }
    envelop(schema);
}

/// Declares version, kind and metadata.
fn envelop(schema: &mut Value) {
    if !schema["properties"].is_object() {
        schema["properties"] = Value::Object(Map::new());
    }
    let properties = &mut schema["properties"];
    properties["apiVersion"] = json!({
        "type": "string",
        "description": "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    });
    properties["kind"] = json!({
        "type": "string",
        "description": "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    });
    properties["metadata"] = json!({
        "allOf": [reference(&meta("ObjectMeta"))],
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    });
}

/// The types by which its objects are patched.
pub(super) fn types(kind: &CustomKind) -> Types {
    let mut definitions = Definitions::new();
    define(kind, &mut definitions);
    types_of(&definitions.finish())
}

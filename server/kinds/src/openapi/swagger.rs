//! The same documents in the older form, OpenAPI 2: one for everything. Clients of old, and
//! `kubectl explain --output=plaintext-openapiv2`, read it.

use serde_json::{Map, Value, json};

/// Paths and definitions of one group and version, taken from its document.
pub(super) struct Part {
    pub(super) paths: Map<String, Value>,
    pub(super) definitions: Map<String, Value>,
}

const GVK: &str = "x-kubernetes-group-version-kind";
const JSON: &str = "application/json";

impl Part {
    pub(super) fn of(mut document: Value) -> Self {
        let taken = |value: &mut Value| match value.take() {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let paths = taken(&mut document["paths"]);
        let definitions = taken(&mut document["components"]["schemas"]);
        Self {
            paths: paths.into_iter().map(|(path, item)| (path, path_item(item))).collect(),
            definitions: definitions
                .into_iter()
                .map(|(name, schema)| {
                    let schema = definition(&name, schema);
                    (name, schema)
                })
                .collect(),
        }
    }
}

fn definition(name: &str, mut written: Value) -> Value {
    match name.rsplit('.').next() {
        Some("IntOrString") => {
            json!({"type": "string", "format": "int-or-string", "description": written["description"].take()})
        }
        _ if is_open_kind(&written) => {
            json!({"type": "object", GVK: written[GVK].take()})
        }
        Some("Quantity") => json!({"type": "string", "description": written["description"].take()}),
        _ => schema(written),
    }
}

/// Whether a definition is of a kind that takes fields of any name.
fn is_open_kind(written: &Value) -> bool {
    written.get(GVK).is_some() && written["x-kubernetes-preserve-unknown-fields"] == true
}

/// A schema without what OpenAPI 2 has no word for.
fn schema(written: Value) -> Value {
    let Value::Object(mut fields) = written else { return written };
    if let Some(Value::Array(forms)) = fields.remove("allOf")
        && let Some(reference) = forms.iter().find_map(|form| form["$ref"].as_str())
    {
        fields.insert("$ref".to_owned(), reference.into());
    }
    for field in ["anyOf", "oneOf", "not"] {
        fields.remove(field);
    }
    simplify(&mut fields);
    if let Some(Value::String(path)) = fields.get_mut("$ref") {
        *path = path.replace("#/components/schemas/", "#/definitions/");
    }
    for field in ["items", "additionalProperties"] {
        if let Some(value) = fields.get_mut(field) {
            *value = schema(value.take());
        }
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        for value in properties.values_mut() {
            *value = schema(value.take());
        }
    }
    Value::Object(fields)
}

/// Takes away what clients that validate by this document would refuse though the server takes it.
fn simplify(fields: &mut Map<String, Value>) {
    let is = |fields: &Map<String, Value>, name: &str| fields.get(name) == Some(&Value::Bool(true));
    let preserves = is(fields, "x-kubernetes-preserve-unknown-fields");
    let is_nullable = fields.remove("nullable") == Some(Value::Bool(true));
    if preserves || is_nullable {
        fields.remove("items");
        fields.remove("properties");
    }
    let is_of = |name: &str| fields.get("type").is_some_and(|kind| kind == name);
    let is_open =
        (preserves && is_of("object")) || (is_of("array") && !fields.contains_key("items"));
    if is_nullable || is_open || is(fields, "x-kubernetes-int-or-string") {
        fields.remove("type");
    }
    // A field that may be null is no longer required.
    let Some(Value::Object(properties)) = fields.get("properties") else { return };
    let may_be_null = |name: &Value| {
        let property = name.as_str().and_then(|name| properties.get(name));
        property.is_some_and(|property| property["nullable"] == true)
    };
    let Some(Value::Array(required)) = fields.get("required") else { return };
    let kept: Vec<Value> = required.iter().filter(|name| !may_be_null(name)).cloned().collect();
    match kept.is_empty() {
        true => drop(fields.remove("required")),
        false => drop(fields.insert("required".to_owned(), kept.into())),
    }
}

fn path_item(mut item: Value) -> Value {
    for (name, value) in item.as_object_mut().into_iter().flatten() {
        *value = match name.as_str() {
            "parameters" => parameters(value.take()),
            "get" | "put" | "post" | "patch" | "delete" => operation(value.take()),
            _ => continue,
        };
    }
    item
}

fn operation(mut operation: Value) -> Value {
    let mut listed = match parameters(operation["parameters"].take()) {
        Value::Array(listed) => listed,
        _ => Vec::new(),
    };
    let mut body = operation["requestBody"].take();
    if let Some((types, sent)) = content(&mut body) {
        listed.push(json!({
            "name": "body", "in": "body", "required": body["required"] == true, "schema": sent,
        }));
        operation["consumes"] = types.into();
    }
    let mut produces = vec![JSON.to_owned()];
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        let described = json!({"description": response["description"].take()});
        let answered = content(response);
        *response = described;
        if let Some((types, answered)) = answered {
            response["schema"] = answered;
            produces = types;
        }
    }
    operation["produces"] = produces.into();
    if let Some(fields) = operation.as_object_mut() {
        fields.remove("requestBody");
        fields.remove("parameters");
    }
    if !listed.is_empty() {
        operation["parameters"] = listed.into();
    }
    operation
}

/// The media types of a body, and the schema that they share.
fn content(body: &mut Value) -> Option<(Vec<String>, Value)> {
    let content = body["content"].as_object_mut()?;
    let types = content.keys().cloned().collect();
    let sent = content.values_mut().next()?["schema"].take();
    Some((types, schema(sent)))
}

fn parameters(listed: Value) -> Value {
    let Value::Array(listed) = listed else { return listed };
    listed
        .into_iter()
        .map(|mut parameter| {
            if let Value::Object(schema) = parameter["schema"].take()
                && let Some(fields) = parameter.as_object_mut()
            {
                fields.remove("schema");
                fields.extend(schema);
            }
            parameter
        })
        .collect()
}

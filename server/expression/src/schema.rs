//! Types from schemas: those of custom resources (OpenAPI v3 as JSON) and of built-in kinds.

use object::schema::{Definition, Node, Scalar, Schema};
use serde_json::Value as Json;

use crate::types::Type;

/// Schemas deeper than this end in [`Type::Dyn`]; definitions may contain themselves.
const DEPTH_MAX: usize = 40;

impl Type {
    /// The type of values of a structural schema; `None` where the schema says too little for an
    /// expression to use them (`x-kubernetes-preserve-unknown-fields`). `is_root` adds what every
    /// object has: apiVersion, kind, and of metadata the names.
    pub fn from_openapi(schema: &Json, is_root: bool) -> Option<Self> {
        of_openapi(schema, is_root, "object", 0)
    }

    /// The type of values of a built-in schema.
    pub fn from_schema(schema: Schema<'_>) -> Self {
        of_schema(schema, &mut Vec::new())
    }
}

fn of_openapi(schema: &Json, is_root: bool, name: &str, depth: usize) -> Option<Type> {
    if depth > DEPTH_MAX {
        return Some(Type::Dyn);
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return Some(Type::Dyn);
    }
    let is_root = is_root || schema["x-kubernetes-embedded-resource"] == true;
    match schema["type"].as_str() {
        Some("array") => {
            of_openapi(&schema["items"], false, &format!("{name}.@idx"), depth + 1).map(Type::list)
        }
        Some("object") => of_openapi_object(schema, is_root, name, depth),
        Some("string") => Some(match schema["format"].as_str() {
            Some("byte") => Type::Bytes,
            Some("duration") => Type::Duration,
            Some("date" | "date-time") => Type::Timestamp,
            _ => Type::String,
        }),
        Some("boolean") => Some(Type::Bool),
        Some("number") => Some(Type::Double),
        Some("integer") => Some(Type::Int),
        _ => None,
    }
}

fn of_openapi_object(schema: &Json, is_root: bool, name: &str, depth: usize) -> Option<Type> {
    let values = &schema["additionalProperties"];
    if values.is_object() {
        return of_openapi(values, false, &format!("{name}.@elem"), depth + 1).map(Type::map);
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut fields: Vec<(String, Type)> = properties
        .filter_map(|(field, schema)| {
            let ty = of_openapi(schema, false, &format!("{name}.{field}"), depth + 1)?;
            Some((field.clone(), ty))
        })
        .collect();
    if is_root {
        let texts = |names: [&str; 2]| names.map(|name| (name.to_owned(), Type::String));
        let metadata = Type::object(&format!("{name}.metadata"), texts(["name", "generateName"]));
        fields.retain(|(field, _)| !["apiVersion", "kind", "metadata"].contains(&field.as_str()));
        fields.extend(texts(["apiVersion", "kind"]));
        fields.push(("metadata".to_owned(), metadata));
    }
    Some(Type::object(name, fields))
}

fn of_schema<'a>(schema: Schema<'a>, above: &mut Vec<&'a Definition>) -> Type {
    if let Some(definition) = schema.definition() {
        if above.len() > DEPTH_MAX || above.iter().any(|known| std::ptr::eq(*known, definition)) {
            return Type::Dyn;
        }
        above.push(definition);
        let fields = definition.fields.iter().map(|field| {
            let ty = of_schema(schema.child_or_untyped(&field.name), above);
            (field.name.to_string(), ty)
        });
        let object = Type::object(&definition.name, fields.collect::<Vec<_>>());
        above.pop();
        return object;
    }
    match schema.node() {
        Node::Scalar(scalar) => match scalar {
            Scalar::String | Scalar::Quantity => Type::String,
            Scalar::Bool => Type::Bool,
            Scalar::Int32 | Scalar::Int64 => Type::Int,
            Scalar::Float => Type::Double,
            Scalar::Time | Scalar::MicroTime => Type::Timestamp,
            Scalar::Bytes => Type::Bytes,
            Scalar::IntOrString => Type::Dyn,
        },
        Node::Map { .. } => Type::map(of_schema(schema.child_or_untyped("*"), above)),
        Node::List { .. } => Type::list(of_schema(schema.items(), above)),
        Node::Any | Node::Object(_) | Node::AtomicObject(_) | Node::GranularObject(_) => Type::Dyn,
    }
}

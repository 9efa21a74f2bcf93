//! Turns OpenAPI schemas into the compact types that patches and validation read. It serves the
//! built-in kinds and the schemas of custom ones alike.

use object::schema::{Definition, Field, ListKind, Node, PatchStrategy, Scalar, Types};
use serde_json::{Map, Value};

use crate::protobuf;

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

type Fields = Map<String, Value>;

/// Adds the definitions that are not yet there. Those that are no objects with fields dissolve
/// into the fields that refer to them.
pub(super) fn add(types: &mut Types, definitions: &Fields) {
    let mut added = Vec::new();
    for (name, schema) in definitions {
        if schema.get("properties").is_some() && !types.roots.contains_key(name.as_str()) {
            let index = types.definitions.len();
            types.roots.insert(name.as_str().into(), Node::Object(index));
            types.definitions.push(Definition {
                name: short_name(name).into(),
                atomic: schema["x-kubernetes-map-type"] == "atomic",
                open: schema[PRESERVE] == true,
                ..Definition::default()
            });
            added.push((name, schema, index));
        }
    }
    let mut converter = Converter { definitions, types };
    for (name, schema, index) in added {
        let mut fields = converter.fields(schema);
        for field in &mut fields {
            field.implied |= protobuf::is_implied(name, &field.name);
        }
        converter.types.definitions[index].fields = fields;
    }
    for name in definitions.keys() {
        if !converter.types.roots.contains_key(name.as_str()) {
            let node = converter.referred(name);
            converter.types.roots.insert(name.as_str().into(), node);
        }
    }
}

/// `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`, as Go prints the type.
fn short_name(name: &str) -> &str {
    name.rmatch_indices('.').nth(1).map_or(name, |(at, _)| &name[at + 1..])
}

struct Converter<'d> {
    definitions: &'d Fields,
    types: &'d mut Types,
}

impl<'d> Converter<'d> {
    fn fields(&mut self, schema: &'d Value) -> Vec<Field> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields: Vec<Field> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, property)| Field {
                name: name.as_str().into(),
                node: self.node(property),
                required: required.contains(&name.as_str()),
                implied: required.contains(&name.as_str()),
                patch: patch_strategy(property),
                default: property
                    .get("default")
                    .filter(|default| !default.as_object().is_some_and(Map::is_empty))
                    .map(|default| default.to_string().into()),
            })
            .collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields
    }

    fn node(&mut self, schema: &'d Value) -> Node {
        if let Some(name) = reference(schema) {
            return match (self.referred(name), schema["x-kubernetes-map-type"].as_str()) {
                (Node::Object(at), Some("atomic")) => Node::AtomicObject(at),
                (Node::Object(at), Some("granular")) => Node::GranularObject(at),
                (Node::Map { values, .. }, Some(kind)) => {
                    Node::Map { values, atomic: kind == "atomic" }
                }
                (node, _) => node,
            };
        }
        if schema["x-kubernetes-int-or-string"] == true {
            return Node::Scalar(Scalar::IntOrString);
        }
        if schema[PRESERVE] == true && schema.get("properties").is_none() {
            return Node::Any;
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema),
            Some("array") => {
                Node::List { items: Box::new(self.node(&schema["items"])), kind: list_kind(schema) }
            }
            Some("string") => Node::Scalar(match schema["format"].as_str() {
                Some("date-time") => Scalar::Time,
                Some("byte") => Scalar::Bytes,
                _ => Scalar::String,
            }),
            Some("boolean") => Node::Scalar(Scalar::Bool),
            Some("integer") => Node::Scalar(match schema["format"].as_str() {
                Some("int32" | "uint16" | "uint8") => Scalar::Int32,
                _ => Scalar::Int64,
            }),
            Some("number") => Node::Scalar(Scalar::Float),
            _ => Node::Any,
        }
    }

    fn object(&mut self, schema: &'d Value) -> Node {
        let atomic = schema["x-kubernetes-map-type"] == "atomic";
        if schema.get("properties").is_some() {
            let fields = self.fields(schema);
            let open = schema[PRESERVE] == true;
            self.types.definitions.push(Definition { name: "".into(), fields, atomic, open });
            return Node::Object(self.types.definitions.len() - 1);
        }
        match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => {
                Node::Map { values: Box::new(self.node(values)), atomic }
            }
            _ => Node::Any,
        }
    }

    /// The node of a definition that a field refers to.
    fn referred(&mut self, name: &str) -> Node {
        if let Some(Node::Object(index)) = self.types.roots.get(name) {
            return Node::Object(*index);
        }
        match short_name(name) {
            "resource.Quantity" => Node::Scalar(Scalar::Quantity),
            "v1.MicroTime" => Node::Scalar(Scalar::MicroTime),
            "intstr.IntOrString" => Node::Scalar(Scalar::IntOrString),
            _ => self.definitions.get(name).map_or(Node::Any, |schema| self.node(schema)),
        }
    }
}

/// The definition that a schema refers to, directly or as the only one of several forms.
fn reference(schema: &Value) -> Option<&str> {
    if let Some(path) = schema["$ref"].as_str() {
        return path.strip_prefix("#/components/schemas/");
    }
    let forms = schema["allOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    forms.iter().find_map(reference)
}

fn list_kind(schema: &Value) -> ListKind {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => ListKind::Set,
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            ListKind::Map(keys.filter_map(Value::as_str).map(Into::into).collect())
        }
        _ => ListKind::Atomic,
    }
}

fn patch_strategy(schema: &Value) -> PatchStrategy {
    let strategies = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
    let has = |strategy| strategies.split(',').any(|one| one == strategy);
    PatchStrategy {
        merge: has("merge"),
        replace: has("replace"),
        merge_key: schema["x-kubernetes-patch-merge-key"].as_str().map(Into::into),
    }
}

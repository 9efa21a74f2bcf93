//! Named schemas as OpenAPI documents show them.

use std::sync::{Arc, OnceLock};

use k8s_openapi::{
    api::{
        authentication::v1::TokenRequest, autoscaling::v1::Scale, core::v1::Binding,
        policy::v1::Eviction,
    },
    apimachinery::pkg::apis::meta::v1 as meta,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{KindDef, merge_keys};

/// A generator that names definitions as Kubernetes does.
fn generator() -> SchemaGenerator {
    SchemaSettings::openapi3().into_generator()
}

/// What is posted to subresources that take something else than the kind itself.
type Posted = (&'static str, &'static str, &'static str, fn(&mut SchemaGenerator) -> String);

const POSTED: &[Posted] = &[
    ("autoscaling", "v1", "Scale", register::<Scale>),
    ("policy", "v1", "Eviction", register::<Eviction>),
    ("authentication.k8s.io", "v1", "TokenRequest", register::<TokenRequest>),
    ("", "v1", "Binding", register::<Binding>),
];

/// Adds a type and all that it refers to; gives its name.
pub(crate) fn register<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    generator.subschema_for::<T>();
    public_name(&T::schema_name())
}

/// The name under which documents show a definition: our own types go by their group, as
/// Kubernetes' do.
pub(crate) fn public_name(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("dev.longshore.v1.{name}") }
}

fn posted(group: &str, version: &str, kind: &str) -> Option<&'static Posted> {
    POSTED.iter().find(|posted| (posted.0, posted.1, posted.2) == (group, version, kind))
}

/// The definition's name of what is posted to a subresource.
pub(crate) fn posted_name(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| POSTED.iter().map(|one| (one.3)(&mut generator())).collect());
    let at = POSTED.iter().position(|one| (one.0, one.1, one.2) == (group, version, kind))?;
    Some(&names[at])
}

/// Definitions of a document in the making.
pub struct Definitions {
    generator: SchemaGenerator,
    /// Kinds, whose definitions say apiVersion and kind.
    names: Vec<String>,
    /// Definitions that are no Rust types.
    custom: Map<String, Value>,
}

impl Definitions {
    pub(crate) fn new() -> Self {
        Self { generator: generator(), names: Vec::new(), custom: Map::new() }
    }

    /// Adds a type and all that it refers to.
    pub(crate) fn add<T: JsonSchema>(&mut self) {
        register::<T>(&mut self.generator);
    }

    /// Adds the type of a kind's objects and all that it refers to.
    pub(crate) fn add_kind<T: JsonSchema>(&mut self) {
        self.names.push(register::<T>(&mut self.generator));
    }

    pub(crate) fn add_json(&mut self, name: &str, schema: Value) {
        self.custom.insert(name.to_owned(), schema);
    }

    pub(crate) fn finish(mut self) -> Map<String, Value> {
        let definitions = self.generator.take_definitions(true).into_iter();
        let mut definitions: Map<String, Value> =
            definitions.map(|(name, schema)| (public_name(&name), tidy(&name, schema))).collect();
        for name in self.names {
            add_type_meta(&mut definitions[&name]);
        }
        for (name, definition) in &mut definitions {
            if let Some(definition) = definition.as_object_mut() {
                merge_keys::decorate(name, definition);
            }
        }
        definitions.extend(self.custom);
        definitions
    }
}

/// The definitions of these kinds, of what is posted to their subresources and of the bodies that
/// every kind takes and answers.
pub(crate) fn of_kinds<'a>(defs: impl IntoIterator<Item = &'a Arc<KindDef>>) -> Map<String, Value> {
    let mut definitions = Definitions::new();
    definitions.add::<meta::DeleteOptions>();
    definitions.add::<meta::ListMeta>();
    definitions.add::<meta::Status>();
    definitions.add::<meta::Patch>();
    for def in defs {
        def.codec.define(&mut definitions);
        for (group, version, kind) in def.subresources.iter().filter_map(|sub| sub.response_kind) {
            if let Some(posted) = posted(group, version, kind) {
                (posted.3)(&mut definitions.generator);
            }
        }
    }
    definitions.finish()
}

/// A definition as Kubernetes writes it.
fn tidy(name: &str, mut schema: Value) -> Value {
    let one_of = match name.rsplit('.').next() {
        Some("IntOrString") => ["integer", "string"],
        Some("Quantity") => ["string", "number"],
        _ => {
            if !name.contains('.') {
                tidy_own(&mut schema);
            }
            return schema;
        }
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("x-kubernetes-int-or-string");
        let forms: Vec<Value> = one_of.into_iter().map(|kind| json!({"type": kind})).collect();
        schema.insert("oneOf".to_owned(), forms.into());
    }
    schema
}

/// Our own types as Kubernetes writes its own: an absent field is absent, never null.
fn tidy_own(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("nullable");
            fields.retain(|name, value| name != "default" || !value.is_null());
            if let Some(Value::Array(mut forms)) = fields.remove("anyOf") {
                forms.truncate(1);
                fields.insert("allOf".to_owned(), forms.into());
            }
            if let Some(Value::String(path)) = fields.get_mut("$ref")
                && let Some((folder, name)) = path.rsplit_once('/')
            {
                *path = format!("{folder}/{}", public_name(name));
            }
            fields.values_mut().for_each(tidy_own);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy_own),
        _ => {}
    }
}

/// `apiVersion` and `kind`, which our own kinds' Rust types leave to their group and version.
fn add_type_meta(definition: &mut Value) {
    const TEXTS: [(&str, &str); 2] = [
        ("apiVersion", "The group and version of this representation of an object."),
        ("kind", "The kind of the object, in CamelCase. It cannot be changed."),
    ];
    let Some(properties) = definition["properties"].as_object_mut() else { return };
    for (name, description) in TEXTS {
        if !properties.contains_key(name) {
            let property = json!({"type": "string", "description": description});
            properties.insert(name.to_owned(), property);
        }
    }
}

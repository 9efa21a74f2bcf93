//! The structural schema of a custom kind, read once from its definition.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use object::schema::ListKind;
use regex::Regex;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Type {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// One level of a schema: its structure, which prunes and defaults, and what its values must be.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub(super) ty: Option<Type>,
    pub(super) nullable: bool,
    pub(super) int_or_string: bool,
    /// Fields that are not declared are kept.
    pub(super) preserves: bool,
    /// The value is an object of the API of its own.
    pub(super) embedded: bool,
    pub(super) default: Option<Value>,
    pub(super) properties: BTreeMap<String, Structure>,
    /// What fields of other names hold.
    pub(super) additional: Option<Box<Structure>>,
    pub(super) items: Option<Box<Structure>>,
    pub(super) list: Option<ListKind>,
    pub(super) limits: Limits,
}

/// What a value must be beyond its type.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) format: Option<Box<str>>,
    pub(super) required: Vec<String>,
    pub(super) allowed: Option<Vec<Value>>,
    pub(super) pattern: Option<(Box<str>, Option<Regex>)>,
    pub(super) length: (Option<i64>, Option<i64>),
    pub(super) items: (Option<i64>, Option<i64>),
    pub(super) properties: (Option<i64>, Option<i64>),
    pub(super) minimum: Option<(f64, bool)>,
    pub(super) maximum: Option<(f64, bool)>,
    pub(super) multiple_of: Option<f64>,
    pub(super) is_unique: bool,
    pub(super) all_of: Vec<Structure>,
    pub(super) any_of: Vec<Structure>,
    pub(super) one_of: Vec<Structure>,
    pub(super) not: Option<Box<Structure>>,
}

impl Structure {
    /// The structure of a kind without a schema: everything is kept.
    pub(crate) fn anything() -> Self {
        Self { ty: Some(Type::Object), preserves: true, ..Self::default() }
    }

    pub(crate) fn read(schema: &JSONSchemaProps) -> Self {
        let additional = match schema.additional_properties.as_ref() {
            Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(Box::new(Self::read(schema))),
            Some(JSONSchemaPropsOrBool::Bool(true)) => {
                Some(Box::new(Self { preserves: true, nullable: true, ..Self::default() }))
            }
            _ => None,
        };
        let items = match schema.items.as_ref() {
            Some(JSONSchemaPropsOrArray::Schema(schema)) => Some(Box::new(Self::read(schema))),
            _ => None,
        };
        let is = |flag: Option<bool>| flag == Some(true);
        Self {
            ty: schema.type_.as_deref().and_then(Type::read),
            nullable: is(schema.nullable),
            int_or_string: is(schema.x_kubernetes_int_or_string),
            preserves: is(schema.x_kubernetes_preserve_unknown_fields),
            embedded: is(schema.x_kubernetes_embedded_resource),
            default: schema.default.as_ref().map(|default| default.0.clone()),
            properties: schema
                .properties
                .iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), Self::read(schema)))
                .collect(),
            additional,
            items,
            list: list_kind(schema),
            limits: Limits::read(schema),
        }
    }

    /// The structure of a field, if it has one.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

fn list_kind(schema: &JSONSchemaProps) -> Option<ListKind> {
    match schema.x_kubernetes_list_type.as_deref() {
        Some("set") => Some(ListKind::Set),
        Some("map") => {
            let keys = schema.x_kubernetes_list_map_keys.iter().flatten();
            Some(ListKind::Map(keys.map(|key| key.as_str().into()).collect()))
        }
        _ => None,
    }
}

impl Limits {
    fn read(schema: &JSONSchemaProps) -> Self {
        let all = |schemas: &Option<Vec<JSONSchemaProps>>| {
            schemas.iter().flatten().map(Structure::read).collect()
        };
        let excluded = |flag: Option<bool>| flag == Some(true);
        Self {
            format: schema.format.as_deref().map(Into::into),
            required: schema.required.clone().unwrap_or_default(),
            allowed: schema.enum_.as_ref().map(|v| v.iter().map(|v| v.0.clone()).collect()),
            pattern: schema
                .pattern
                .as_deref()
                .filter(|pattern| !pattern.is_empty())
                .map(|pattern| (pattern.into(), Regex::new(pattern).ok())),
            length: (schema.min_length, schema.max_length),
            items: (schema.min_items, schema.max_items),
            properties: (schema.min_properties, schema.max_properties),
            minimum: schema.minimum.map(|bound| (bound, excluded(schema.exclusive_minimum))),
            maximum: schema.maximum.map(|bound| (bound, excluded(schema.exclusive_maximum))),
            multiple_of: schema.multiple_of,
            is_unique: schema.unique_items == Some(true),
            all_of: all(&schema.all_of),
            any_of: all(&schema.any_of),
            one_of: all(&schema.one_of),
            not: schema.not.as_deref().map(|schema| Box::new(Structure::read(schema))),
        }
    }
}

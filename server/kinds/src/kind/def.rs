//! The declaration of a kind with its type erased.

use k8s_openapi::{NamespaceResourceScope, Resource};
use object::KindName;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use super::{Answered, Column, Decoded, Kind, Post, Scope, Subresource, Typed, Verb};
use crate::schema::definitions::{public_name, register};

/// A column, without its type.
#[derive(Clone, Debug)]
pub struct ColumnDef {
    pub name: &'static str,
    pub kind: &'static str,
    pub description: &'static str,
    pub priority: i32,
}

/// A subresource, without its type.
#[derive(Clone, Debug)]
pub struct SubresourceDef {
    pub name: &'static str,
    pub response_kind: Option<(&'static str, &'static str, &'static str)>,
    pub verbs: &'static [Verb],
    /// Whether writing it writes part of the object.
    pub writes_object: bool,
    pub scales: bool,
    pub post: Option<PostDef>,
    pub connects: bool,
    /// Whether its GET waits: see [`Subresource::awaited`].
    pub awaits: bool,
}

/// What posting to a subresource does, without its type: see [`Post`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostDef {
    Change,
    Evict,
    Token,
}

/// A kind, with its type erased.
pub struct KindDef {
    pub name: KindName,
    pub group: &'static str,
    pub version: &'static str,
    /// `apps/v1`, or `v1` for the core group.
    pub api_version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: String,
    pub scope: Scope,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub verbs: &'static [Verb],
    pub subresources: Vec<SubresourceDef>,
    pub columns: Vec<ColumnDef>,
    /// The paths that field selectors may name, besides metadata.name and metadata.namespace.
    pub fields: Vec<&'static str>,
    pub generation: bool,
    pub secret: bool,
    pub returns_deleted: bool,
    pub answered: Option<Answered>,
    pub validate_name: fn(&str) -> Result<(), String>,
    /// The name of its OpenAPI definition: `io.k8s.api.apps.v1.Deployment`.
    pub definition: String,
    /// Adds its definition, and all that it refers to, to an OpenAPI document.
    pub register_schema: fn(&mut SchemaGenerator) -> String,
    pub decode: fn(&[u8]) -> Decoded,
    pub decode_value: fn(Value) -> Decoded,
}

impl KindDef {
    pub fn of<K: Kind>() -> Self {
        type Res<K> = <K as Kind>::Object;
        let group = <Res<K> as Resource>::GROUP;
        let plural = <Res<K> as Resource>::URL_PATH_SEGMENT;
        let namespaced = std::any::TypeId::of::<<Res<K> as Resource>::Scope>()
            == std::any::TypeId::of::<NamespaceResourceScope>();
        Self {
            name: KindName::new(plural, group),
            group,
            version: <Res<K> as Resource>::VERSION,
            api_version: <Res<K> as Resource>::API_VERSION,
            kind: <Res<K> as Resource>::KIND,
            plural,
            singular: <Res<K> as Resource>::KIND.to_lowercase(),
            scope: if namespaced { Scope::Namespaced } else { Scope::Cluster },
            short_names: K::SHORT_NAMES,
            categories: K::CATEGORIES,
            verbs: K::VERBS,
            subresources: K::SUBRESOURCES.iter().map(erase_subresource).collect(),
            columns: (!names_itself::<K>())
                .then(|| NAME.clone())
                .into_iter()
                .chain(K::COLUMNS.iter().map(erase_column))
                .collect(),
            fields: K::FIELDS.iter().map(|field| field.path).collect(),
            generation: K::GENERATION,
            secret: K::SECRET,
            returns_deleted: K::RETURNS_DELETED,
            answered: K::ANSWERED,
            validate_name: K::validate_name,
            definition: public_name(&Res::<K>::schema_name()),
            register_schema: register::<Res<K>>,
            decode: |bytes| Ok(Box::new(Typed::<K>(serde_json::from_slice(bytes)?))),
            decode_value: |value| Ok(Box::new(Typed::<K>(serde_json::from_value(value)?))),
        }
    }

    /// The kind with its group as errors name it: `Deployment.apps`, `Pod`.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

const NAME: ColumnDef = ColumnDef {
    name: "Name",
    kind: "string",
    description: "Name must be unique within a namespace.",
    priority: 0,
};

pub(super) fn names_itself<K: Kind>() -> bool {
    K::COLUMNS.iter().any(|column| column.name == NAME.name)
}

fn erase_column<T>(column: &Column<T>) -> ColumnDef {
    let Column { name, kind, description, priority, .. } = *column;
    ColumnDef { name, kind, description, priority }
}

fn erase_subresource<T>(sub: &Subresource<T>) -> SubresourceDef {
    SubresourceDef {
        name: sub.name,
        response_kind: sub.response_kind,
        verbs: sub.verbs,
        writes_object: sub.merge.is_some() || sub.scale.is_some(),
        scales: sub.scale.is_some(),
        post: sub.post.as_ref().map(|post| match post {
            Post::Change(_) => PostDef::Change,
            Post::Evict => PostDef::Evict,
            Post::Token => PostDef::Token,
        }),
        connects: sub.connects,
        awaits: sub.progress.is_some(),
    }
}

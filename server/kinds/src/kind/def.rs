//! The declaration of a kind with its type erased.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::{NamespaceResourceScope, Resource};
use object::KindName;
use schemars::JsonSchema;

use super::{
    Answered, Codec, Column, Kept, Kind, Post, Proxied, Scope, Subresource, Verb, Version,
    codec::TypedCodec,
};
use crate::{custom::CustomKind, registry::Defines, schema::definitions::public_name};

/// A text of a declaration: of the program, or read from a stored definition.
pub type Text = Cow<'static, str>;

/// A column, without its type.
#[derive(Clone, Debug)]
pub struct ColumnDef {
    pub name: Text,
    pub kind: Text,
    pub format: Text,
    pub description: Text,
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
    pub proxies: Option<Proxied>,
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

/// A kind as one of its versions serves it, with its type erased.
pub struct KindDef {
    /// The name under which its objects are stored, whatever version serves them.
    pub name: KindName,
    pub group: Text,
    pub version: Text,
    /// `apps/v1`, or `v1` for the core group.
    pub api_version: Text,
    pub kind: Text,
    pub plural: Text,
    pub singular: Text,
    /// The kind of its lists.
    pub list_kind: Text,
    pub scope: Scope,
    pub short_names: Vec<Text>,
    pub categories: Vec<Text>,
    pub verbs: &'static [Verb],
    pub subresources: Vec<SubresourceDef>,
    pub columns: Vec<ColumnDef>,
    /// The paths that field selectors may name, besides metadata.name and metadata.namespace.
    pub fields: Vec<Text>,
    pub generation: bool,
    pub secret: bool,
    pub returns_deleted: bool,
    pub answered: Option<Answered>,
    /// Whether its objects are computed: see [`Kind::COMPUTED`].
    pub computed: bool,
    /// What users of a deprecated version are warned of.
    pub deprecated: Option<Text>,
    /// The kinds that its objects define.
    pub defines: Option<Defines>,
    /// What a stored definition says of it, for a kind that is not built in.
    pub custom: Option<Arc<CustomKind>>,
    /// The name of its OpenAPI definition: `io.k8s.api.apps.v1.Deployment`.
    pub definition: Text,
    pub codec: Arc<dyn Codec>,
    /// In what version its objects are kept.
    pub kept: Kept,
}

impl KindDef {
    /// The fields on the way to the number that `scale` sets.
    pub fn replicas_path(&self) -> Vec<&str> {
        let own = self.custom.as_ref().and_then(|custom| custom.replicas_path());
        own.unwrap_or_else(|| vec!["spec", "replicas"])
    }

    /// A version of a kind whose objects are kept as those of `hub`, its storage version.
    pub fn version_of<V: Version>(hub: &Arc<Self>) -> Self {
        let name = hub.name.clone();
        Self { name, kept: Kept::as_hub::<V>(hub), ..Self::of::<V>() }
    }

    pub fn of<K: Kind>() -> Self {
        type Res<K> = <K as Kind>::Object;
        let group = <Res<K> as Resource>::GROUP;
        let plural = <Res<K> as Resource>::URL_PATH_SEGMENT;
        let namespaced = std::any::TypeId::of::<<Res<K> as Resource>::Scope>()
            == std::any::TypeId::of::<NamespaceResourceScope>();
        Self {
            name: KindName::new(plural, group),
            group: group.into(),
            version: <Res<K> as Resource>::VERSION.into(),
            api_version: <Res<K> as Resource>::API_VERSION.into(),
            kind: <Res<K> as Resource>::KIND.into(),
            plural: plural.into(),
            singular: <Res<K> as Resource>::KIND.to_lowercase().into(),
            list_kind: format!("{}List", <Res<K> as Resource>::KIND).into(),
            scope: if namespaced { Scope::Namespaced } else { Scope::Cluster },
            short_names: K::SHORT_NAMES.iter().copied().map(Text::from).collect(),
            categories: K::CATEGORIES.iter().copied().map(Text::from).collect(),
            verbs: K::VERBS,
            subresources: K::SUBRESOURCES.iter().map(erase_subresource).collect(),
            columns: (!names_itself::<K>())
                .then(name_column)
                .into_iter()
                .chain(K::COLUMNS.iter().map(erase_column))
                .collect(),
            fields: K::FIELDS.iter().map(|field| field.path.into()).collect(),
            generation: K::GENERATION,
            secret: K::SECRET,
            returns_deleted: K::RETURNS_DELETED,
            answered: K::ANSWERED,
            computed: K::COMPUTED,
            deprecated: None,
            defines: K::DEFINES,
            custom: None,
            definition: public_name(&Res::<K>::schema_name()).into(),
            codec: Arc::new(TypedCodec::<K>::default()),
            kept: Kept::Own,
        }
    }

    /// The kind with its group as errors name it: `Deployment.apps`, `Pod`.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.to_string()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

const NAME: &str = "Name";

/// The column that stands before all others.
pub(crate) fn name_column() -> ColumnDef {
    ColumnDef {
        name: NAME.into(),
        kind: "string".into(),
        format: "name".into(),
        description: "Name must be unique within a namespace.".into(),
        priority: 0,
    }
}

pub(super) fn names_itself<K: Kind>() -> bool {
    K::COLUMNS.iter().any(|column| column.name == NAME)
}

fn erase_column<T>(column: &Column<T>) -> ColumnDef {
    let Column { name, kind, description, priority, .. } = *column;
    let format = if name == NAME { "name" } else { "" };
    ColumnDef {
        name: name.into(),
        kind: kind.into(),
        format: format.into(),
        description: description.into(),
        priority,
    }
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
        proxies: sub.proxies,
        awaits: sub.progress.is_some(),
    }
}

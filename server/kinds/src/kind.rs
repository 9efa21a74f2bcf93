//! What a kind declares, and its erased form that the rest of the system works with.

mod any;
mod codec;
mod def;
mod subresource;
mod table;
mod version;

pub use any::{AnyObject, Decoded, Typed, cast, cast_mut};
pub use codec::Codec;
pub(crate) use def::name_column;
pub use def::{ColumnDef, KindDef, PostDef, SubresourceDef, Text};
pub use subresource::{Destination, Post, Progress, Proxied, ScaleFns, Subresource};
pub use table::{Column, Field, column, field};
pub use version::{Conversion, Kept, Strategy, Version, hub_cell};

use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use object::{ApiError, FieldErrors};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{parts::cells, registry::Defines};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// The verbs of discovery and of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub const ALL: &'static [Self] = &[
        Self::Create,
        Self::Delete,
        Self::DeleteCollection,
        Self::Get,
        Self::List,
        Self::Patch,
        Self::Update,
        Self::Watch,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// A kind whose objects are answered at once and never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// May the sender do what `spec` says?
    SelfAccess,
    /// May the user that `spec` names?
    Access,
    /// The same, within the namespace of the path.
    LocalAccess,
    /// All that the sender may do in `spec.namespace`.
    SelfRules,
    /// Who the sender is.
    SelfIdentity,
    /// Whose token `spec.token` is.
    Token,
    /// A token for `spec.user` with `spec.password`.
    Session,
    /// What is posted goes to a subresource of the object of `kind` that has the same name.
    Posted { kind: &'static str, subresource: &'static str },
}

/// The declaration of one kind. Group, version, kind, plural and scope come from the type.
pub trait Kind: Sized + 'static {
    type Object: Resource
        + Metadata<Ty = ObjectMeta>
        + Serialize
        + DeserializeOwned
        + JsonSchema
        + Clone
        + Send
        + Sync
        + 'static;

    const SHORT_NAMES: &'static [&'static str] = &[];
    const CATEGORIES: &'static [&'static str] = &[];
    const VERBS: &'static [Verb] = Verb::ALL;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[];
    /// NAME stands before them, unless one of them is called "Name" (events show it last).
    const COLUMNS: &'static [Column<Self::Object>] = &[cells::created_at()];
    const FIELDS: &'static [Field<Self::Object>] = &[];
    /// Whether `metadata.generation` counts changes of everything but metadata and status.
    const GENERATION: bool = false;
    /// Whether a deletion answers the object that it removed, as clients of some kinds expect; of
    /// all others it answers a `Status`.
    const RETURNS_DELETED: bool = false;
    /// Whether whole bodies are encrypted before they reach Postgres.
    const SECRET: bool = false;
    /// For reviews and the like: what answers a POST instead of storing it. Their verbs are `create`
    /// alone.
    const ANSWERED: Option<Answered> = None;
    /// Whether its objects are computed when somebody asks, by a source that the API has for it, and
    /// never stored. Their verbs are `get` and `list` alone.
    const COMPUTED: bool = false;
    /// The kinds that an object of this kind makes known.
    const DEFINES: Option<Defines> = None;

    /// Seconds a deleted object stays with a deletionTimestamp before it goes (pods), given what
    /// the request asked for; `None` deletes at once.
    fn grace_seconds(_object: &Self::Object, _asked: Option<i64>) -> Option<i64> {
        None
    }
    /// Whether something beside `metadata.finalizers` keeps a deleted object: a namespace's
    /// `spec.finalizers`.
    fn is_held(_object: &Self::Object) -> bool {
        false
    }
    /// Where a stream to the object leads (pods), given the subresource that opens it and the
    /// container that the request names, which may be empty.
    fn destination(
        _object: &Self::Object,
        _subresource: &str,
        _container: &str,
    ) -> Result<Destination, ApiError> {
        Ok(Destination::default())
    }
    /// What else changes when a deletion sets `deletionTimestamp`: a namespace's phase.
    fn prepare_delete(_object: &mut Self::Object) {}
    /// Fills what the user left out.
    fn set_defaults(_object: &mut Self::Object) {}
    /// Clears what a creator may not set, as `status`.
    fn prepare_create(_object: &mut Self::Object) {}
    /// Keeps what an updater of the main resource may not set, beyond the subresources' parts.
    fn prepare_update(_new: &mut Self::Object, _old: &Self::Object) {}
    fn validate(_object: &Self::Object, _errors: &mut FieldErrors) {}
    fn validate_update(_new: &Self::Object, _old: &Self::Object, _errors: &mut FieldErrors) {}
    /// Judges a write to a subresource, by default as one to the object itself.
    fn validate_part(
        new: &Self::Object,
        old: &Self::Object,
        _subresource: &str,
        errors: &mut FieldErrors,
    ) {
        Self::validate_update(new, old, errors);
    }
    /// How a name must look: DNS label, subdomain or path segment.
    fn validate_name(name: &str) -> Result<(), String> {
        object::name::subdomain(name)
    }
}

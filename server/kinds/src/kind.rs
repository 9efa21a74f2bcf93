//! What a kind declares, and its erased form that the rest of the system works with.

use std::any::Any;

use jiff::Timestamp;
use k8s_openapi::{
    Metadata, NamespaceResourceScope, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::{ApiError, FieldErrors, KindName};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::schema::definitions::{public_name, register};

use crate::parts::cells;

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

/// A path below an object, as in `deployments/web/status`.
#[derive(Clone, Copy)]
pub struct Subresource<T: 'static> {
    pub name: &'static str,
    /// What its requests and answers hold, if not the kind itself: group, version, kind.
    pub response_kind: Option<(&'static str, &'static str, &'static str)>,
    pub verbs: &'static [Verb],
    /// For a subresource that writes part of the object itself (`status`): copies the part that
    /// such a write may change from `written` into `stored`. The main resource's update keeps that
    /// part from the stored object.
    pub merge: Option<fn(stored: &mut T, written: &T)>,
    /// For `scale`: reads `autoscaling/v1 Scale`'s replicas, status replicas and selector.
    pub scale: Option<ScaleFns<T>>,
    /// What a POST to it does, for those that do not write a part of the object.
    pub post: Option<Post<T>>,
    /// Whether its GET and POST open a stream to a container or node (`log`, `exec`).
    pub connects: bool,
    /// For one whose GET waits until the object has become what its spec says: how far it is.
    pub progress: Option<fn(&T) -> Progress>,
}

/// Where a stream leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    pub node: String,
    /// Empty for a stream to the pod as a whole.
    pub container: String,
}

/// How far an object is on its way to what its spec says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Done(String),
    /// Why not yet.
    Waiting(String),
    /// Why it will not come about without another change.
    Failed(String),
}

impl<T> Subresource<T> {
    /// A subresource that does nothing yet; the `with_` methods say what it does.
    pub const fn new(name: &'static str, verbs: &'static [Verb]) -> Self {
        Self {
            name,
            response_kind: None,
            verbs,
            merge: None,
            scale: None,
            post: None,
            connects: false,
            progress: None,
        }
    }

    /// `status` and its like: reads the object, and writes the part that `merge` copies.
    pub const fn part(name: &'static str, merge: fn(stored: &mut T, written: &T)) -> Self {
        let part = Self::new(name, &[Verb::Get, Verb::Patch, Verb::Update]);
        Self { merge: Some(merge), ..part }
    }

    /// `scale`.
    pub const fn scale(scale: ScaleFns<T>) -> Self {
        let sub = Self::new("scale", &[Verb::Get, Verb::Patch, Verb::Update]);
        Self { response_kind: Some(("autoscaling", "v1", "Scale")), scale: Some(scale), ..sub }
    }

    /// One that is only posted to: `binding`, `eviction`, `token`.
    pub const fn posted(
        name: &'static str,
        response_kind: (&'static str, &'static str, &'static str),
        post: Post<T>,
    ) -> Self {
        let sub = Self::new(name, &[Verb::Create]);
        Self { response_kind: Some(response_kind), post: Some(post), ..sub }
    }

    /// One whose GET answers when the object has become what its spec says.
    pub const fn awaited(name: &'static str, progress: fn(&T) -> Progress) -> Self {
        Self { progress: Some(progress), ..Self::new(name, &[Verb::Get]) }
    }

    /// A stream: `log`, `exec`, `attach`, `portforward`.
    pub const fn stream(name: &'static str, verbs: &'static [Verb]) -> Self {
        Self { connects: true, ..Self::new(name, verbs) }
    }

    /// Names the kind that discovery shows for it, of the core group.
    #[must_use]
    pub const fn with_kind(self, kind: &'static str) -> Self {
        Self { response_kind: Some(("", "v1", kind)), ..self }
    }

    #[must_use]
    pub const fn with_verbs(self, verbs: &'static [Verb]) -> Self {
        Self { verbs, ..self }
    }
}

/// What posting to a subresource does.
#[derive(Clone, Copy)]
pub enum Post<T: 'static> {
    /// Changes the object by what was posted, or says why not.
    Change(fn(&mut T, &Value) -> Result<(), ApiError>),
    /// Deletes the object, unless something forbids its eviction.
    Evict,
    /// Answers a token for the identity that the object is.
    Token,
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
}

/// How `scale` reads and writes an object.
#[derive(Clone, Copy)]
pub struct ScaleFns<T: 'static> {
    pub replicas: fn(&T) -> i32,
    pub set_replicas: fn(&mut T, i32),
    pub status_replicas: fn(&T) -> i32,
    /// The pods' selector as a query string.
    pub selector: fn(&T) -> String,
}

/// A column of the table that `kubectl get` prints.
#[derive(Clone, Copy)]
pub struct Column<T: 'static> {
    pub name: &'static str,
    /// `string`, `integer` or `date`.
    pub kind: &'static str,
    pub description: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
    pub cell: fn(&T, Timestamp) -> Value,
}

pub const fn column<T>(name: &'static str, cell: fn(&T, Timestamp) -> Value) -> Column<T> {
    Column { name, kind: "string", description: "", priority: 0, cell }
}

impl<T> Column<T> {
    #[must_use]
    pub const fn integer(self) -> Self {
        Self { kind: "integer", ..self }
    }

    /// Shown with `-o wide` only.
    #[must_use]
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    #[must_use]
    pub const fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }
}

/// A field that field selectors may name and that worlds index, besides `metadata.name` and
/// `metadata.namespace`, which every kind has.
#[derive(Clone, Copy)]
pub struct Field<T: 'static> {
    pub path: &'static str,
    pub read: fn(&T) -> String,
}

pub const fn field<T>(path: &'static str, read: fn(&T) -> String) -> Field<T> {
    Field { path, read }
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
    /// Whether whole bodies are encrypted before they reach Postgres.
    const SECRET: bool = false;
    /// For reviews and the like: what answers a POST instead of storing it. Their verbs are `create`
    /// alone.
    const ANSWERED: Option<Answered> = None;

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
    /// How a name must look: DNS label, subdomain or path segment.
    fn validate_name(name: &str) -> Result<(), String> {
        object::name::subdomain(name)
    }
}

/// An object of any kind, decoded.
pub trait AnyObject: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn clone_box(&self) -> Box<dyn AnyObject>;
    fn metadata(&self) -> &ObjectMeta;
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    fn set_defaults(&mut self);
    fn prepare_create(&mut self);
    /// Turns a written object into the one to store: `subresource` empty for the main resource.
    fn prepare_update(&mut self, old: &dyn AnyObject, subresource: &str);
    fn validate(&self, errors: &mut FieldErrors);
    fn validate_update(&self, old: &dyn AnyObject, errors: &mut FieldErrors);
    fn to_value(&self) -> Value;
    /// Cells of [`KindDef::columns`], NAME and AGE among them.
    fn cells(&self, now: Timestamp) -> Vec<Value>;
    /// Values of [`KindDef::fields`].
    fn fields(&self) -> Vec<(&'static str, String)>;
    /// The grace period of a deletion that asks for one or none; `None` deletes at once.
    fn grace_seconds(&self, asked: Option<i64>) -> Option<i64>;
    fn is_held(&self) -> bool;
    fn destination(&self, subresource: &str, container: &str) -> Result<Destination, ApiError>;
    fn prepare_delete(&mut self);
    /// `autoscaling/v1 Scale` of the object: replicas, status replicas, selector.
    fn scale(&self) -> Option<(i32, i32, String)>;
    fn set_scale(&mut self, replicas: i32);
    /// Changes the object by what was posted to a subresource of [`PostDef::Change`].
    fn post(&mut self, subresource: &str, posted: &Value) -> Result<(), ApiError>;
    /// How far the object is, for a subresource of [`Subresource::awaited`].
    fn progress(&self, subresource: &str) -> Option<Progress>;
}

/// An object of kind `K`.
pub struct Typed<K: Kind>(pub K::Object);

impl<K: Kind> Typed<K> {
    fn of(any: &dyn AnyObject) -> &K::Object {
        &any.as_any().downcast_ref::<Self>().expect("both objects are of one kind").0
    }
}

impl<K: Kind> AnyObject for Typed<K> {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn clone_box(&self) -> Box<dyn AnyObject> {
        Box::new(Self(self.0.clone()))
    }
    fn metadata(&self) -> &ObjectMeta {
        self.0.metadata()
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        self.0.metadata_mut()
    }
    fn set_defaults(&mut self) {
        K::set_defaults(&mut self.0);
    }
    fn prepare_create(&mut self) {
        K::prepare_create(&mut self.0);
    }
    fn prepare_update(&mut self, old: &dyn AnyObject, subresource: &str) {
        let old = Self::of(old);
        if subresource.is_empty() {
            for part in K::SUBRESOURCES.iter().filter_map(|sub| sub.merge) {
                part(&mut self.0, old);
            }
            K::prepare_update(&mut self.0, old);
            return;
        }
        let part = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource).and_then(|s| s.merge);
        if let Some(part) = part {
            let mut stored = old.clone();
            part(&mut stored, &self.0);
            // Whose fields these are is the writer's news, whatever part is written.
            let managed = self.0.metadata_mut().managed_fields.take();
            stored.metadata_mut().managed_fields = managed;
            stored.metadata_mut().resource_version = self.0.metadata_mut().resource_version.take();
            self.0 = stored;
        }
    }
    fn validate(&self, errors: &mut FieldErrors) {
        K::validate(&self.0, errors);
    }
    fn validate_update(&self, old: &dyn AnyObject, errors: &mut FieldErrors) {
        K::validate_update(&self.0, Self::of(old), errors);
    }
    fn to_value(&self) -> Value {
        serde_json::to_value(&self.0).expect("an API object is JSON")
    }
    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let name = (!names_itself::<K>())
            .then(|| Value::from(self.0.metadata().name.clone().unwrap_or_default()));
        name.into_iter()
            .chain(K::COLUMNS.iter().map(|column| (column.cell)(&self.0, now)))
            .collect()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        K::FIELDS.iter().map(|field| (field.path, (field.read)(&self.0))).collect()
    }
    fn grace_seconds(&self, asked: Option<i64>) -> Option<i64> {
        K::grace_seconds(&self.0, asked)
    }
    fn is_held(&self) -> bool {
        K::is_held(&self.0)
    }
    fn destination(&self, subresource: &str, container: &str) -> Result<Destination, ApiError> {
        K::destination(&self.0, subresource, container)
    }
    fn prepare_delete(&mut self) {
        K::prepare_delete(&mut self.0);
    }
    fn scale(&self) -> Option<(i32, i32, String)> {
        let scale = K::SUBRESOURCES.iter().find_map(|sub| sub.scale.as_ref())?;
        Some((
            (scale.replicas)(&self.0),
            (scale.status_replicas)(&self.0),
            (scale.selector)(&self.0),
        ))
    }
    fn set_scale(&mut self, replicas: i32) {
        if let Some(scale) = K::SUBRESOURCES.iter().find_map(|sub| sub.scale.as_ref()) {
            (scale.set_replicas)(&mut self.0, replicas);
        }
    }
    fn post(&mut self, subresource: &str, posted: &Value) -> Result<(), ApiError> {
        let sub = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource);
        match sub.and_then(|sub| sub.post.as_ref()) {
            Some(Post::Change(change)) => change(&mut self.0, posted),
            _ => Ok(()),
        }
    }
    fn progress(&self, subresource: &str) -> Option<Progress> {
        let sub = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource)?;
        sub.progress.map(|progress| progress(&self.0))
    }
}

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

/// An object read from JSON, or why it does not fit its kind.
pub type Decoded = Result<Box<dyn AnyObject>, serde_json::Error>;

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

fn names_itself<K: Kind>() -> bool {
    K::COLUMNS.iter().any(|column| column.name == NAME.name)
}

/// The object of kind `K` inside, if it is one.
pub fn cast<K: Kind>(any: &dyn AnyObject) -> Option<&K::Object> {
    any.as_any().downcast_ref::<Typed<K>>().map(|typed| &typed.0)
}

/// As [`cast`], to change it.
pub fn cast_mut<K: Kind>(any: &mut dyn AnyObject) -> Option<&mut K::Object> {
    any.as_any_mut().downcast_mut::<Typed<K>>().map(|typed| &mut typed.0)
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

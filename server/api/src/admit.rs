//! From what was sent to what is stored: strict reading, defaults, metadata that the server sets,
//! admission, validation, claims.

pub(crate) mod meta;
pub(crate) mod required;

use std::sync::Arc;

use jiff::Timestamp;
use kinds::{
    AnyObject, KindDef,
    schema::{Body, FieldValidation, check_body},
};
use object::{ApiError, FieldErrors, Key, body};
use planning::{
    access::User,
    admission::{self, Claim, Notes, Objects, Request},
};
use serde_json::Value;
use store::{Expected, Range, Write};

pub(crate) use crate::body::object_of;
use crate::{Api, body::check_kind, resolve::Target, turns::Turn, world::Known};

/// An object that was read: in its type, with what is wrong about what was sent.
pub(crate) struct Sent {
    pub(crate) object: Box<dyn AnyObject>,
    /// Required fields that it lacks, and the like.
    pub(crate) errors: FieldErrors,
}

impl Clone for Sent {
    fn clone(&self) -> Self {
        Self { object: self.object.clone_box(), errors: self.errors.clone() }
    }
}

impl Sent {
    /// An object that lacks nothing.
    pub(crate) fn whole(object: Box<dyn AnyObject>) -> Self {
        Self { object, errors: FieldErrors::default() }
    }
}

/// Reads a whole object strictly, in the version in which it was sent, and fills in its kind's
/// defaults.
pub(crate) fn read(
    def: &Arc<KindDef>,
    mut body: Body,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Sent, ApiError> {
    check_kind(&mut body.value, def)?;
    let (value, warned) = check_body(def, body, validation)?;
    warnings.extend(warned);
    complete(def, value)
}

/// Decodes what has the form of a version of its kind, as an object of the version in which the
/// pipeline works, and fills in defaults.
pub(crate) fn complete(def: &Arc<KindDef>, value: Value) -> Result<Sent, ApiError> {
    let missing = kinds::schema::missing(def, &value);
    let mut object = decode(def, value)?;
    object.set_defaults();
    let errors = required::without_defaulted(missing, &*object);
    Ok(Sent { object, errors })
}

/// Decodes an object; what does not fit its type is named as Kubernetes does.
pub(crate) fn decode(def: &Arc<KindDef>, mut value: Value) -> Result<Box<dyn AnyObject>, ApiError> {
    if value["metadata"].is_null() {
        value["metadata"] = Value::Object(serde_json::Map::new());
    }
    let decoded = def.to_hub(value).and_then(|value| def.hub().codec.decode_value(value));
    decoded.map_err(|error| {
        let (version, kind) = (&def.version, &def.kind);
        ApiError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
        ))
    })
}

/// Decodes a stored body, which always fits, in the version in which the pipeline works.
pub(crate) fn decode_stored(
    def: &Arc<KindDef>,
    body: &[u8],
) -> Result<Box<dyn AnyObject>, ApiError> {
    def.hub().codec.decode(body).map_err(|error| {
        tracing::error!(kind = %def.name, %error, "a stored object does not fit its kind");
        ApiError::internal(format!("a stored object does not fit its kind {}", def.name))
    })
}

/// A stored body in the version of a request.
pub(crate) fn stored_value(def: &KindDef, body: &[u8]) -> Result<Value, ApiError> {
    let mut value =
        def.from_hub(body).map_err(|_| ApiError::internal("a stored object is no JSON"))?;
    value["apiVersion"] = (*def.api_version).into();
    value["kind"] = (*def.kind).into();
    Ok(value)
}

/// The bytes of an object.
pub(crate) fn encode(value: Value) -> bytes::Bytes {
    body::encode(object_of(value))
}

/// What admission is told about a write.
#[derive(Clone, Copy)]
pub(crate) struct Admission<'a> {
    pub(crate) user: &'a User,
    pub(crate) def: &'a KindDef,
    pub(crate) subresource: &'a str,
    pub(crate) old: Option<&'a dyn AnyObject>,
}

impl Api {
    /// Completes what is written and refuses what must not be, by what is known. What was missing
    /// may be news: a refusal is looked at twice.
    pub(crate) async fn admit(
        &self,
        admission: Admission<'_>,
        object: &mut Box<dyn AnyObject>,
    ) -> Result<(), ApiError> {
        // No check reads whose the fields are, which is half of what there is to copy.
        let owners = object.metadata_mut().managed_fields.take();
        let mut admitted = object.clone_box();
        let known = self.feed.at(self.store.revision()).await?;
        let request = self.request(admission, &known, 0);
        if admission::admit(&request, &mut *admitted, &known.world).is_err() {
            admitted = object.clone_box();
            let known = self.feed.at(self.catch_up().await?).await?;
            let request = self.request(admission, &known, 0);
            admission::admit(&request, &mut *admitted, &known.world)?;
        }
        *object = admitted;
        object.metadata_mut().managed_fields = owners;
        Ok(())
    }

    /// Looks at what is complete and valid. What was missing may be news: a refusal is looked at
    /// twice.
    pub(crate) async fn review(
        &self,
        admission: Admission<'_>,
        object: &dyn AnyObject,
    ) -> Result<Notes, ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let request = self.request(admission, &known, 0);
        if let Ok(notes) = admission::review(&request, object, &known.world) {
            return Ok(notes);
        }
        let known = self.feed.at(self.catch_up().await?).await?;
        admission::review(&self.request(admission, &known, 0), object, &known.world)
    }

    /// Chooses the unique names that an object needs, and gives the writes that claim them.
    pub(crate) async fn claim(
        &self,
        admission: Admission<'_>,
        object: &mut dyn AnyObject,
    ) -> Result<Vec<Write>, ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let request = self.request(admission, &known, rand::random());
        let claims = match admission::claim(&request, object, &known.world) {
            Ok(claims) => claims,
            // What was taken may have been given back.
            Err(_) => {
                let known = self.feed.at(self.catch_up().await?).await?;
                let request = self.request(admission, &known, rand::random());
                admission::claim(&request, object, &known.world)?
            }
        };
        Ok(claims.into_iter().map(write_of).collect())
    }

    /// What an eviction writes beside the deletion. A refusal is looked at twice.
    pub(crate) async fn evict_claim(
        &self,
        object: &dyn AnyObject,
    ) -> Result<Option<Write>, ApiError> {
        let now = Timestamp::now();
        let known = self.feed.at(self.store.revision()).await?;
        let claim = match admission::evict(object, &known.world, now) {
            Ok(claim) => claim,
            Err(_) => {
                let known = self.feed.at(self.catch_up().await?).await?;
                admission::evict(object, &known.world, now)?
            }
        };
        Ok(claim.map(write_of))
    }

    /// Waits for others that claim what a write will claim, if there is such a thing.
    pub(crate) async fn turn(
        &self,
        admission: Admission<'_>,
        namespace: &str,
    ) -> Result<Option<Turn>, ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        if !admission::takes_turns(&self.request(admission, &known, 0), namespace, &known.world) {
            return Ok(None);
        }
        Ok(Some(self.turns.take(namespace).await))
    }

    /// Refuses the deletion of what must stay.
    pub(crate) async fn check_deletion(
        &self,
        admission: Admission<'_>,
        object: &dyn AnyObject,
    ) -> Result<(), ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        admission::check_deletion(&self.request(admission, &known, 0), object)
    }

    /// Refuses what may not be posted to a subresource. What was missing may be news.
    pub(crate) async fn check_post(
        &self,
        user: &User,
        target: &Target,
        posted: &Value,
    ) -> Result<(), ApiError> {
        let known = self.feed.at(self.catch_up().await?).await?;
        let subresource = target.subresource.as_str();
        let admission = Admission { user, def: target.def.hub(), subresource, old: None };
        admission::check_post(&self.request(admission, &known, 0), &target.key(), posted)
    }

    fn request<'a>(&'a self, from: Admission<'a>, known: &'a Known, seed: u64) -> Request<'a> {
        let Admission { user, def, subresource, old } = from;
        let settings = &self.settings.admission;
        let (access, objects, now) = (&known.access, self, Timestamp::now());
        Request { user, access, settings, def, subresource, old, now, seed, objects }
    }
}

impl Objects for Api {
    fn list(&self, kind: &str, namespace: &str) -> Vec<bytes::Bytes> {
        let (kind, namespace) = (Some(kind.into()), Some(namespace.into()));
        let stored = self.store.snapshot(&Range { kind, namespace, name: None });
        stored.items.iter().map(|item| item.body.clone()).collect()
    }

    fn get(&self, key: &Key) -> Option<bytes::Bytes> {
        self.store.get(key).map(|stored| stored.body.clone())
    }
}

/// A claim as a write beside the one that it is for.
fn write_of(claim: Claim) -> Write {
    match claim {
        Claim::Release { key } => release(key),
        Claim::Replace { key, revision, body } => {
            Write { key, expected: Expected::Revision(revision), body: Some(encode(body)) }
        }
        Claim::Take { key, mut body } => {
            meta::stamp(&mut body);
            Write { key, expected: Expected::Absent, body: Some(encode(body)) }
        }
    }
}

/// The write that gives a claim back.
pub(crate) fn release(key: Key) -> Write {
    Write { key, expected: Expected::Any, body: None }
}

/// Refuses an object for what its kind finds wrong with it; its metadata may lack a name.
pub(crate) fn validate_own(def: &KindDef, sent: &Sent) -> Result<(), ApiError> {
    let mut errors = sent.errors.clone();
    let mut own = FieldErrors::default();
    sent.object.validate(&mut own);
    required::merge(&mut errors, own);
    refuse(def, &*sent.object, &errors)
}

/// Refuses an object with all that is wrong with it; of a change, what was there and the
/// subresource that is written.
pub(crate) fn validate(
    def: &KindDef,
    sent: &Sent,
    old: Option<(&dyn AnyObject, &str)>,
) -> Result<(), ApiError> {
    let object = &*sent.object;
    let mut errors = FieldErrors::default();
    meta::validate(def, object.metadata(), &mut errors);
    if let Some((old, _)) = old {
        meta::validate_update(object.metadata(), old.metadata(), &mut errors);
    }
    required::merge(&mut errors, sent.errors.clone());
    let mut own = FieldErrors::default();
    object.validate(&mut own);
    match old {
        Some((old, subresource)) => object.validate_part(old, subresource, &mut own),
        None => object.validate_new(&mut own),
    }
    required::merge(&mut errors, own);
    refuse(def, object, &errors)
}

fn refuse(def: &KindDef, object: &dyn AnyObject, errors: &FieldErrors) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    let name = object.metadata().name.clone().unwrap_or_default();
    Err(ApiError::invalid(&def.group_kind(), &name, errors))
}

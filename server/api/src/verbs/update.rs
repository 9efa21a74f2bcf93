//! PUT of an object or of a part of it, and what every change of an existing object shares.

use std::sync::Arc;

use kinds::AnyObject;
use object::{ApiError, Key};
use serde_json::Value;
use store::{Expected, Stored, Write};

use super::{Writer, Written, create::encode, failed, is_precondition};
use crate::{
    Api,
    admit::{self, meta},
    body::{Document, check_kind},
    resolve::Target,
};

/// How often a change without a precondition of its own is tried on a newer object.
const ATTEMPTS_MAX: usize = 10;

/// An object as somebody wants it to be.
pub(crate) struct Draft {
    pub(crate) object: Box<dyn AnyObject>,
    /// `metadata.resourceVersion` and `metadata.uid` of what was sent.
    pub(crate) revision: Option<u64>,
    pub(crate) uid: Option<String>,
}

impl Draft {
    /// Takes the preconditions out of what was sent.
    pub(crate) fn new(target: &Target, mut object: Box<dyn AnyObject>) -> Result<Self, ApiError> {
        let meta = object.metadata_mut();
        let sent = meta.resource_version.take().filter(|text| !text.is_empty() && text != "0");
        let revision = sent.map(|text| text.parse::<u64>()).transpose().map_err(|_| {
            let (kind, name) = (&target.def.name, &target.name);
            ApiError::conflict(kind, name, "metadata.resourceVersion is no revision of this server")
        })?;
        let uid = meta.uid.clone().filter(|uid| !uid.is_empty());
        Ok(Self { object, revision, uid })
    }
}

impl Api {
    pub(crate) async fn update(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        mut document: Document,
    ) -> Result<Written, ApiError> {
        check_kind(&mut document.object, target.def)?;
        let mut object = admit::decode(target.def, document.object)?;
        meta::place(object.metadata_mut(), target)?;
        object.set_defaults();
        self.change(writer, target, |_, _| Draft::new(target, object.clone_box())).await
    }

    /// Changes an existing object: `make` gives the wanted one from the present one, and is asked
    /// again when another writer was faster, unless it named the revision that it means.
    pub(crate) async fn change(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        mut make: impl FnMut(&Arc<Stored>, &dyn AnyObject) -> Result<Draft, ApiError> + Send,
    ) -> Result<Written, ApiError> {
        let key = target.key();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let current = self.read(&key, false).await?;
            let old = admit::decode_stored(target.def, &current.body)?;
            let draft = make(&current, &*old)?;
            check_preconditions(&key, &current, &*old, &draft)?;
            let last = draft.revision.is_some() || attempts >= ATTEMPTS_MAX;
            let write = prepare(target, &current, &*old, draft.object)?;
            let Some(write) = write else {
                return Ok(Written::Changed(Stored::clone(&current)));
            };
            let body = write.body.clone();
            match self.commit(&key, vec![write], writer.options).await {
                Err(error) if is_precondition(&error) && !last => {}
                Err(error) => return Err(failed(error, &key)),
                Ok(revision) => {
                    let body = body.unwrap_or_else(|| current.body.clone());
                    return Ok(Written::Changed(Stored { key, revision, body }));
                }
            }
        }
    }
}

fn check_preconditions(
    key: &Key,
    current: &Stored,
    old: &dyn AnyObject,
    draft: &Draft,
) -> Result<(), ApiError> {
    let uid = old.metadata().uid.as_deref().unwrap_or_default();
    if let Some(asked) = draft.uid.as_deref().filter(|asked| *asked != uid) {
        let why =
            format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}");
        return Err(ApiError::conflict(&key.kind, &key.name, why));
    }
    match draft.revision {
        Some(revision) if revision != current.revision => {
            Err(ApiError::modified(&key.kind, &key.name))
        }
        _ => Ok(()),
    }
}

/// The write that makes the object as wanted; `None` if it already is. An object whose deletion
/// waited only for this goes.
fn prepare(
    target: &Target,
    current: &Stored,
    old: &dyn AnyObject,
    mut object: Box<dyn AnyObject>,
) -> Result<Option<Write>, ApiError> {
    let def = target.def;
    meta::prepare_update(object.metadata_mut(), old.metadata());
    object.prepare_update(old, &target.subresource);
    let old_value = old.to_value();
    if def.generation && differs_beyond_status(&object.to_value(), &old_value) {
        let generation = object.metadata().generation.unwrap_or(0);
        object.metadata_mut().generation = Some(generation + 1);
    }
    admit::validate(def, &*object, Some(old))?;
    let value = object.to_value();
    if value == old_value {
        return Ok(None);
    }
    let expected = Expected::Revision(current.revision);
    let body = (!ends(&*object)).then(|| encode(value));
    Ok(Some(Write { key: current.key.clone(), expected, body }))
}

/// Whether nothing keeps a deleted object any longer.
pub(crate) fn ends(object: &dyn AnyObject) -> bool {
    let meta = object.metadata();
    meta.deletion_timestamp.is_some()
        && meta.deletion_grace_period_seconds.unwrap_or(0) == 0
        && meta.finalizers.as_ref().is_none_or(Vec::is_empty)
        && !object.is_held()
}

/// Whether anything but metadata and status differs: what `generation` counts.
fn differs_beyond_status(new: &Value, old: &Value) -> bool {
    let parts = |value: &Value| {
        let mut parts = value.as_object().cloned().unwrap_or_default();
        for part in ["metadata", "status"] {
            parts.remove(part);
        }
        parts
    };
    parts(new) != parts(old)
}

//! PUT of an object or of a part of it, and what every change of an existing object shares.

use std::sync::Arc;

use kinds::{AnyObject, KindDef, schema::Body};
use object::{ApiError, FieldErrors, Key, patch::managed::differ_in_times_at_most};
use planning::{admission::held, dynamic_admission::Operation};
use serde_json::Value;
use store::{Expected, StoreError, Stored, Write};

use super::{Writer, Written, failed, owners};
use crate::{
    Api,
    admit::{self, Admission, Sent, meta},
    dynamic_admission::{Before, Event},
    resolve::Target,
    versions::is_as_kept,
};

/// How often a change without a precondition of its own is tried on a newer object.
const ATTEMPTS_MAX: usize = 16;

/// An object as somebody wants it to be.
pub(crate) struct Draft {
    pub(crate) sent: Sent,
    /// `metadata.resourceVersion` and `metadata.uid` of what was sent.
    pub(crate) revision: Option<u64>,
    pub(crate) uid: Option<String>,
    pub(crate) ownership: Ownership,
}

/// Whether it is noted already who owns the fields that a write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    Track,
    Noted,
}

fn revision_of(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "metadata.resourceVersion: Invalid value: {text:?}: must be an unsigned integer"
        ))
    })
}

impl Draft {
    /// Takes the preconditions out of what was sent.
    pub(crate) fn new(mut sent: Sent) -> Result<Self, ApiError> {
        let meta = sent.object.metadata_mut();
        let named = meta.resource_version.take().filter(|text| !text.is_empty() && text != "0");
        let revision = named.map(|text| revision_of(&text)).transpose()?;
        let uid = meta.uid.clone().filter(|uid| !uid.is_empty());
        Ok(Self { sent, revision, uid, ownership: Ownership::Track })
    }

    /// A change that the server makes itself, on whatever is there.
    pub(crate) fn own(object: Box<dyn AnyObject>) -> Self {
        let sent = Sent::whole(object);
        Self { sent, revision: None, uid: None, ownership: Ownership::Track }
    }
}

impl Api {
    pub(crate) async fn update(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        body: Body,
    ) -> Result<Written, ApiError> {
        let validation = writer.options.validation;
        let mut sent = admit::read(&target.def, body, validation, &mut writer.warnings)?;
        meta::place(sent.object.metadata_mut(), target)?;
        self.change(writer, target, |_, _| {
            let draft = Draft::new(sent.clone())?;
            // Nobody overwrites what they have not seen, where Kubernetes does not let them.
            if draft.revision.is_none() && target.def.custom.is_some() {
                let mut errors = FieldErrors::default();
                errors.invalid("metadata.resourceVersion", 0, "must be specified for an update");
                let kind = target.def.group_kind();
                return Err(ApiError::invalid(&kind, &target.name, &errors));
            }
            Ok(draft)
        })
        .await
    }

    /// Changes an existing object: `make` gives the wanted one from the present one, and is asked
    /// again when another writer was faster, unless it named the revision that it means.
    pub(crate) async fn change(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        mut make: impl FnMut(&Arc<Stored>, &dyn AnyObject) -> Result<Draft, ApiError> + Send,
    ) -> Result<Written, ApiError> {
        let key = target.key();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let kept = self.read(&key, false).await?;
            let is_kept_so = is_as_kept(&target.def, &kept.body);
            let current = self.in_hub(&target.def, kept).await?;
            let old = admit::decode_stored(&target.def, &current.body)?;
            let draft = make(&current, &*old)?;
            check_preconditions(&key, &current, &*old, &draft)?;
            let means_revision = draft.revision.is_some();
            let def = target.def.hub();
            let Target { subresource, .. } = target;
            let admission = Admission { user: writer.user, def, subresource, old: Some(&*old) };
            let _turn = self.turn(admission, &key.namespace).await?;
            let current = (&*current, is_kept_so);
            let writes = self.prepare(writer, target, current, &*old, draft).await?;
            let current = current.0;
            let Some(own) = writes.first() else {
                return Ok(Written::Changed(Stored::clone(current)));
            };
            let body = own.body.clone().unwrap_or_else(|| current.body.clone());
            match self.commit(&key, writes, writer.options).await {
                Ok(revision) => return Ok(Written::Changed(Stored { key, revision, body })),
                Err(StoreError::Precondition { key: refused, .. })
                    if attempts < ATTEMPTS_MAX && (refused != key || !means_revision) => {}
                Err(error) => return Err(failed(error, &key)),
            }
        }
    }

    /// The writes that make the object as wanted, its own first; none if it already is. An object
    /// whose deletion waited only for this goes.
    async fn prepare(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        (current, is_kept_so): (&Stored, bool),
        old: &dyn AnyObject,
        draft: Draft,
    ) -> Result<Vec<Write>, ApiError> {
        let Draft { mut sent, ownership, .. } = draft;
        let def = target.def.hub();
        let Target { subresource, .. } = target;
        let Sent { object, errors } = &mut sent;
        meta::prepare_update(object.metadata_mut(), old.metadata(), errors);
        sent.object.prepare_update(old, subresource);
        let old_value = old.to_value();
        if ownership == Ownership::Track {
            owners::note_changed(writer, target, &old_value, &mut *sent.object);
        }
        let admission = Admission { user: writer.user, def, subresource, old: Some(old) };
        self.admit(admission, &mut sent.object).await?;
        let event = Event::new(Operation::Update, target, writer.user, writer.options);
        let before = Some(Before { object: old, revision: current.revision });
        if self.mutate(&event, writer, before, &mut sent).await? {
            sent.object.prepare_update(old, subresource);
            self.admit(admission, &mut sent.object).await?;
        }
        let mut value = sent.object.to_value();
        if def.generation && is_news(def, &value, &old_value) {
            let generation = sent.object.metadata().generation.unwrap_or(0) + 1;
            sent.object.metadata_mut().generation = Some(generation);
            value["metadata"]["generation"] = generation.into();
        }
        admit::validate(def, &sent, Some((old, subresource)))?;
        writer.note(self.review(admission, &*sent.object).await?);
        self.validate_dynamically(&event, writer, before, &*sent.object).await?;
        if is_kept_so && differ_in_times_at_most(&value, &old_value) {
            return Ok(Vec::new());
        }
        let expected = Expected::Revision(current.revision);
        let key = current.key.clone();
        if ends(&*sent.object) {
            let own = Write { key, expected, body: None };
            return Ok(std::iter::once(own).chain(releases(old)).collect());
        }
        let claims = self.claim(admission, &mut *sent.object).await?;
        let body = Some(self.to_kept(&target.def, sent.object.to_value()).await?);
        Ok(std::iter::once(Write { key, expected, body }).chain(claims).collect())
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

/// Whether nothing keeps a deleted object any longer.
pub(crate) fn ends(object: &dyn AnyObject) -> bool {
    let meta = object.metadata();
    meta.deletion_timestamp.is_some()
        && meta.deletion_grace_period_seconds.unwrap_or(0) == 0
        && meta.finalizers.as_ref().is_none_or(Vec::is_empty)
        && !object.is_held()
}

/// The writes that give back what a removed object held.
pub(crate) fn releases(object: &dyn AnyObject) -> impl Iterator<Item = Write> + use<> {
    held(object).into_iter().map(admit::release)
}

/// Whether anything but metadata, and status where it is a part of its own, differs: what
/// `generation` counts.
fn is_news(def: &KindDef, new: &Value, old: &Value) -> bool {
    let has_status = def.custom.is_none() || def.subresources.iter().any(|s| s.name == "status");
    let counts =
        |(name, _): &(&String, &Value)| *name != "metadata" && !(has_status && *name == "status");
    let parts = [new, old].map(|value| value.as_object().into_iter().flatten().filter(counts));
    let [new, old] = parts;
    !new.eq(old)
}

//! Objects that are created and changed.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kinds::{
    AnyObject, KindDef,
    schema::{Body, FieldValidation, check_body},
};
use object::ApiError;
use planning::admission::Notes;
use serde_json::Value;

use super::{Event, Shown, fill, parts};
use crate::{
    Api,
    admit::{self, Sent},
    verbs::{Writer, owners},
};

/// An existing object and the revision that it has.
#[derive(Clone, Copy)]
pub(crate) struct Before<'b> {
    pub(crate) object: &'b dyn AnyObject,
    pub(crate) revision: u64,
}

impl Before<'_> {
    fn value(self) -> Value {
        let mut value = self.object.to_value();
        value["metadata"]["resourceVersion"] = self.revision.to_string().into();
        value
    }
}

impl Api {
    /// Lets policies and webhooks change an object that is about to be written; whether they did.
    pub(crate) async fn mutate(
        &self,
        event: &Event<'_>,
        writer: &Writer<'_>,
        before: Option<Before<'_>>,
        sent: &mut Sent,
    ) -> Result<bool, ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let mut attempt = self.attempt(event, &known);
        if !known.definitions.may_mutate(&attempt) {
            return Ok(false);
        }
        let shown = show(event, before, &*sent.object);
        let is_scale = shown.part.is_some();
        fill(&mut attempt, event, shown);
        let complete = |def: &Arc<KindDef>, value: Value| {
            if is_scale { Ok(value) } else { read(def, value).map(|sent| sent.object.to_value()) }
        };
        let mut notes = Notes::default();
        let changed = self.run_mutators(&known, &mut attempt, &complete, &mut notes).await?;
        writer.note(notes);
        if let Some(object) = attempt.object.filter(|_| changed) {
            take(event, writer, sent, object)?;
        }
        Ok(changed)
    }

    /// Lets policies and webhooks refuse an object that is complete and valid.
    pub(crate) async fn validate_dynamically(
        &self,
        event: &Event<'_>,
        writer: &Writer<'_>,
        before: Option<Before<'_>>,
        object: &dyn AnyObject,
    ) -> Result<(), ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let mut attempt = self.attempt(event, &known);
        if !known.definitions.may_refuse(&attempt) {
            return Ok(());
        }
        fill(&mut attempt, event, show(event, before, object));
        writer.note(self.run_validators(&known, &attempt).await?);
        Ok(())
    }
}

fn show(event: &Event<'_>, before: Option<Before<'_>>, object: &dyn AnyObject) -> Shown {
    if let Some(before) = before
        && event.target.sub().is_some_and(|sub| sub.scales)
    {
        return parts::scales(before, object);
    }
    Shown { object: Some(object.to_value()), old: before.map(Before::value), part: None }
}

/// Reads what a webhook or policy made of an object: what its kind does not know is dropped.
fn read(def: &Arc<KindDef>, value: Value) -> Result<Sent, ApiError> {
    let body = Body { value, duplicates: Vec::new() };
    let (value, _) = check_body(def, body, FieldValidation::Ignore)?;
    admit::complete(def, value)
}

/// Puts the changed object in the place of the one that was sent; what the server sets stays, and
/// the changed fields belong to who sent it.
fn take(
    event: &Event<'_>,
    writer: &Writer<'_>,
    sent: &mut Sent,
    value: Value,
) -> Result<(), ApiError> {
    if event.target.sub().is_some_and(|sub| sub.scales) {
        if let Some(replicas) = parts::replicas(&value) {
            sent.object.set_scale(replicas);
        }
        return Ok(());
    }
    let mut changed = read(event.target.def.hub(), value)?;
    keep(changed.object.metadata_mut(), sent.object.metadata());
    owners::note_changed(writer, event.target, &sent.object.to_value(), &mut *changed.object);
    *sent = changed;
    Ok(())
}

fn keep(changed: &mut ObjectMeta, sent: &ObjectMeta) {
    let sent = sent.clone();
    changed.name = sent.name;
    changed.namespace = sent.namespace;
    changed.generate_name = sent.generate_name;
    changed.uid = sent.uid;
    changed.creation_timestamp = sent.creation_timestamp;
    changed.deletion_timestamp = sent.deletion_timestamp;
    changed.deletion_grace_period_seconds = sent.deletion_grace_period_seconds;
    changed.generation = sent.generation;
    changed.resource_version = sent.resource_version;
    changed.managed_fields = sent.managed_fields;
}

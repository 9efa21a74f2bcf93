//! DELETE: at once, or a mark that finalizers and grace periods clear later.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kinds::AnyObject;
use object::{ApiError, FieldErrors, Key};
use serde::Deserialize;
use serde_json::Value;
use store::{Expected, StoreError, Stored, Write};

use super::{
    Writer, failed,
    update::{ends, releases},
};
use crate::{
    Api,
    admit::{self, Admission, meta},
    body::expect_kind,
    dynamic_admission::Before,
    query::{Query, WriteOptions, read_dry_run, refuse},
    resolve::Target,
};

const ATTEMPTS_MAX: usize = 10;
const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// What becomes of the objects that an owner owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// How something is to be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteRequest {
    pub(crate) grace_seconds: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) write: WriteOptions,
    /// Whether disruption budgets are asked.
    pub(crate) evicts: bool,
}

/// `DeleteOptions` as it is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    preconditions: Option<Preconditions>,
    dry_run: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl DeleteRequest {
    /// From the body, if there is one, else from the query.
    pub(crate) fn read(body: Option<Value>, query: &Query) -> Result<Self, ApiError> {
        let sent: Sent = match body {
            Some(body) => read_body(body)?,
            None => Sent {
                grace_period_seconds: query.number("gracePeriodSeconds")?,
                propagation_policy: query.get("propagationPolicy").map(str::to_owned),
                orphan_dependents: query
                    .contains("orphanDependents")
                    .then(|| query.flag("orphanDependents")),
                ..Sent::default()
            },
        };
        let mut errors = FieldErrors::default();
        let propagation = read_propagation(&sent, &mut errors);
        let listed = sent.dry_run.unwrap_or_default();
        let values = listed.iter().map(String::as_str).chain(query.all("dryRun"));
        let dry_run = read_dry_run(values, &mut errors);
        refuse("DeleteOptions", &errors)?;
        let preconditions = sent.preconditions.unwrap_or_default();
        Ok(Self {
            grace_seconds: sent.grace_period_seconds,
            propagation,
            uid: preconditions.uid,
            revision: preconditions.resource_version,
            write: WriteOptions { dry_run, ..WriteOptions::default() },
            evicts: false,
        })
    }

    fn check(&self, key: &Key, current: &Stored, uid: &str) -> Result<(), ApiError> {
        let why = match (&self.uid, &self.revision) {
            (Some(asked), _) if asked != uid => {
                format!(
                    "Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}"
                )
            }
            (_, Some(asked)) if *asked != current.revision.to_string() => format!(
                "Precondition failed: ResourceVersion in precondition: {asked}, ResourceVersion in object meta: {}",
                current.revision
            ),
            _ => return Ok(()),
        };
        Err(ApiError::conflict(&key.kind, &key.name, why))
    }
}

/// The options in a body. Clients say any version that has had them.
fn read_body(mut body: Value) -> Result<Sent, ApiError> {
    const KIND: &str = "DeleteOptions";
    let version = body["apiVersion"].as_str().filter(|version| !version.is_empty());
    let version = version.unwrap_or("v1").to_owned();
    expect_kind(&mut body, "", &version, KIND)?;
    serde_json::from_value(body).map_err(|error| {
        let told = format!("{KIND} in version {version:?} cannot be handled as a {KIND}: {error}");
        ApiError::bad_request(told)
    })
}

fn read_propagation(sent: &Sent, errors: &mut FieldErrors) -> Option<Propagation> {
    match (sent.propagation_policy.as_deref(), sent.orphan_dependents) {
        (Some(_), Some(_)) => {
            let detail = "orphanDependents and deletionPropagation cannot be both set".to_owned();
            errors.invalid("propagationPolicy", sent.propagation_policy.clone(), detail);
            None
        }
        (None, None) => None,
        (None, Some(true)) | (Some("Orphan"), _) => Some(Propagation::Orphan),
        (None, Some(false)) | (Some("Background"), _) => Some(Propagation::Background),
        (Some("Foreground"), _) => Some(Propagation::Foreground),
        (Some(other), _) => {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            errors.not_supported("propagationPolicy", other, &supported);
            None
        }
    }
}

/// What a deletion did.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// It is gone; as it last was.
    Gone(Arc<Stored>),
    /// It is marked, and goes when nothing keeps it any longer.
    Marked(Stored),
}

impl Api {
    pub(crate) async fn delete(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        request: &DeleteRequest,
    ) -> Result<Deleted, ApiError> {
        let Target { subresource, .. } = target;
        let def = target.def.hub();
        let key = target.key();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let current = self.read(&key, false).await?;
            let worked = self.in_hub(&target.def, current.clone()).await?;
            let mut object = admit::decode_stored(&target.def, &worked.body)?;
            request.check(&key, &current, object.metadata().uid.as_deref().unwrap_or_default())?;
            let admission = Admission { user: writer.user, def, subresource, old: None };
            self.check_deletion(admission, &*object).await?;
            let before = Before { object: &*object, revision: current.revision };
            self.admit_deletion(writer, target, request, before).await?;
            let spent = match request.evicts {
                true => self.evict_claim(&*object).await?,
                false => None,
            };
            let before = object.to_value();
            mark(&mut *object, request);
            let value = object.to_value();
            let gone = ends(&*object);
            if !gone && value == before {
                return Ok(Deleted::Marked(Stored::clone(&current)));
            }
            let body = match gone {
                true => None,
                false => Some(self.to_kept(&target.def, value).await?),
            };
            let expected = Expected::Revision(current.revision);
            let mut writes = vec![Write { key: key.clone(), expected, body: body.clone() }];
            writes.extend(spent);
            if gone {
                writes.extend(releases(&*object));
            }
            match self.commit(&key, writes, &request.write).await {
                Err(StoreError::Precondition { .. }) if attempts < ATTEMPTS_MAX => {}
                Err(error) => return Err(failed(error, &key)),
                Ok(revision) => {
                    return Ok(match body {
                        None => Deleted::Gone(current),
                        Some(body) => Deleted::Marked(Stored { key, revision, body }),
                    });
                }
            }
        }
    }
}

/// Sets the marks of a deletion: the time at which it may go, and the finalizers that say what
/// becomes of what it owns.
fn mark(object: &mut dyn AnyObject, request: &DeleteRequest) {
    let grace = object.grace_seconds(request.grace_seconds).unwrap_or(0);
    mark_finalizers(object, request.propagation);
    let asked = request.grace_seconds;
    let metadata = object.metadata_mut();
    match &metadata.deletion_timestamp {
        None => {
            metadata.deletion_timestamp = Some(after(&meta::now(), grace));
            metadata.deletion_grace_period_seconds = Some(grace);
            if let Some(generation) = &mut metadata.generation {
                *generation += 1;
            }
            object.prepare_delete();
        }
        // A second deletion may shorten the time, never lengthen it.
        Some(at) => {
            let before = metadata.deletion_grace_period_seconds.unwrap_or(0);
            if grace < before && (asked.is_some() || grace == 0) {
                metadata.deletion_timestamp = Some(after(at, grace - before));
                metadata.deletion_grace_period_seconds = Some(grace);
            }
        }
    }
}

fn mark_finalizers(object: &mut dyn AnyObject, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let meta = object.metadata_mut();
    let mut finalizers = meta.finalizers.take().unwrap_or_default();
    finalizers.retain(|name| name != FOREGROUND && name != ORPHAN);
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
    }
    meta.finalizers = (!finalizers.is_empty()).then_some(finalizers);
}

fn after(time: &Time, seconds: i64) -> Time {
    let later = time.0.saturating_add(SignedDuration::from_secs(seconds));
    Time(later.unwrap_or(Timestamp::MAX))
}

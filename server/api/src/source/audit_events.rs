//! The audit as objects, the newest first.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kinds::{Kind, audit_event::AuditEvent};
use object::{ApiError, KindName, selector::FieldSelector};
use planning::{audit, world::kind_name};
use serde_json::{Value, json};
use store::{AuditQuery, Store};

use super::{Asked, Computed, Source};
use crate::errors;

/// How many are shown to somebody who does not say.
const LIMIT: usize = 500;
const LIMIT_MAX: usize = 5000;

pub(crate) struct AuditEvents {
    store: Arc<dyn Store>,
}

impl AuditEvents {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(crate) fn kind() -> KindName {
        kind_name::<AuditEvent>()
    }
}

#[async_trait]
impl Source for AuditEvents {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let mut query = query(asked)?;
        let wanted = query.limit;
        query.limit += 1;
        let mut events = self.store.audit(&query).await.map_err(errors::of_read)?;
        let more = events.len() > wanted;
        events.truncate(wanted);
        let last = events.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Computed { items: events.iter().map(show).collect(), continuation: last })
    }
}

fn query(asked: &Asked<'_>) -> Result<AuditQuery, ApiError> {
    let fields = asked.fields;
    if let Some(path) = fields.paths().find(|path| fields.exact(path).is_none()) {
        return Err(ApiError::bad_request(format!(
            "auditevents are selected by equality: {path}=value"
        )));
    }
    let text = |path: &str| fields.exact(path).map(str::to_owned);
    let name = Some(asked.name).filter(|name| !name.is_empty());
    let name = name.or_else(|| fields.exact("metadata.name"));
    Ok(AuditQuery {
        // What is no number names no event.
        id: name.map(|name| name.parse().unwrap_or(u64::MAX)),
        user: text("user"),
        verb: text("verb"),
        kind: fields.exact("resource").map(KindName::from),
        namespace: text("namespace"),
        name: text("name"),
        since_us: time(fields, "since")?,
        until_us: time(fields, "until")?,
        before_id: asked.continuation.map(continuation).transpose()?,
        limit: asked.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
    })
}

fn time(fields: &FieldSelector, path: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = fields.exact(path) else { return Ok(None) };
    let time: Timestamp = text.parse().map_err(|_| {
        ApiError::bad_request(format!("{path} must be a time, as in 2026-01-31T12:00:00Z"))
    })?;
    Ok(Some(time.as_microsecond()))
}

fn continuation(token: &str) -> Result<u64, ApiError> {
    token.parse().map_err(|_| {
        ApiError::bad_request("continue key is not valid: it is none that this server gave")
    })
}

fn show(event: &store::AuditEvent) -> Value {
    let text = |revision: Option<u64>| revision.map(|revision| revision.to_string());
    let at = Timestamp::from_microsecond(event.at_us).unwrap_or_default();
    let mut value: Value = serde_json::from_slice(&event.detail).unwrap_or_default();
    let mut diff = event.diff.as_ref().map(|diff| audit::read(diff));
    let is_sealed = kinds::find(&event.key.kind).is_some_and(|def| def.secret);
    if let (Some(diff), true) = (&mut diff, is_sealed) {
        audit::redact(diff);
    }
    value["user"] = event.user.as_str().into();
    value["verb"] = event.verb.as_str().into();
    value["resource"] = (*event.key.kind).into();
    value["namespace"] = (*event.key.namespace).into();
    value["name"] = (*event.key.name).into();
    value["code"] = event.code.into();
    value["before"] = text(event.before).unwrap_or_default().into();
    value["after"] = text(event.after).unwrap_or_default().into();
    value["diff"] = diff.map(|diff| diff.to_string()).unwrap_or_default().into();
    // Through the type, which leaves out what is empty.
    let spec: <AuditEvent as Kind>::Object =
        serde_json::from_value(json!({"metadata": {}, "spec": value})).unwrap_or_default();
    json!({
        "apiVersion": "longshore.dev/v1", "kind": "AuditEvent",
        "metadata": {"name": event.id.to_string(), "creationTimestamp": at.to_string(), "uid": format!("audit-{}", event.id)},
        "spec": spec.spec,
    })
}

//! AuditEvent: one act that the audit kept. Computed when somebody asks, never written by clients.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Field, Kind, Verb, column, field, parts::cells};

/// Who did what, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditEventSpec {
    pub user: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Who sent the request, where they acted as another user.
    #[serde(skip_serializing_if = "String::is_empty", rename = "impersonator")]
    pub impersonator: String,
    #[serde(skip_serializing_if = "String::is_empty", rename = "sourceIP")]
    pub source_ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    pub verb: String,
    /// The kind's name: `pods`, `deployments.apps`.
    pub resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// What was answered, as an HTTP status code.
    pub code: i32,
    /// The object's resourceVersion before and after.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub before: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub after: String,
    /// A merge patch from the old to the new object, as JSON; without the values if the kind is sealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// What admission noted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

crate::parts::longshore::object! {
    /// One act that the audit kept.
    AuditEvent, "auditevents", AuditEventSpec
}

impl AuditEvent {
    /// `pods/exec web`
    fn object(&self) -> String {
        let AuditEventSpec { resource, namespace, name, subresource, .. } = &self.spec;
        let part = if subresource.is_empty() { "" } else { "/" };
        let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        format!("{resource}{part}{subresource} {place}{name}")
    }
}

impl Kind for AuditEvent {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        column("Time", |event: &Self, _| {
            event.metadata.creation_timestamp.as_ref().map(|at| at.0.to_string()).into()
        }),
        column("User", |event: &Self, _| event.spec.user.as_str().into()),
        column("Verb", |event: &Self, _| event.spec.verb.as_str().into()),
        column("Object", |event: &Self, _| event.object().into()),
        column("Code", |event: &Self, _| event.spec.code.into()).integer(),
        column("Source", |event: &Self, _| cells::or_none(Some(&event.spec.source_ip))).wide(),
        column("Agent", |event: &Self, _| cells::or_none(Some(&event.spec.user_agent))).wide(),
        column("Diff", |event: &Self, _| cells::or_none(Some(&event.spec.diff))).wide(),
    ];
    const FIELDS: &'static [Field<Self>] = &[
        field("user", |event: &Self| event.spec.user.clone()),
        field("verb", |event: &Self| event.spec.verb.clone()),
        field("resource", |event: &Self| event.spec.resource.clone()),
        field("namespace", |event: &Self| event.spec.namespace.clone()),
        field("name", |event: &Self| event.spec.name.clone()),
        // Times to search between, which the answer to a search does not repeat.
        field("since", |_: &Self| String::new()),
        field("until", |_: &Self| String::new()),
    ];
}

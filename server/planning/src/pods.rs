//! What all controllers that make pods share.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use object::Key;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Action, Entry, Event, Failure, Severity, owners};

pub const PODS: &str = "pods";

/// Neither ended nor about to.
pub fn is_running(entry: &Entry) -> bool {
    !entry.meta.is_deleting() && entry.pod().is_some_and(|pod| !pod.is_finished())
}

/// A pod as a template describes it, under a name, controlled by an owner.
pub fn from_template(template: Option<&PodTemplateSpec>, owner: &Entry, name: &str) -> Pod {
    let mut metadata = template.and_then(|template| template.metadata.clone()).unwrap_or_default();
    metadata.name = Some(name.to_owned());
    metadata.namespace = Some(owner.key.namespace.to_string());
    metadata.owner_references = Some(vec![owners::controller_reference(owner)]);
    Pod { metadata, spec: template.and_then(|template| template.spec.clone()), status: None }
}

pub fn create(pod: &Pod) -> Action {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Action::Create { key: Key::new(PODS, namespace, name), body: json!(pod) }
}

/// Deletes an object, and in the background what depends on it.
pub fn delete(entry: &Entry) -> Action {
    Action::Delete {
        key: entry.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: Some("Background"),
        grace_seconds: None,
    }
}

/// An event of an object.
pub fn record(
    entry: &Entry,
    source: &'static str,
    severity: Severity,
    reason: &'static str,
    message: String,
) -> Action {
    Action::Record(Event {
        regarding: entry.key.clone(),
        regarding_uid: entry.meta.uid.clone(),
        severity,
        reason,
        message,
        source,
    })
}

/// The write of an object's status.
pub fn set_status(entry: &Entry, status: &impl Serialize) -> Option<Action> {
    let mut body: Value = entry.read()?;
    body["status"] = json!(status);
    Some(Action::SetStatus { key: entry.key.clone(), body })
}

/// The same, where what the status says is true only if the actions before it went well.
pub fn update_status(entry: &Entry, status: &impl Serialize) -> Option<Action> {
    let mut body: Value = entry.read()?;
    body["status"] = json!(status);
    Some(Action::Update { key: entry.key.clone(), subresource: "status", body })
}

/// The same actions, events apart from writes: what can be done at once then stands together.
/// Warnings come first: what goes wrong again must not keep them from being told.
pub fn sort_events(actions: Vec<Action>) -> Vec<Action> {
    let is_warning = |action: &Action| {
        matches!(action, Action::Record(Event { severity: Severity::Warning, .. }))
    };
    let (mut told, rest): (Vec<_>, Vec<_>) = actions.into_iter().partition(is_warning);
    let (events, writes): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|action| matches!(action, Action::Record(_)));
    told.extend(writes);
    told.extend(events);
    told
}

/// The first refusal of an action that begins so, as in `create pods`.
pub fn refusal<'f>(failures: &'f [Failure], action: &str) -> Option<&'f Failure> {
    failures.iter().find(|failure| failure.action.starts_with(action))
}

/// A spec's `minReadySeconds`.
pub fn min_ready(seconds: Option<i32>) -> Duration {
    Duration::from_secs(seconds.unwrap_or(0).max(0).unsigned_abs().into())
}

pub fn count<T>(of: impl Iterator<Item = T>) -> i32 {
    i32::try_from(of.count()).unwrap_or(i32::MAX)
}

/// Kubernetes leaves some zeros out.
pub fn some(count: i32) -> Option<i32> {
    Some(count).filter(|count| *count > 0)
}

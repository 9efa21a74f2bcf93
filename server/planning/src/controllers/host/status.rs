//! What a host's status tells.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kinds::host::{Host, HostStatus};
use serde_json::json;

use crate::{Action, Entry, Round, conditions};

pub(super) fn action(round: &Round<'_>, entry: &Entry, is_ready: bool) -> Option<Action> {
    let host = entry.decode::<kinds::host::Host>()?;
    let before = host.status.clone().unwrap_or_default();
    let failure = round.failures.first().map(|failure| failure.error.to_string());
    let was_ready = before.phase.as_deref() == Some("Ready") || before.node.is_some();
    let (phase, reason, message) = match (&failure, is_ready) {
        (Some(why), _) if entry.meta.is_deleting() => (
            "Failed",
            "RemovalFailed",
            format!("{why}; to forget the host without tidying it, remove its finalizers"),
        ),
        (Some(why), false) => ("Failed", "InstallationFailed", why.clone()),
        (_, true) => ("Ready", "AgentReady", String::new()),
        (None, false) if was_ready => (
            "Failed",
            "AgentSilent",
            "the agent does not answer; it is brought up again".to_owned(),
        ),
        (None, false) => ("Pending", "Installing", "waiting for the agent to answer".to_owned()),
    };
    let new = HostStatus {
        phase: Some(phase.to_owned()),
        message: Some(message.clone()).filter(|message| !message.is_empty()),
        node: if is_ready { Some(entry.key.name.to_string()) } else { before.node.clone() },
        observed_generation: Some(entry.meta.generation),
        conditions: Some(vec![ready(round, entry, &before, is_ready, reason, message)]),
    };
    if host.status.as_ref() == Some(&new) {
        return None;
    }
    let body = json!(Host { status: Some(new), ..host });
    Some(Action::SetStatus { key: entry.key.clone(), body })
}

fn ready(
    round: &Round<'_>,
    entry: &Entry,
    before: &HostStatus,
    is_ready: bool,
    reason: &str,
    message: String,
) -> Condition {
    let status = conditions::word(is_ready);
    let old = before.conditions.iter().flatten().find(|condition| condition.type_ == "Ready");
    let since = old.filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
    Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: Some(entry.meta.generation),
        last_transition_time: since.unwrap_or_else(|| conditions::time(round.now)),
    }
}

//! What a controller is given and what it answers.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use object::{ApiError, Key, KindName};
use serde_json::Value;

use crate::world::{Change, World};

/// Everything that a plan may depend on.
pub struct Round<'w> {
    pub key: &'w Key,
    pub world: &'w World,
    pub now: Timestamp,
    /// A time that only moves on, whoever sets the clock: for pauses, and what is noted in `memory`.
    /// It says nothing about when something was.
    pub steady: Timestamp,
    /// What the last round of this key could not do.
    pub failures: &'w [Failure],
    /// What the last round of this key asked for with [`Action::Read`].
    pub answers: &'w [Answer],
    /// This controller's own notes on this key; losing them is safe.
    pub memory: &'w Memory,
}

/// An action that the API refused.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The action, as [`Action`] displays it.
    pub action: String,
    pub error: ApiError,
}

/// What came of an [`Action::Read`].
#[derive(Clone, Debug)]
pub struct Answer {
    pub path: String,
    pub result: Result<Value, ApiError>,
}

/// A controller's notes on one key. `Value::Null` at first.
pub type Memory = Value;

/// A decision. One without actions is the only sign of "done".
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Executed in order; the first failure ends the round, except that `SetStatus` always runs.
    pub actions: Vec<Action>,
    /// Plan this key again after that time though nothing changed.
    pub requeue_after: Option<Duration>,
    pub memory: Memory,
}

/// One write or effect that a plan asks for. Each carries the precondition that makes it harmless
/// when it is stale.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The name is derived, so that a repetition collides with 409 instead of doubling.
    Create {
        key: Key,
        body: Value,
    },
    /// `body` carries metadata.resourceVersion (and uid).
    Update {
        key: Key,
        subresource: &'static str,
        body: Value,
    },
    /// A merge patch; carries metadata.uid or metadata.resourceVersion as precondition.
    Patch {
        key: Key,
        subresource: &'static str,
        patch: Value,
    },
    Delete {
        key: Key,
        uid: Arc<str>,
        propagation: Option<&'static str>,
        grace_seconds: Option<i64>,
    },
    /// Writes `status`; `body` carries metadata.resourceVersion.
    SetStatus {
        key: Key,
        body: Value,
    },
    /// Gives a pod its node; refused when the pod has one.
    Bind {
        pod: Key,
        uid: Arc<str>,
        node: String,
    },
    /// Gives back room a deleted object's finalizers guard: evict through the API, so that
    /// disruption budgets count.
    Evict {
        pod: Key,
        uid: Arc<str>,
    },
    Record(Event),
    /// Asks for what the world does not hold, as measures: the answer is told to the next round.
    Read {
        path: String,
    },
    /// A precondition by itself, read afresh: the rest of the plan stands only if no object with
    /// this key (and uid, if given) exists. Worlds see each kind at its own pace, and what is not
    /// seen yet must not pass for gone.
    Absent {
        key: Key,
        uid: Option<Arc<str>>,
    },
    /// The same for all objects of some kinds, in a namespace or, if it is empty, anywhere.
    Empty {
        namespace: Arc<str>,
        kinds: Vec<KindName>,
    },
    /// Has the authority sign what an approved CertificateSigningRequest asks for, and writes the
    /// certificate into its status; `request` is the whole object with its resourceVersion.
    Sign {
        key: Key,
        request: Value,
    },
    /// Writes a token of a ServiceAccount into a Secret with whose end it ends; `patch` carries the
    /// Secret's uid and resourceVersion, and what else is written.
    IssueToken {
        account: Key,
        secret: Key,
        patch: Value,
    },
    /// Starts, or brings up to date, the agent on a host; `host` is the whole object.
    InstallAgent {
        host: Value,
    },
    /// Removes everything that is ours from a host.
    RemoveAgent {
        host: Value,
    },
}

/// An event for people. Its object's name is derived from what it says: repeating it raises its
/// count instead of adding one.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub regarding: Key,
    pub regarding_uid: Arc<str>,
    pub severity: Severity,
    pub reason: &'static str,
    pub message: String,
    pub source: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Normal,
    Warning,
}

/// A controller: which keys a change wakes, and what to do about a key.
pub struct Controller {
    pub name: &'static str,
    /// The kinds whose changes it wants to hear of, as in `replicasets.apps`; `*` is every kind.
    pub watches: &'static [&'static str],
    pub keys_for: fn(&Change, &World) -> Vec<Key>,
    pub plan: fn(&Round<'_>) -> Plan,
}

/// One line each: the form in which tests read plans.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(f, "{action}")?;
        }
        if let Some(after) = self.requeue_after {
            writeln!(f, "again in {after:?}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { key, .. } => write!(f, "create {key}"),
            Self::Update { key, subresource: "", .. } => write!(f, "update {key}"),
            Self::Update { key, subresource, .. } => write!(f, "update {key}/{subresource}"),
            Self::Patch { key, subresource: "", patch } => write!(f, "patch {key} {patch}"),
            Self::Patch { key, subresource, patch } => {
                write!(f, "patch {key}/{subresource} {patch}")
            }
            Self::Delete { key, .. } => write!(f, "delete {key}"),
            Self::SetStatus { key, body } => write!(f, "status {key} {}", body["status"]),
            Self::Bind { pod, node, .. } => write!(f, "bind {pod} to {node}"),
            Self::Evict { pod, .. } => write!(f, "evict {pod}"),
            Self::Read { path } => write!(f, "read {path}"),
            Self::Absent { key, .. } => write!(f, "only if absent {key}"),
            Self::Empty { namespace, kinds } if namespace.is_empty() => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| &**kind).collect();
                write!(f, "only if empty {}", kinds.join(" "))
            }
            Self::Empty { namespace, .. } => write!(f, "only if empty {namespace}"),
            Self::IssueToken { account, secret, .. } => {
                write!(f, "issue token of {account} into {secret}")
            }
            Self::Sign { key, .. } => write!(f, "sign {key}"),
            Self::InstallAgent { host } => write!(f, "install agent on {}", name(host)),
            Self::RemoveAgent { host } => write!(f, "remove agent from {}", name(host)),
            Self::Record(event) => {
                write!(f, "record {} {}: {}", event.regarding, event.reason, event.message)
            }
        }
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

//! What the store keeps of who did what.

use bytes::Bytes;
use object::{Key, KindName};

/// One act, as it is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    pub user: String,
    pub verb: &'static str,
    /// What it was done to; the name is empty for a collection.
    pub key: Key,
    /// What was answered, as an HTTP status code.
    pub code: u16,
    /// The revision that was there before.
    pub before: Option<u64>,
    /// Whatever else is known of the request: a JSON object.
    pub detail: Bytes,
    /// A merge patch from the old to the new object; sealed if the kind is. For a create there is
    /// none: the object itself is shown, and kept once.
    pub diff: Option<Bytes>,
}

/// One act that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Grows with time.
    pub id: u64,
    /// Microseconds since 1970.
    pub at_us: i64,
    pub user: String,
    pub verb: String,
    pub key: Key,
    pub code: u16,
    pub before: Option<u64>,
    /// The revision that the act made.
    pub after: Option<u64>,
    pub detail: Bytes,
    pub diff: Option<Bytes>,
}

/// Which acts to read; the newest come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    pub id: Option<u64>,
    pub user: Option<String>,
    pub verb: Option<String>,
    pub kind: Option<KindName>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// Microseconds since 1970, both included.
    pub since_us: Option<i64>,
    pub until_us: Option<i64>,
    /// Only acts before this one, to go on where a page ended.
    pub before_id: Option<u64>,
    pub limit: usize,
}

impl AuditQuery {
    pub(crate) fn matches(&self, event: &AuditEvent) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|w| w == has);
        self.id.is_none_or(|id| id == event.id)
            && is(&self.user, &event.user)
            && is(&self.verb, &event.verb)
            && self.kind.as_ref().is_none_or(|kind| *kind == event.key.kind)
            && is(&self.namespace, &event.key.namespace)
            && is(&self.name, &event.key.name)
            && self.since_us.is_none_or(|since| event.at_us >= since)
            && self.until_us.is_none_or(|until| event.at_us <= until)
            && self.before_id.is_none_or(|before| event.id < before)
    }
}

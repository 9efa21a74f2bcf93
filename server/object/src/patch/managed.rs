//! `metadata.managedFields`: who owns which fields.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::field_set::FieldSet;

/// How many managers that update, not apply, are kept apart; the oldest above are put together.
const UPDATERS_MAX: usize = 10;
const OLD_UPDATERS: &str = "ancient-changes";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Who writes, as far as fields are owned by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub manager: String,
    pub operation: Operation,
    pub api_version: String,
    pub subresource: String,
}

impl Identity {
    /// An applier is the same in every version.
    fn is_same(&self, other: &Self) -> bool {
        let same_version =
            self.operation == Operation::Apply || self.api_version == other.api_version;
        (&self.manager, self.operation, &self.subresource)
            == (&other.manager, other.operation, &other.subresource)
            && same_version
    }

    /// `"kubectl-client-side-apply" using apps/v1`, as conflicts name it.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// What one manager owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub identity: Identity,
    pub time: Option<Timestamp>,
    pub fields: FieldSet,
}

/// What all managers own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managed(pub Vec<Entry>);

impl Managed {
    /// Takes `metadata.managedFields` out of an object; `None` when it is malformed.
    pub(super) fn take(object: &mut Value) -> Option<Self> {
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        match metadata.and_then(|metadata| metadata.remove("managedFields")) {
            None | Some(Value::Null) => Some(Self::default()),
            Some(Value::Array(entries)) => {
                entries.iter().map(decode_entry).collect::<Option<_>>().map(Self)
            }
            Some(_) => None,
        }
    }

    /// Writes `metadata.managedFields`, in Kubernetes' order.
    pub(super) fn put(mut self, object: &mut Value) {
        self.0.retain(|entry| !entry.fields.is_empty());
        if self.0.is_empty() {
            return;
        }
        self.0.sort_by_cached_key(|entry| {
            let Identity { manager, operation, api_version, subresource } = entry.identity.clone();
            let second = entry.time.map_or(0, Timestamp::as_second);
            (operation, second, manager, api_version, subresource)
        });
        let Some(object) = object.as_object_mut() else { return };
        let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            let entries = self.0.into_iter().map(encode_entry).collect();
            metadata.insert("managedFields".to_owned(), entries);
        }
    }

    /// Removes and gives what a manager owns.
    pub(super) fn remove(&mut self, identity: &Identity) -> Option<Entry> {
        let at = self.0.iter().position(|entry| entry.identity.is_same(identity))?;
        Some(self.0.swap_remove(at))
    }

    /// All that is owned by anybody.
    pub(super) fn union(&self) -> FieldSet {
        let mut union = FieldSet::default();
        self.0.iter().for_each(|entry| union.add(&entry.fields));
        union
    }

    /// Puts the oldest updaters of a version together when there are too many.
    pub(super) fn cap(&mut self) {
        let is_updater = |entry: &&Entry| entry.identity.operation == Operation::Update;
        let mut excess = self.0.iter().filter(is_updater).count().saturating_sub(UPDATERS_MAX);
        self.0.sort_by_key(|entry| (entry.identity.operation, entry.time));
        let mut at = self.0.iter().position(|entry| is_updater(&entry)).unwrap_or(self.0.len());
        while excess > 0 && at < self.0.len() {
            let version = &self.0[at].identity.api_version;
            let next = (at + 1..self.0.len())
                .find(|other| self.0[*other].identity.api_version == *version);
            if let Some(next) = next {
                let newer = self.0.remove(next);
                let bucket = &mut self.0[at];
                bucket.identity.manager = OLD_UPDATERS.to_owned();
                bucket.identity.subresource = String::new();
                bucket.fields.add(&newer.fields);
                bucket.time = newer.time;
                excess -= 1;
            } else {
                at += 1;
            }
        }
    }
}

/// Whether nothing but the times at which managers wrote tells two objects apart. What was applied
/// lacks defaults until they are filled in, so only then it is seen that it changed nothing.
#[must_use]
pub fn differ_in_times_at_most(one: &Value, other: &Value) -> bool {
    const METADATA: &str = "metadata";
    const OWNERS: &str = "managedFields";
    if one == other {
        return true;
    }
    let owners = [one, other].map(|object| object[METADATA][OWNERS].as_array());
    let [Some(own), Some(others)] = owners else { return false };
    let timeless = |entries: &[Value]| {
        let mut entries = entries.to_vec();
        entries.iter_mut().filter_map(Value::as_object_mut).for_each(|entry| {
            entry.remove("time");
        });
        entries.sort_by_cached_key(Value::to_string);
        entries
    };
    own != others
        && is_same_except(METADATA, Some(one), Some(other))
        && is_same_except(OWNERS, one.get(METADATA), other.get(METADATA))
        && timeless(own) == timeless(others)
}

/// Whether two objects have the same fields, left alone the one that is named.
fn is_same_except(field: &str, one: Option<&Value>, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) =
        (one.and_then(Value::as_object), other.and_then(Value::as_object))
    else {
        return false;
    };
    let others = |(name, _): &(&String, &Value)| *name != field;
    one.iter().filter(others).eq(other.iter().filter(others))
}

fn decode_entry(entry: &Value) -> Option<Entry> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let operation = match entry["operation"].as_str()? {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    if entry["fieldsType"].as_str() != Some("FieldsV1") {
        return None;
    }
    Some(Entry {
        identity: Identity {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
        },
        time: entry["time"].as_str().and_then(|time| time.parse().ok()),
        fields: FieldSet::decode(entry.get("fieldsV1").unwrap_or(&json!({})))?,
    })
}

fn encode_entry(entry: Entry) -> Value {
    let Identity { manager, operation, api_version, subresource } = entry.identity;
    let operation = if operation == Operation::Apply { "Apply" } else { "Update" };
    let mut encoded = Map::new();
    let mut put = |name: &str, value: Value| encoded.insert(name.to_owned(), value);
    put("manager", manager.into());
    put("operation", operation.into());
    put("apiVersion", api_version.into());
    put("fieldsType", "FieldsV1".into());
    put("fieldsV1", entry.fields.encode());
    if let Some(time) = entry.time {
        put("time", time.to_string().into());
    }
    if !subresource.is_empty() {
        put("subresource", subresource.into());
    }
    Value::Object(encoded)
}

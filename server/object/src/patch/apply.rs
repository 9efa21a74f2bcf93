//! Server-side apply: who owns which field, what an applied configuration changes, and whom it
//! would take fields from.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    compare::Comparison,
    conflict,
    field_set::{FieldSet, field_step},
    managed::{Entry, Identity, Managed, Operation},
    typed, typed_merge,
};
use crate::{ApiError, schema::Schema};

/// Owns what an object had before it was first applied to.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A write, as far as the ownership of fields goes.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version of the request: `apps/v1`.
    pub api_version: &'a str,
    /// The subresource written to, else empty.
    pub subresource: &'a str,
    pub now: Timestamp,
}

impl Write<'_> {
    fn identity(&self, operation: Operation) -> Identity {
        Identity {
            manager: self.manager.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
        }
    }

    /// The time in whole seconds, as it is shown.
    fn time(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.now.as_second()).ok()
    }
}

/// Applies a configuration to an object, or makes one of it. Gives the object with its
/// `metadata.managedFields`; the caller sets defaults and validates.
///
/// # Errors
/// 400 for a configuration that is not of the type, 409 when other managers own what it would
/// change and it is not forced.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    schema: Schema<'_>,
    write: &Write<'_>,
    force: bool,
) -> Result<Value, ApiError> {
    check(config, schema)?;
    let (live, mut managed) = owned(live, schema, write)?;
    let applier = write.identity(Operation::Apply);
    let last = managed.remove(&applier);
    let own = typed::field_set(config, schema);
    let merged = typed_merge::merge(live.clone(), config.clone(), schema);
    let pruned = prune(merged, schema, &managed, last.as_ref(), &own);
    // Again, for what is applied empty and would vanish with its last field.
    let mut object = typed_merge::merge(pruned, config.clone(), schema);
    let comparison = Comparison::new(&live, &object, schema);
    let allowed = match write.manager {
        _ if force => None,
        "kubectl" => Some(unchanged_since_last_applied(&live, schema)),
        _ => Some(FieldSet::default()),
    };
    yield_fields(&mut managed, &comparison, allowed.as_ref())?;
    if write.manager == "kubectl" {
        sync_last_applied(&live, &mut object, config);
    }
    let fields = own.difference(&NEVER_OWNED);
    let changed = live != object || last.as_ref().is_none_or(|last| last.fields != fields);
    let time = if changed { write.time() } else { last.and_then(|last| last.time) };
    managed.0.push(Entry { identity: applier, time, fields });
    managed.put(&mut object);
    Ok(object)
}

/// An object with a configuration merged into it, whoever owns the fields: what a mutating policy
/// applies.
///
/// # Errors
/// Why the configuration is not of the type.
pub fn merge(object: Value, config: Value, schema: Schema<'_>) -> Result<Value, String> {
    typed::check(&config, schema)?;
    Ok(typed_merge::merge(object, config, schema))
}

/// The part of a configuration that a request may write, and so own: the main resource never
/// writes the `status` of a kind that has it as a subresource, and `status` writes nothing else.
#[must_use]
pub fn writable_part(mut config: Value, subresource: &str, has_status: bool) -> Value {
    const ALWAYS: [&str; 3] = ["apiVersion", "kind", "metadata"];
    if let Value::Object(fields) = &mut config {
        match subresource {
            "status" => {
                fields.retain(|name, _| name == "status" || ALWAYS.contains(&name.as_str()));
            }
            _ if has_status => fields.retain(|name, _| name != "status"),
            _ => {}
        }
    }
    config
}

/// Notes in `new` which fields a create, an update or a patch other than apply has changed, and
/// takes them from whom they belonged to. `live` is the stored object, if there is one.
pub fn track(live: Option<Value>, new: &mut Value, schema: Schema<'_>, write: &Write<'_>) {
    let is_new = live.is_none();
    let mut old = live.unwrap_or_else(|| Value::Object(Map::new()));
    let stored = Managed::take(&mut old).unwrap_or_default();
    let resets = is_reset(new);
    let sent = Managed::take(new).filter(|sent| !sent.0.is_empty() && write.subresource.is_empty());
    let mut managed = match sent {
        _ if resets && write.subresource.is_empty() => Managed::default(),
        Some(sent) => sent,
        None => stored,
    };
    // An object whose owners were not noted so far, or are no longer to be, stays without.
    if !is_new && managed.0.is_empty() {
        return;
    }
    update(&mut managed, &old, new, schema, write, write.time());
    managed.put(new);
}

/// The object without its managed fields, and these. What nobody owned before belongs to
/// [`BEFORE_FIRST_APPLY`], so that applying takes nothing from it silently.
fn owned(
    live: Option<&Value>,
    schema: Schema<'_>,
    write: &Write<'_>,
) -> Result<(Value, Managed), ApiError> {
    let empty = Value::Object(Map::new());
    let Some(live) = live else { return Ok((empty, Managed::default())) };
    let mut live = live.clone();
    let mut managed = Managed::take(&mut live).ok_or_else(|| {
        ApiError::bad_request(
            "failed to decode managed fields: metadata.managedFields is malformed",
        )
    })?;
    if managed.0.is_empty() {
        let before = Write { manager: BEFORE_FIRST_APPLY, subresource: "", ..*write };
        update(&mut managed, &empty, &live, schema, &before, write.time());
    }
    Ok((live, managed))
}

/// Holds a configuration against the type that it is of.
///
/// # Errors
/// 400 with Kubernetes' wording.
pub fn check(config: &Value, schema: Schema<'_>) -> Result<(), ApiError> {
    if config["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    typed::check(config, schema).map_err(|why| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&config["apiVersion"]), text(&config["kind"]));
        let name = text(&config["metadata"]["name"]);
        let namespace = text(&config["metadata"]["namespace"]);
        ApiError::bad_request(format!(
            "failed to create typed patch object ({namespace}/{name}; {api_version}, Kind={kind}): {why}"
        ))
    })
}

/// Removes what the manager applied last time and no longer does, unless somebody else owns it.
fn prune(
    merged: Value,
    schema: Schema<'_>,
    others: &Managed,
    last: Option<&Entry>,
    own: &FieldSet,
) -> Value {
    let Some(last) = last.filter(|last| !last.fields.is_empty()) else { return merged };
    let named = |set: &FieldSet| typed::with_named_fields(set, schema);
    let fields_of = |value: &Value| named(&typed::field_set(value, schema));
    let without = |set: &FieldSet| {
        typed::remove(merged.clone(), set, schema).unwrap_or_else(|| Value::Object(Map::new()))
    };
    let last = named(&last.fields);
    let owned = named(&others.union().union(own));
    let all = fields_of(&merged);
    // First without all that was applied; then what is owned comes back; then what the manager
    // itself did not apply.
    let pruned = without(&last);
    let pruned = without(&all.difference(&fields_of(&pruned).union(&owned)));
    without(&all.difference(&fields_of(&pruned)).intersection(&last))
}

/// Takes from the other managers what the write changes; what it removes belongs to nobody.
/// `allowed` are the fields that may be taken though they have another owner; all, if it is `None`.
fn yield_fields(
    managed: &mut Managed,
    comparison: &Comparison,
    allowed: Option<&FieldSet>,
) -> Result<(), ApiError> {
    let changed = comparison.modified.union(&comparison.added);
    if let Some(allowed) = allowed {
        let conflicts: Vec<Entry> = managed
            .0
            .iter()
            .filter_map(|entry| {
                let fields = entry.fields.intersection(&changed).difference(allowed);
                (!fields.is_empty()).then(|| Entry { fields, ..entry.clone() })
            })
            .collect();
        if !conflicts.is_empty() {
            return Err(conflict::error(conflicts));
        }
    }
    let lost = changed.union(&comparison.removed);
    for entry in &mut managed.0 {
        entry.fields = entry.fields.difference(&lost);
    }
    managed.0.retain(|entry| !entry.fields.is_empty());
    Ok(())
}

/// Gives the writer what it changed.
fn update(
    managed: &mut Managed,
    old: &Value,
    new: &Value,
    schema: Schema<'_>,
    write: &Write<'_>,
    time: Option<Timestamp>,
) {
    let Comparison { added: mut taken, modified, removed } = Comparison::new(old, new, schema);
    taken.absorb(modified);
    let identity = write.identity(Operation::Update);
    let previous = managed.remove(&identity);
    if !managed.0.is_empty() {
        // What is removed belongs to nobody.
        let mut lost = taken.clone();
        lost.add(&removed);
        for entry in &mut managed.0 {
            entry.fields.subtract(&lost);
        }
    }
    taken.subtract(&NEVER_OWNED);
    let (mut fields, since) = previous.map(|entry| (entry.fields, entry.time)).unwrap_or_default();
    let time = if taken.is_empty() { since } else { time };
    fields.subtract(&removed);
    fields.absorb(taken);
    managed.0.push(Entry { identity, time, fields });
    managed.0.retain(|entry| !entry.fields.is_empty());
    managed.cap();
}

/// The fields that nobody owns: the server sets them, or they name the object.
static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    const METADATA: [&str; 9] = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut set = FieldSet::default();
    for name in ["apiVersion", "kind", "metadata"] {
        set.insert(&[field_step(name)]);
    }
    for name in METADATA {
        set.insert(&[field_step("metadata"), field_step(name)]);
    }
    set
});

/// `managedFields: [{}]` asks to forget all owners.
fn is_reset(object: &Value) -> bool {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.is_some_and(
        |entries| matches!(entries.as_slice(), [Value::Object(entry)] if entry.is_empty()),
    )
}

/// The annotation in which `kubectl apply` keeps what it applied last.
fn last_applied(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][LAST_APPLIED].as_str()
}

/// What client-side apply set and nobody has changed since: `kubectl` may take it over.
fn unchanged_since_last_applied(live: &Value, schema: Schema<'_>) -> FieldSet {
    let Some(Ok(last)) = last_applied(live).map(serde_json::from_str::<Value>) else {
        return FieldSet::default();
    };
    let Comparison { added, modified, removed } = Comparison::new(&last, live, schema);
    typed::field_set(&last, schema).difference(&added.union(&modified).union(&removed))
}

/// Keeps the annotation of client-side apply true, so that one can go back to it.
fn sync_last_applied(live: &Value, object: &mut Value, config: &Value) {
    if last_applied(live).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) =
        config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(annotations) =
        object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.insert(LAST_APPLIED.to_owned(), format!("{}\n", as_go_writes(&config)).into());
    }
}

/// JSON with what Go escapes for the sake of HTML, so that the annotation is the same by whom ever
/// it is written.
fn as_go_writes(value: &Value) -> String {
    let mut text = value.to_string();
    for (plain, escaped) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        if text.contains(plain) {
            text = text.replace(plain, escaped);
        }
    }
    text
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;

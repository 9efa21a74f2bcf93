//! What the audit notes of a change.

use serde_json::{Map, Value};

/// The merge patch from an old to a new object, without what says whose fields are whose; `null` for
/// a deletion.
pub fn difference(old: &[u8], new: Option<&[u8]>) -> Value {
    let Some(new) = new.map(read) else { return Value::Null };
    match (read(old), new) {
        (Value::Object(old), Value::Object(new)) => Value::Object(patch(old, new)),
        (_, new) => new,
    }
}

/// Whether a change says nothing but that somebody still lives: a lease that is renewed. Such
/// writes come every few seconds from everybody, and are not kept.
pub fn is_heartbeat(kind: &str, difference: &Value) -> bool {
    let Some(fields) = difference.as_object() else { return false };
    kind == "leases.coordination.k8s.io"
        && fields.len() == 1
        && fields
            .get("spec")
            .and_then(Value::as_object)
            .is_some_and(|spec| spec.keys().all(|key| key == "renewTime"))
}

/// A difference of a sealed kind, without its values.
pub fn redact(difference: &mut Value) {
    let Some(fields) = difference.as_object_mut() else { return };
    for (name, value) in fields {
        if !matches!(name.as_str(), "metadata" | "kind" | "apiVersion" | "type") {
            hide(value);
        }
    }
    // What applies an object by itself keeps the whole of it here.
    let annotations = difference.pointer_mut("/metadata/annotations");
    annotations.map(hide).unwrap_or_default();
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Null => {}
        other => *other = "(sealed)".into(),
    }
}

/// A kept difference, or the object that was created, as it is shown: without what says whose fields
/// are whose.
pub fn read(body: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

fn patch(mut old: Map<String, Value>, new: Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, new) in new {
        match (old.remove(&name), new) {
            (Some(old), new) if old == new => {}
            (Some(Value::Object(old)), Value::Object(new)) => {
                patch.insert(name, Value::Object(self::patch(old, new)));
            }
            (_, new) => {
                patch.insert(name, new);
            }
        }
    }
    patch.extend(old.into_iter().map(|(name, _)| (name, Value::Null)));
    patch
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn between(old: Value, new: Value) -> Value {
        let new = (!new.is_null()).then(|| new.to_string().into_bytes());
        difference(old.to_string().as_bytes(), new.as_deref())
    }

    #[test]
    fn a_difference_is_the_patch_that_leads_there() {
        let old = json!({"metadata": {"name": "a", "managedFields": [1]}, "spec": {"a": 1, "b": {"c": 2}}, "gone": 1});
        let new = json!({"metadata": {"name": "a", "managedFields": [2]}, "spec": {"a": 1, "b": {"c": 3}}, "list": [1]});
        let patch = between(old.clone(), new.clone());
        assert_eq!(patch, json!({"spec": {"b": {"c": 3}}, "list": [1], "gone": null}));
        let mut patched = old;
        object::patch::merge::apply(&mut patched, patch);
        patched["metadata"]["managedFields"] = json!([2]);
        assert_eq!(patched, new);
        let created = json!({"metadata": {"managedFields": [1]}, "a": 1}).to_string();
        assert_eq!(read(created.as_bytes()), json!({"metadata": {}, "a": 1}), "a creation");
        assert_eq!(between(json!({"a": 1}), Value::Null), Value::Null, "a deletion");
    }

    #[test]
    fn renewals_are_heartbeats_and_take_overs_are_not() {
        let renewal = json!({"spec": {"renewTime": "2026-01-01T00:00:00Z"}});
        let taken = json!({"spec": {"renewTime": "x", "holderIdentity": "b"}});
        assert!(is_heartbeat("leases.coordination.k8s.io", &renewal));
        assert!(!is_heartbeat("leases.coordination.k8s.io", &taken));
        assert!(!is_heartbeat("pods", &renewal));
        assert!(!is_heartbeat("leases.coordination.k8s.io", &json!({"metadata": {}})));
        assert!(!is_heartbeat("leases.coordination.k8s.io", &Value::Null));
    }

    #[test]
    fn secrets_show_what_changed_and_not_to_what() {
        let mut patch = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"last": "all"}}, "data": {"password": "cHc=", "old": null}});
        redact(&mut patch);
        assert_eq!(
            patch,
            json!({"metadata": {"labels": {"a": "b"}, "annotations": {"last": "(sealed)"}}, "data": {"password": "(sealed)", "old": null}})
        );
    }
}

//! Whose fields a write makes its own, before the server adds what nobody owns.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use kinds::{AnyObject, schema::of};
use object::patch::apply;
use serde_json::Value;

use super::Writer;
use crate::resolve::Target;

/// Notes the owners of a new object's fields.
pub(crate) fn note_new(writer: &Writer<'_>, target: &Target, object: &mut dyn AnyObject) {
    object.metadata_mut().managed_fields = None;
    let has_status = target.def.subresources.iter().any(|sub| sub.name == "status");
    let mut value = apply::writable_part(in_version(target, object.to_value()), "", has_status);
    apply::track(None, &mut value, of(&target.def), &writer.ownership(target, Timestamp::now()));
    put(object, value);
}

/// Notes whom the changed fields of an object belong to now. One that changes nothing, and does
/// not say itself who owns the fields, leaves that as it is.
pub(crate) fn note_changed(
    writer: &Writer<'_>,
    target: &Target,
    old: &Value,
    object: &mut dyn AnyObject,
) {
    let old = in_version(target, old.clone());
    let mut value = in_version(target, object.to_value());
    if object.metadata().managed_fields.is_none() {
        let owners = &old["metadata"]["managedFields"];
        if !owners.is_null() {
            value["metadata"]["managedFields"] = owners.clone();
        }
    }
    if value != old {
        let write = writer.ownership(target, Timestamp::now());
        apply::track(Some(old), &mut value, of(&target.def), &write);
    }
    put(object, value);
}

/// An object of the pipeline in the version of the request: by its fields the owners are told.
fn in_version(target: &Target, value: Value) -> Value {
    if target.def.is_stored() {
        return value;
    }
    let shown = serde_json::to_vec(&value).and_then(|body| target.def.from_hub(&body));
    shown.unwrap_or(value)
}

fn put(object: &mut dyn AnyObject, mut value: Value) {
    let owners = match value["metadata"]["managedFields"].take() {
        Value::Array(owners) => Some(owners.into_iter().map(entry_of).collect()),
        _ => None,
    };
    object.metadata_mut().managed_fields = owners;
}

/// One entry in its type, its fields moved rather than read.
fn entry_of(mut entry: Value) -> ManagedFieldsEntry {
    let mut text = |name: &str| match entry[name].take() {
        Value::String(text) => Some(text),
        _ => None,
    };
    ManagedFieldsEntry {
        api_version: text("apiVersion"),
        fields_type: text("fieldsType"),
        manager: text("manager"),
        operation: text("operation"),
        subresource: text("subresource"),
        time: text("time").and_then(|time| time.parse().ok()).map(Time),
        fields_v1: Some(FieldsV1(entry["fieldsV1"].take())),
    }
}

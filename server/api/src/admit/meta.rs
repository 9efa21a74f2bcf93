//! `metadata`: what the server sets, keeps and refuses.

use jiff::{Timestamp, Unit};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kinds::KindDef;
use object::{ApiError, FieldErrors, name};
use rand::Rng;
use serde::Serialize;

use crate::resolve::Target;

/// Letters and digits that form no words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;
const NAME_LENGTH_MAX: usize = 63;
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// Now, in whole seconds, as metadata has it.
pub(crate) fn now() -> Time {
    let now = Timestamp::now();
    Time(now.round(Unit::Second).unwrap_or(now))
}

/// A name that begins with the prefix and is very likely new.
pub(crate) fn generate_name(prefix: &str) -> String {
    let end = prefix.floor_char_boundary(NAME_LENGTH_MAX - SUFFIX_LENGTH);
    let mut random = rand::rng();
    let suffix =
        (0..SUFFIX_LENGTH).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
    prefix[..end].chars().chain(suffix).collect()
}

/// Puts an object into the namespace, and under the name, of its path.
pub(crate) fn place(meta: &mut ObjectMeta, target: &Target) -> Result<(), ApiError> {
    let namespace = meta.namespace.take().unwrap_or_default();
    if target.def.is_namespaced() {
        if !namespace.is_empty() && namespace != target.namespace {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        meta.namespace = Some(target.namespace.clone());
    }
    let name = meta.name.take().unwrap_or_default();
    if target.name.is_empty() {
        meta.name = Some(name);
        return Ok(());
    }
    if !name.is_empty() && name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    meta.name = Some(target.name.clone());
    Ok(())
}

/// What a new object's metadata gets from the server.
pub(crate) fn prepare_create(def: &KindDef, meta: &mut ObjectMeta) -> Result<(), ApiError> {
    if meta.resource_version.take().is_some_and(|revision| !revision.is_empty()) {
        return Err(ApiError::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    meta.uid = Some(uuid::Uuid::new_v4().to_string());
    meta.creation_timestamp = Some(now());
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.self_link = None;
    meta.generation = def.generation.then_some(1);
    Ok(())
}

/// Gives an object of the server's own what every new object has.
pub(crate) fn stamp(object: &mut serde_json::Value) {
    object["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
    object["metadata"]["creationTimestamp"] = serde_json::json!(now());
}

/// Keeps what no update changes, and refuses what tries to. The precondition that the update
/// carries, if any, was read before.
pub(crate) fn prepare_update(meta: &mut ObjectMeta, old: &ObjectMeta, errors: &mut FieldErrors) {
    meta.uid.clone_from(&old.uid);
    keep(&mut meta.creation_timestamp, &old.creation_timestamp, "creationTimestamp", errors);
    keep(&mut meta.deletion_timestamp, &old.deletion_timestamp, "deletionTimestamp", errors);
    let grace = &old.deletion_grace_period_seconds;
    keep(&mut meta.deletion_grace_period_seconds, grace, "deletionGracePeriodSeconds", errors);
    meta.generate_name.clone_from(&old.generate_name);
    meta.generation = old.generation;
    meta.self_link = None;
    meta.resource_version = None;
}

fn keep<T: Clone + PartialEq + Serialize>(
    new: &mut Option<T>,
    old: &Option<T>,
    field: &str,
    errors: &mut FieldErrors,
) {
    if let Some(changed) = new.as_ref().filter(|_| new != old) {
        let value = serde_json::to_value(changed).unwrap_or_default();
        errors.invalid(format!("metadata.{field}"), value, "field is immutable");
    }
    new.clone_from(old);
}

/// What is wrong with an object's metadata.
pub(crate) fn validate(def: &KindDef, meta: &ObjectMeta, errors: &mut FieldErrors) {
    // What a name is made of may end in a dash, which the rest of the name follows.
    let prefix = meta.generate_name.as_deref().unwrap_or_default();
    let whole = prefix.strip_suffix('-').map_or_else(|| prefix.to_owned(), |p| format!("{p}a"));
    if !prefix.is_empty()
        && let Err(why) = def.codec.validate_name(&whole)
    {
        errors.invalid("metadata.generateName", prefix, why);
    }
    let name = meta.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
    } else if let Err(why) = def.codec.validate_name(name) {
        errors.invalid("metadata.name", name, why);
    }
    if let Some(namespace) = &meta.namespace
        && let Err(why) = name::label(namespace)
    {
        errors.invalid("metadata.namespace", namespace.as_str(), why);
    }
    for (key, value) in meta.labels.iter().flatten() {
        if let Err(why) = name::qualified(key) {
            errors.invalid("metadata.labels", key.as_str(), why);
        }
        if let Err(why) = name::label_value(value) {
            errors.invalid("metadata.labels", value.as_str(), why);
        }
    }
    validate_annotations(meta, errors);
    validate_owners(meta, errors);
    for finalizer in meta.finalizers.iter().flatten() {
        if let Err(why) = name::qualified(finalizer) {
            errors.invalid("metadata.finalizers", finalizer.as_str(), why);
        }
    }
}

fn validate_annotations(meta: &ObjectMeta, errors: &mut FieldErrors) {
    let mut bytes = 0;
    for (key, value) in meta.annotations.iter().flatten() {
        bytes += key.len() + value.len();
        if let Err(why) = name::qualified(&key.to_lowercase()) {
            errors.invalid("metadata.annotations", key.as_str(), why);
        }
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        let detail = format!("may not be more than {ANNOTATIONS_BYTES_MAX} bytes");
        errors.push("metadata.annotations", object::error::Problem::TooLong, detail);
    }
}

fn validate_owners(meta: &ObjectMeta, errors: &mut FieldErrors) {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    for (index, owner) in owners.iter().enumerate() {
        let path = format!("metadata.ownerReferences[{index}]");
        for (field, value) in [
            ("apiVersion", &owner.api_version),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", &owner.uid),
        ] {
            if value.is_empty() {
                errors.invalid(format!("{path}.{field}"), "", format!("{field} must not be empty"));
            }
        }
    }
    let controllers: Vec<&str> =
        owners.iter().filter(|o| o.controller == Some(true)).map(|o| o.kind.as_str()).collect();
    if let [first, second, ..] = controllers.as_slice() {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        let listed = serde_json::to_value(owners).unwrap_or_default();
        errors.invalid("metadata.ownerReferences", listed, detail);
    }
}

/// An object that is being deleted gets no new finalizers.
pub(crate) fn validate_update(new: &ObjectMeta, old: &ObjectMeta, errors: &mut FieldErrors) {
    if old.deletion_timestamp.is_none() {
        return;
    }
    let had = old.finalizers.as_deref().unwrap_or_default();
    let added: Vec<&str> = new
        .finalizers
        .iter()
        .flatten()
        .filter(|finalizer| !had.contains(finalizer))
        .map(String::as_str)
        .collect();
    if !added.is_empty() {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        );
        errors.forbidden("metadata.finalizers", detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generates_names_that_fit() {
        let name = generate_name("web-");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
        let long = generate_name(&"a".repeat(80));
        assert_eq!(long.len(), 63);
        assert!(object::name::label(&long).is_ok());
    }

    #[test]
    fn refuses_bad_metadata() {
        let def = kinds::find("pods").unwrap();
        let meta: ObjectMeta = serde_json::from_value(serde_json::json!({
            "name": "A", "namespace": "d", "labels": {"a b": "c", "d": "e f"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "", "uid": "u"}],
        }))
        .unwrap();
        let mut errors = FieldErrors::default();
        validate(def, &meta, &mut errors);
        let paths: Vec<&str> = errors.0.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "metadata.name",
                "metadata.labels",
                "metadata.labels",
                "metadata.ownerReferences[0].name"
            ]
        );
    }
}

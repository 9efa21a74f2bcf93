//! From what was sent to what is stored: metadata that the server sets, defaults, validation.

pub(crate) mod meta;

use kinds::{AnyObject, KindDef};
use object::{ApiError, FieldErrors};
use serde_json::{Map, Value};

/// Decodes an object; what does not fit its type is named as Kubernetes does.
pub(crate) fn decode(
    def: &KindDef,
    mut object: Map<String, Value>,
) -> Result<Box<dyn AnyObject>, ApiError> {
    object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    (def.decode_value)(Value::Object(object)).map_err(|error| {
        let (version, kind) = (def.version, def.kind);
        ApiError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
        ))
    })
}

/// Decodes a stored body, which always fits.
pub(crate) fn decode_stored(def: &KindDef, body: &[u8]) -> Result<Box<dyn AnyObject>, ApiError> {
    (def.decode)(body).map_err(|error| {
        tracing::error!(kind = %def.name, %error, "a stored object does not fit its kind");
        ApiError::internal(format!("a stored object does not fit its kind {}", def.name))
    })
}

/// Refuses an object for what its kind finds wrong with it; its metadata may lack a name.
pub(crate) fn validate_own(def: &KindDef, object: &dyn AnyObject) -> Result<(), ApiError> {
    let mut errors = FieldErrors::default();
    object.validate(&mut errors);
    refuse(def, object, &errors)
}

/// Refuses an object with all that is wrong with it.
pub(crate) fn validate(
    def: &KindDef,
    object: &dyn AnyObject,
    old: Option<&dyn AnyObject>,
) -> Result<(), ApiError> {
    let mut errors = FieldErrors::default();
    meta::validate(def, object.metadata(), &mut errors);
    match old {
        None => object.validate(&mut errors),
        Some(old) => {
            meta::validate_update(object.metadata(), old.metadata(), &mut errors);
            object.validate(&mut errors);
            object.validate_update(old, &mut errors);
        }
    }
    refuse(def, object, &errors)
}

fn refuse(def: &KindDef, object: &dyn AnyObject, errors: &FieldErrors) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    let name = object.metadata().name.clone().unwrap_or_default();
    Err(ApiError::invalid(&def.group_kind(), &name, errors))
}

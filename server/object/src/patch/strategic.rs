//! Strategic merge patch: a merge patch that knows which lists are merged by which key, with
//! Kubernetes' directives `$patch`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…` and
//! `$retainKeys`.

use serde_json::{Map, Value};

use super::strategic_list::{self, ListPatch};
use crate::{ApiError, schema::Schema};

pub(super) type Object = Map<String, Value>;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch to an object of the schema's type.
///
/// # Errors
/// 400 for a patch that contradicts itself or misuses a directive.
pub fn apply(target: &mut Value, patch: Value, schema: Schema<'_>) -> Result<(), ApiError> {
    let (Value::Object(original), Value::Object(patch)) = (target.take(), patch) else {
        return Err(ApiError::bad_request("a strategic merge patch must be an object"));
    };
    *target = Value::Object(merge_objects(original, patch, schema)?);
    Ok(())
}

pub(super) fn merge_objects(
    mut original: Object,
    mut patch: Object,
    schema: Schema<'_>,
) -> Result<Object, ApiError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(strip_object(patch)),
            Some("delete") => Ok(Object::new()),
            Some("merge") => merge_objects(original, patch, schema),
            _ => Err(unknown_directive(&directive)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    merge_lists(&mut original, &mut patch, schema)?;
    for (name, value) in patch {
        let child = schema.child_or_untyped(&name);
        let old = original.remove(&name);
        if let Some(merged) = merge_values(old, value, child)? {
            original.insert(name, merged);
        }
    }
    Ok(original)
}

/// What becomes of one field that is no list with directives beside it.
fn merge_values(
    old: Option<Value>,
    new: Value,
    schema: Schema<'_>,
) -> Result<Option<Value>, ApiError> {
    Ok(match (old, new) {
        (_, Value::Null) => None,
        (Some(Value::Object(old)), Value::Object(new)) => {
            if schema.patch_strategy().replace {
                Some(Value::Object(strip_object(new)))
            } else {
                Some(Value::Object(merge_objects(old, new, schema)?))
            }
        }
        (_, Value::Object(new)) => Some(Value::Object(strip_object(new))),
        (_, new) => Some(strip(new)),
    })
}

/// Merges each list that the patch names, together with the directives that speak of it, and
/// takes them out of the patch.
fn merge_lists(
    original: &mut Object,
    patch: &mut Object,
    schema: Schema<'_>,
) -> Result<(), ApiError> {
    let mut names: Vec<String> = patch
        .iter()
        .filter_map(|(key, value)| {
            let directive = key.strip_prefix(ELEMENT_ORDER).or(key.strip_prefix(DELETE_FROM));
            directive.or(value.is_array().then_some(key.as_str())).map(str::to_owned)
        })
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        let order = take_list(patch, &format!("{ELEMENT_ORDER}{name}"))?;
        let deleted = take_list(patch, &format!("{DELETE_FROM}{name}"))?;
        if patch.get(&name).is_some_and(|value| !value.is_array()) {
            continue;
        }
        let added = match patch.remove(&name) {
            Some(Value::Array(items)) => Some(items),
            _ => None,
        };
        let old = match original.remove(&name) {
            Some(Value::Array(items)) => Some(items),
            // `null`, or a value of another type, gives way to the list.
            other if added.is_none() => {
                original.extend(other.map(|value| (name, value)));
                continue;
            }
            _ => None,
        };
        let list = ListPatch { name: &name, old, added, deleted, order };
        if let Some(merged) = strategic_list::merge(list, schema.child_or_untyped(&name))? {
            original.insert(name, Value::Array(merged));
        }
    }
    Ok(())
}

fn take_list(patch: &mut Object, key: &str) -> Result<Option<Vec<Value>>, ApiError> {
    match patch.remove(key) {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(ApiError::bad_request(format!("{key} must be a list"))),
    }
}

/// Removes what `$retainKeys` does not name; the patch may set no other field.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), ApiError> {
    let Some(kept) = take_list(patch, RETAIN_KEYS)? else { return Ok(()) };
    let is_kept = |name: &str| kept.iter().any(|key| key.as_str() == Some(name));
    if let Some(stray) = patch.keys().find(|name| !name.starts_with('$') && !is_kept(name)) {
        return Err(ApiError::bad_request(format!(
            "the patch sets {stray:?}, which its $retainKeys list does not name"
        )));
    }
    original.retain(|name, _| is_kept(name));
    Ok(())
}

/// A value as it is stored: without directives and without `null`.
pub(super) fn strip(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(strip_object(fields)),
        Value::Array(items) => {
            let deleted = |item: &Value| item.get(DIRECTIVE).is_some_and(|d| d == "delete");
            let special = |item: &Value| item.as_object().is_some_and(is_only_directive);
            items.into_iter().filter(|item| !deleted(item) && !special(item)).map(strip).collect()
        }
        other => other,
    }
}

fn is_only_directive(fields: &Object) -> bool {
    fields.len() == 1 && fields.contains_key(DIRECTIVE)
}

fn strip_object(fields: Object) -> Object {
    let is_directive = |name: &str| {
        name == DIRECTIVE
            || name == RETAIN_KEYS
            || name.starts_with(ELEMENT_ORDER)
            || name.starts_with(DELETE_FROM)
    };
    fields
        .into_iter()
        .filter(|(name, value)| !is_directive(name) && !value.is_null())
        .map(|(name, value)| (name, strip(value)))
        .collect()
}

/// The directive of a list's item, if it carries one.
pub(super) fn take_directive(item: &mut Value) -> Option<Value> {
    item.as_object_mut()?.remove(DIRECTIVE)
}

pub(super) fn unknown_directive(directive: &Value) -> ApiError {
    ApiError::bad_request(format!(
        "unknown patch directive {directive}: $patch must be \"replace\", \"merge\" or \"delete\""
    ))
}

#[cfg(test)]
#[path = "strategic_tests.rs"]
mod tests;

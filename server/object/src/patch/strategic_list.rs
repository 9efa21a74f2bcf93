//! How a strategic merge patch merges and orders lists.

use serde_json::Value;

use super::strategic::{merge_objects, strip, take_directive, unknown_directive};
use crate::{ApiError, schema::Schema};

/// All that a patch says of one list, and the list as it was.
pub(super) struct ListPatch<'a> {
    pub name: &'a str,
    pub old: Option<Vec<Value>>,
    pub added: Option<Vec<Value>>,
    /// `$deleteFromPrimitiveList/name`.
    pub deleted: Option<Vec<Value>>,
    /// `$setElementOrder/name`.
    pub order: Option<Vec<Value>>,
}

/// The list after the patch; `None` when there is none.
pub(super) fn merge(
    patch: ListPatch<'_>,
    schema: Schema<'_>,
) -> Result<Option<Vec<Value>>, ApiError> {
    let strategy = schema.patch_strategy();
    let key = strategy.merge_key.as_deref();
    let ListPatch { name, old, added, deleted, order } = patch;
    if let (Some(order), Some(added)) = (&order, &added) {
        check_order(name, added, order, key)?;
    }
    let before = old.clone().unwrap_or_default();
    let mut list = old;
    if let (Some(deleted), Some(list)) = (&deleted, &mut list) {
        list.retain(|item| !deleted.contains(item));
    }
    let mut patched = order;
    if let Some(added) = added {
        if !strategy.merge {
            return Ok(Some(added.into_iter().map(strip).collect()));
        }
        let (merged, plain) = merge_items(name, list.unwrap_or_default(), added, key, schema)?;
        list = Some(merged);
        patched = patched.or(Some(plain));
    }
    Ok(list.map(|list| match &patched {
        Some(patched) => put_in_order(list, patched, &before, key),
        None => list,
    }))
}

/// Merges the items, and gives those of the patch that are no directives beside.
fn merge_items(
    name: &str,
    mut list: Vec<Value>,
    added: Vec<Value>,
    key: Option<&str>,
    schema: Schema<'_>,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let is_object = |items: &[Value]| items.iter().any(Value::is_object);
    let Some(key) = key else {
        if is_object(&list) || is_object(&added) {
            return Err(ApiError::bad_request(format!(
                "cannot merge lists without merge key for {name}"
            )));
        }
        for item in &added {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
        return Ok((list, added));
    };
    let mut plain = Vec::with_capacity(added.len());
    let mut replace = false;
    for mut item in added {
        match take_directive(&mut item) {
            None => plain.push(item),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    let identity = identity(&item, key, name)?;
                    list.retain(|old| old.get(key) != Some(identity));
                }
                Some("replace") => {
                    replace = true;
                    if item.as_object().is_some_and(|fields| !fields.is_empty()) {
                        plain.push(item);
                    }
                }
                Some("merge") => plain.push(item),
                _ => return Err(unknown_directive(&directive)),
            },
        }
    }
    if replace {
        let list: Vec<Value> = plain.iter().cloned().map(strip).collect();
        return Ok((list, plain));
    }
    for item in &plain {
        let found = list.iter().position(|old| old.get(key) == item.get(key));
        identity(item, key, name)?;
        match found {
            Some(at) => {
                if let (Value::Object(old), Value::Object(new)) = (list[at].take(), item.clone()) {
                    list[at] = Value::Object(merge_objects(old, new, schema.items())?);
                }
            }
            None => list.push(strip(item.clone())),
        }
    }
    Ok((list, plain))
}

fn identity<'v>(item: &'v Value, key: &str, name: &str) -> Result<&'v Value, ApiError> {
    item.get(key).ok_or_else(|| {
        ApiError::bad_request(format!(
            "{name}: map: {item} does not contain declared merge key: {key}"
        ))
    })
}

/// What tells an item from another: its merge key, or itself.
fn mark<'v>(item: &'v Value, key: Option<&str>) -> &'v Value {
    key.and_then(|key| item.get(key)).unwrap_or(item)
}

fn place(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| mark(other, key) == mark(item, key))
}

/// The items that the patch adds must stand in `$setElementOrder` in the same order.
fn check_order(
    name: &str,
    added: &[Value],
    order: &[Value],
    key: Option<&str>,
) -> Result<(), ApiError> {
    let mut rest = order.iter();
    for item in added.iter().filter(|item| item.get("$patch").is_none()) {
        if !rest.any(|other| mark(other, key) == mark(item, key)) {
            return Err(ApiError::bad_request(format!(
                "the order of the patch's list {name:?} does not match its $setElementOrder list"
            )));
        }
    }
    Ok(())
}

/// Items that the patch names stand in its order; those that only the server has keep their place
/// before the item that they stood before.
fn put_in_order(
    list: Vec<Value>,
    patched: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        list.into_iter().partition(|item| place(patched, item, key).is_some());
    named.sort_by_key(|item| place(patched, item, key));
    others.sort_by_key(|item| place(before, item, key));
    let mut merged = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let at = place(before, &item, key);
        while let Some(other) = others.peek() {
            let first = at.is_some() && place(before, other, key).is_some_and(|o| Some(o) < at);
            if !first {
                break;
            }
            merged.extend(others.next());
        }
        merged.push(item);
    }
    merged.extend(others);
    merged
}

//! What a value owns by its type: the set of its fields, and the removal of fields.

use serde_json::{Map, Value};

use super::field_set::{FieldSet, field_step, index_step, key_step, value_step};
use crate::schema::{ListKind, Schema};

/// The step to an item of a merged list.
///
/// # Errors
/// When the item lacks a key that has no default.
pub(super) fn item_step(item: &Value, list: Schema<'_>) -> Result<Box<str>, String> {
    let ListKind::Map(names) = list.list_kind() else { return Ok(value_step(item)) };
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        let default = || {
            let default = list.items().child(name)?.declared()?.default.as_deref()?;
            serde_json::from_str(default).ok()
        };
        let value = item.get(&**name).filter(|value| !value.is_null()).cloned();
        let value = value.or_else(default).ok_or_else(|| {
            format!("associative list with keys has an element that omits key field {name:?} (and doesn't have default value)")
        })?;
        keys.push((&**name, value));
    }
    keys.sort_by_key(|(name, _)| *name);
    Ok(key_step(keys))
}

/// As [`item_step`]; an item without its keys is known by its place.
pub(super) fn any_item_step(item: &Value, index: usize, list: Schema<'_>) -> Box<str> {
    item_step(item, list).unwrap_or_else(|_| index_step(index))
}

/// Whether a list is one value, not a collection of items that are owned by themselves.
pub(super) fn is_atomic_list(schema: Schema<'_>) -> bool {
    *schema.list_kind() == ListKind::Atomic
}

/// Whether an object's field is declared; the others are entries of a map.
fn is_declared(schema: Schema<'_>, name: &str) -> bool {
    schema.definition().is_some_and(|definition| definition.field(name).is_some())
}

/// The set of fields that a value sets.
pub(super) fn field_set(value: &Value, schema: Schema<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    collect(value, schema, &mut set);
    set.owned = false;
    set
}

fn collect(value: &Value, schema: Schema<'_>, set: &mut FieldSet) {
    match value {
        Value::Array(items) if !is_atomic_list(schema) => {
            for (index, item) in items.iter().enumerate() {
                let below = set.below(&any_item_step(item, index, schema));
                collect(item, schema.items(), below);
                below.owned = true;
            }
        }
        Value::Object(fields) if !schema.is_atomic() => {
            for (name, value) in fields {
                let step = field_step(name);
                let below = set.below(&step);
                collect(value, schema.child_or_untyped(name), below);
                let is_empty = value.as_object().is_some_and(Map::is_empty);
                below.owned |= value.is_null() || is_empty || !is_declared(schema, name);
                if below.is_empty() {
                    set.children.remove(&step);
                }
            }
        }
        Value::Null => {}
        _ => set.owned = true,
    }
}

/// The set with every declared field that has fields below it as a member of its own.
pub(super) fn with_named_fields(set: &FieldSet, schema: Schema<'_>) -> FieldSet {
    let children = set.children.iter().map(|(step, below)| {
        let (child, named) = match step.strip_prefix("f:") {
            Some(name) => (schema.child_or_untyped(name), is_declared(schema, name)),
            None => (schema.items(), false),
        };
        let mut below = with_named_fields(below, child);
        below.owned |= named;
        (step.clone(), below)
    });
    FieldSet { owned: set.owned, children: children.collect() }
}

/// The value without the fields of the set; `None` when nothing is left of it.
pub(super) fn remove(value: Value, set: &FieldSet, schema: Schema<'_>) -> Option<Value> {
    match value {
        Value::Array(items) if !is_atomic_list(schema) && !items.is_empty() => {
            let left: Vec<Value> = items
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    match set.children.get(&any_item_step(&item, index, schema)) {
                        Some(below) if below.owned => None,
                        Some(below) => remove(item, below, schema.items()),
                        None => Some(item),
                    }
                })
                .collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        Value::Object(fields) if !schema.is_atomic() && !fields.is_empty() => {
            let left: Map<String, Value> = fields
                .into_iter()
                .filter_map(|(name, value)| {
                    let value = match set.children.get(&field_step(&name)) {
                        Some(below) if below.owned => return None,
                        Some(below) => remove(value, below, schema.child_or_untyped(&name))?,
                        None => value,
                    };
                    Some((name, value))
                })
                .collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        other => Some(other),
    }
}

/// What is wrong with a configuration to apply, in Kubernetes' words: fields that its type does
/// not have, lists with an item twice.
///
/// # Errors
/// All that is wrong.
pub(super) fn check(config: &Value, schema: Schema<'_>) -> Result<(), String> {
    let mut wrong = Vec::new();
    find_wrong(config, schema, "", &mut wrong);
    match wrong.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn find_wrong(value: &Value, schema: Schema<'_>, path: &str, wrong: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match schema.child(name) {
                    Some(child) => find_wrong(value, child, &path, wrong),
                    None if schema.definition().is_some() => {
                        wrong.push(format!("{path}: field not declared in schema"));
                    }
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            let mut seen = FieldSet::default();
            for (index, item) in items.iter().enumerate() {
                find_wrong(item, schema.items(), &format!("{path}[{index}]"), wrong);
                if is_atomic_list(schema) {
                    continue;
                }
                match item_step(item, schema) {
                    Err(why) => wrong.push(format!("{path}: element {index}: {why}")),
                    Ok(step) if seen.children.contains_key(&step) => {
                        seen.below(&step).owned = true;
                    }
                    Ok(step) => drop(seen.children.insert(step, FieldSet::default())),
                }
            }
            for twice in seen.paths() {
                wrong.push(format!("{path}: duplicate entries for key {twice}"));
            }
        }
        _ => {}
    }
}

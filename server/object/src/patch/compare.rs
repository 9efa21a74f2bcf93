//! Which fields differ between two objects of a type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    field_set::{FieldSet, field_step},
    typed::{any_item_step, is_atomic_list},
};
use crate::schema::Schema;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

impl Comparison {
    pub(super) fn new(old: &Value, new: &Value, schema: Schema<'_>) -> Self {
        let mut walk = Walk { path: Vec::new(), found: Self::default() };
        walk.compare(Some(old), Some(new), schema, false);
        walk.found
    }
}

struct Walk {
    path: Vec<Box<str>>,
    found: Comparison,
}

impl Walk {
    /// `implied` says that the field is there in Go's zero value of its owner, so that it is not
    /// the writer who makes it.
    fn compare(
        &mut self,
        old: Option<&Value>,
        new: Option<&Value>,
        schema: Schema<'_>,
        implied: bool,
    ) {
        if let (None, Some(new), false) = (old, new, implied) {
            self.found.added.graft(&self.path, all(new, schema));
            return;
        }
        if is_leaf(old, new, schema) {
            match (old, new) {
                (None, Some(_)) => self.found.added.insert(&self.path),
                (Some(_), None) => self.found.removed.insert(&self.path),
                (Some(old), Some(new)) if old != new => self.found.modified.insert(&self.path),
                _ => {}
            }
            return;
        }
        if [old, new].into_iter().flatten().any(Value::is_array) {
            self.lists(old, new, schema);
        } else {
            self.objects(old, new, schema, implied);
        }
        if !implied && !self.path.is_empty() {
            match (old, new) {
                (None, Some(_)) => self.found.added.insert(&self.path),
                (Some(_), None) => self.found.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    fn objects(
        &mut self,
        old: Option<&Value>,
        new: Option<&Value>,
        schema: Schema<'_>,
        implied: bool,
    ) {
        let objects = [old, new].into_iter().flatten().filter_map(Value::as_object);
        let names: BTreeSet<&String> = objects.flat_map(serde_json::Map::keys).collect();
        let both = implied || (old.is_some() && new.is_some());
        for name in names {
            let child = schema.child_or_untyped(name);
            let implied = both && child.declared().is_some_and(|field| field.implied);
            self.path.push(field_step(name));
            let old = old.and_then(|value| value.get(name));
            let new = new.and_then(|value| value.get(name));
            self.compare(old, new, child, implied);
            self.path.pop();
        }
    }

    fn lists(&mut self, old: Option<&Value>, new: Option<&Value>, schema: Schema<'_>) {
        let (old, new) = (by_step(old, schema), by_step(new, schema));
        let steps: BTreeSet<&Box<str>> = old.keys().chain(new.keys()).collect();
        for step in steps {
            let old = old.get(step).cloned().unwrap_or_default();
            let new = new.get(step).cloned().unwrap_or_default();
            let (first_old, first_new) = (old.first().copied(), new.first().copied());
            self.path.push(step.clone());
            match (old.len(), new.len()) {
                (0 | 1, 0 | 1) => self.compare(first_old, first_new, schema.items(), false),
                // Items that stand there twice are one value together.
                (2.., 2..) if old == new => {}
                (2.., 2..) => self.found.modified.insert(&self.path),
                (2.., _) => {
                    self.compare(None, first_new, schema.items(), false);
                    self.found.removed.insert(&self.path);
                }
                _ => {
                    self.compare(first_old, None, schema.items(), false);
                    self.found.added.insert(&self.path);
                }
            }
            self.path.pop();
        }
    }
}

/// All that comes with a value that was not there: itself and what is below it.
fn all(value: &Value, schema: Schema<'_>) -> FieldSet {
    let mut set = FieldSet { owned: true, children: BTreeMap::new() };
    if is_leaf(None, Some(value), schema) {
        return set;
    }
    if let Value::Object(fields) = value {
        let below = |(name, value): (&String, &Value)| {
            (field_step(name), all(value, schema.child_or_untyped(name)))
        };
        set.children = fields.iter().map(below).collect();
        return set;
    }
    for (step, items) in by_step(Some(value), schema) {
        let below = match items.as_slice() {
            [item] => all(item, schema.items()),
            // Items that stand there twice are one value together.
            _ => FieldSet { owned: true, children: BTreeMap::new() },
        };
        set.children.insert(step, below);
    }
    set
}

type ByStep<'v> = BTreeMap<Box<str>, Vec<&'v Value>>;

fn by_step<'v>(list: Option<&'v Value>, schema: Schema<'_>) -> ByStep<'v> {
    let mut items = ByStep::new();
    for (index, item) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        items.entry(any_item_step(item, index, schema)).or_default().push(item);
    }
    items
}

/// Whether the values are compared as a whole: scalars, atomic lists and maps, empty ones, and
/// values of different forms.
fn is_leaf(old: Option<&Value>, new: Option<&Value>, schema: Schema<'_>) -> bool {
    let values = || [old, new].into_iter().flatten();
    let is_empty = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => true,
    };
    if values().all(is_empty) {
        return true;
    }
    if values().all(|value| value.is_object() || value.is_null()) {
        return schema.is_atomic();
    }
    !values().all(|value| value.is_array() || value.is_null()) || is_atomic_list(schema)
}

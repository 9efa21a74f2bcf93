//! Merges an applied configuration into an object: what the configuration has wins, the rest stays.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};

use super::typed::{any_item_step, is_atomic_list};
use crate::schema::Schema;

pub(super) fn merge(live: Value, config: Value, schema: Schema<'_>) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !schema.is_atomic() => {
            Value::Object(merge_objects(live, config, schema))
        }
        (Value::Array(live), Value::Array(config)) if !is_atomic_list(schema) => {
            Value::Array(merge_lists(live, config, schema))
        }
        (_, config) => config,
    }
}

fn merge_objects(
    mut live: Map<String, Value>,
    config: Map<String, Value>,
    schema: Schema<'_>,
) -> Map<String, Value> {
    for (name, value) in config {
        let merged = match live.remove(&name) {
            Some(old) => merge(old, value, schema.child_or_untyped(&name)),
            None => value,
        };
        live.insert(name, merged);
    }
    live
}

/// A list with the steps of its items; of equal ones only the first is merged with others.
struct Items {
    steps: VecDeque<Box<str>>,
    values: BTreeMap<Box<str>, VecDeque<Value>>,
}

impl Items {
    fn new(list: Vec<Value>, schema: Schema<'_>) -> Self {
        let mut items = Self { steps: VecDeque::new(), values: BTreeMap::new() };
        for (index, item) in list.into_iter().enumerate() {
            let step = any_item_step(&item, index, schema);
            items.values.entry(step.clone()).or_default().push_back(item);
            items.steps.push_back(step);
        }
        items
    }

    fn take(&mut self, step: &str) -> Option<Value> {
        self.values.get_mut(step)?.pop_front()
    }
}

/// Items of the configuration stand in its order; live ones that it does not have keep their
/// place relative to those that both have.
fn merge_lists(live: Vec<Value>, config: Vec<Value>, schema: Schema<'_>) -> Vec<Value> {
    let mut live = Items::new(live, schema);
    let mut config = Items::new(config, schema);
    let configured: Vec<Box<str>> = config.steps.iter().cloned().collect();
    let is_configured = |step: &str| configured.iter().any(|other| **other == *step);
    let mut shared: VecDeque<Box<str>> =
        config.steps.iter().filter(|step| live.values.contains_key(*step)).cloned().collect();
    let mut merged: Vec<Value> = Vec::with_capacity(live.steps.len() + config.steps.len());
    loop {
        match (live.steps.front().cloned(), config.steps.front().cloned()) {
            (None, None) => return merged,
            // An item of the server alone.
            (Some(step), _) if !is_configured(&step) => {
                live.steps.pop_front();
                merged.extend(live.take(&step));
            }
            // One that both have, but whose turn comes later or has been.
            (Some(step), Some(next)) if step != next && shared.front() != Some(&step) => {
                live.steps.pop_front();
            }
            (Some(_), None) => {
                live.steps.pop_front();
            }
            (_, Some(step)) => {
                config.steps.pop_front();
                if live.steps.front() == Some(&step) {
                    live.steps.pop_front();
                }
                if shared.front() == Some(&step) {
                    shared.pop_front();
                }
                let new = config.take(&step);
                merged.extend(match (live.take(&step), new) {
                    (Some(old), Some(new)) => Some(merge(old, new, schema.items())),
                    (_, new) => new,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{ListKind, Node, Scalar, Types};

    /// The orders are those that Kubernetes' own merge gives.
    #[test]
    fn orders_lists_as_kubernetes_does() {
        let list =
            Node::List { items: Box::new(Node::Scalar(Scalar::String)), kind: ListKind::Set };
        let types = Types { definitions: vec![], roots: [("list".into(), list)].into() };
        let schema = types.schema("list").unwrap();
        for (live, config, expected) in [
            ("ab", "ab", "ab"),
            ("ab", "ba", "ba"),
            ("abc", "b", "abc"),
            ("ab", "c", "abc"),
            ("abc", "dc", "abdc"),
            ("sab", "ba", "sba"),
            ("asb", "ba", "sba"),
            ("", "ab", "ab"),
            ("ab", "", "ab"),
        ] {
            let split = |text: &str| text.chars().map(|c| json!(c.to_string())).collect::<Value>();
            let merged = merge(split(live), split(config), schema);
            assert_eq!(merged, split(expected), "{live} + {config}");
        }
    }
}

//! What an expression can cost at most, told from its text and from how large the schema lets its
//! values be. Never more than Kubernetes' own estimate: what is accepted there is accepted here.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;

use crate::{
    compile::{
        Program,
        ast::{Expr, Loop, LoopKind, Node},
    },
    names::escape,
};

/// As much as a request may hold.
const REQUEST_BYTES_MAX: u64 = 3 * 1024 * 1024;
/// A text is looked at in steps of so many characters.
const CHARACTERS_PER_STEP: u64 = 10;

impl Program {
    /// The most that the expression can cost whose `self` and `oldSelf` are of a schema.
    pub fn cost_max(&self, schema: &Json) -> u64 {
        let names = ["self", "oldSelf"].map(|name| (Arc::from(name), Some(schema)));
        cost(&self.root, &Names(names.into_iter().collect()))
    }
}

/// How often a value of a schema can stand in one request, if nothing says how often.
pub fn occurrences_max(schema: &Json) -> u64 {
    REQUEST_BYTES_MAX / (bytes_min(schema) + 1)
}

/// How many values a list or a map holds at most, where its schema says so.
pub fn stated_max(schema: &Json) -> Option<u64> {
    schema["maxItems"].as_u64().or_else(|| schema["maxProperties"].as_u64())
}

/// The schemas of the names in scope, where they are known.
struct Names<'s>(BTreeMap<Arc<str>, Option<&'s Json>>);

impl<'s> Names<'s> {
    fn with(&self, more: impl IntoIterator<Item = (Arc<str>, Option<&'s Json>)>) -> Self {
        let mut names = self.0.clone();
        names.extend(more);
        Self(names)
    }

    /// The schema of an expression's value.
    fn schema(&self, node: &Node) -> Option<&'s Json> {
        match &node.expr {
            Expr::Name(name) => self.0.get(name).copied().flatten(),
            Expr::Select { operand, field, .. } => {
                let schema = self.schema(operand)?;
                property(schema, field).or_else(|| inner(schema))
            }
            Expr::Index { operand, .. } => inner(self.schema(operand)?),
            // What is filtered is what was there.
            Expr::Loop(walk) if walk.kind == LoopKind::Filter => self.schema(&walk.range),
            _ => None,
        }
    }
}

/// The field that an expression calls by its escaped name.
fn property<'s>(schema: &'s Json, escaped: &str) -> Option<&'s Json> {
    let properties = schema["properties"].as_object()?;
    let is_meant = |name: &str| escape(name).as_deref() == Some(escaped);
    let found = properties.get(escaped);
    found.or_else(|| properties.iter().find(|(name, _)| is_meant(name)).map(|(_, field)| field))
}

/// What the items of a list, or the values of a map, are.
fn inner(schema: &Json) -> Option<&Json> {
    ["items", "additionalProperties"].iter().find_map(|name| schema.get(*name))
}

fn cost(node: &Node, names: &Names<'_>) -> u64 {
    let sum = |nodes: &[&Node]| {
        nodes.iter().fold(0_u64, |sum, node| sum.saturating_add(cost(node, names)))
    };
    match &node.expr {
        Expr::Literal(_) => 0,
        Expr::Loop(walk) => of_loop(walk, names),
        Expr::Conditional(parts) => {
            let [condition, then, other] = &**parts;
            cost(condition, names).saturating_add(cost(then, names).max(cost(other, names)))
        }
        Expr::Bind { name, value, body } => {
            let within = names.with([(name.clone(), names.schema(value))]);
            cost(value, names).saturating_add(cost(body, &within))
        }
        Expr::Call { name, args, .. } => {
            let own = of_call(name, args, names);
            sum(&node.expr.children()).saturating_add(own)
        }
        _ => sum(&node.expr.children()).saturating_add(1),
    }
}

fn of_loop(walk: &Loop, names: &Names<'_>) -> u64 {
    let schema = names.schema(&walk.range);
    let is_map = schema.is_some_and(|schema| schema.get("items").is_none());
    let value = schema.and_then(inner);
    let within = match &walk.second {
        Some(second) => names.with([(walk.first.clone(), None), (second.clone(), value)]),
        None => names.with([(walk.first.clone(), value.filter(|_| !is_map))]),
    };
    let each = walk.filter.iter().chain([&walk.body]);
    let each = each.fold(1_u64, |sum, node| sum.saturating_add(cost(node, &within)));
    let count = schema.map_or(1, count_max);
    cost(&walk.range, names).saturating_add(each.saturating_mul(count))
}

/// A call costs a step, and more where it goes through a text.
fn of_call(name: &str, args: &[Node], names: &Names<'_>) -> u64 {
    let reads = matches!(name, "contains" | "startsWith" | "endsWith" | "matches");
    let read = args.first().filter(|_| reads).and_then(|text| names.schema(text));
    read.map_or(1, |schema| length_max(schema).div_ceil(CHARACTERS_PER_STEP).max(1))
}

/// How many values a list or a map can hold.
fn count_max(schema: &Json) -> u64 {
    let bytes = inner(schema).map_or(1, bytes_min);
    let per_value = if schema.get("items").is_some() { bytes + 1 } else { bytes + 6 };
    stated_max(schema).unwrap_or((REQUEST_BYTES_MAX - 2) / per_value)
}

fn length_max(schema: &Json) -> u64 {
    if schema["type"] != "string" {
        return 0;
    }
    let listed = schema["enum"].as_array().map(|values| {
        values.iter().filter_map(Json::as_str).map(str::len).max().unwrap_or(0) as u64
    });
    let by_format = match schema["format"].as_str() {
        Some("duration" | "date-time") => Some(32),
        Some("date") => Some(12),
        _ => None,
    };
    let stated = schema["maxLength"].as_u64();
    listed.or(stated).or(by_format).unwrap_or(REQUEST_BYTES_MAX - 2)
}

/// How few bytes a value can have.
fn bytes_min(schema: &Json) -> u64 {
    match schema["type"].as_str() {
        Some("string" | "array") => 2,
        Some("boolean") => 4,
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.filter_map(Json::as_str).map(|name| {
                let own = schema["properties"].get(name).map_or(1, bytes_min);
                name.len() as u64 + 4 + own
            });
            2 + fields.sum::<u64>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Environment, Type};

    fn estimate(schema: &Json, rule: &str) -> u64 {
        let own = Type::from_openapi(schema, true).unwrap();
        let environment = Environment::new().with("self", own.clone()).with("oldSelf", own);
        Program::compile(rule, &environment).unwrap().cost_max(schema)
    }

    #[test]
    fn grows_with_what_the_schema_allows() {
        let text = json!({"type": "string", "maxLength": 100});
        let schema = json!({"type": "object", "properties": {
            "few": {"type": "array", "maxItems": 10, "items": text},
            "many": {"type": "array", "items": text},
            "map": {"type": "object", "maxProperties": 5, "additionalProperties": text},
            "long": {"type": "string"}, "count": {"type": "integer"},
        }});
        for (rule, expected) in [
            ("self.count > 1", 3),
            ("has(self.count) ? true : self.count > 1", 5),
            // A range of two, and ten times a name, a call of ten steps and a step.
            ("self.few.all(x, x.contains('a'))", 2 + 10 * 12),
            ("self.map.all(k, self.map[k].startsWith('a'))", 2 + 5 * 15),
            ("self.few.all(x, self.few.exists(y, y == x))", 2 + 10 * (1 + 2 + 10 * 4)),
            ("self.few.filter(x, x != 'a').all(y, y.contains('b'))", 2 + 10 * 3 + 10 * 12),
            ("self.long.contains('a')", 2 + 314_573),
        ] {
            assert_eq!(estimate(&schema, rule), expected, "{rule}");
        }
        let nested = estimate(&schema, "self.many.all(x, self.many.exists(y, y == x))");
        assert!(nested > 1_000_000_000_000, "{nested}");
    }
}

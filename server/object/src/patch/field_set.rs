//! Sets of fields as `managedFields` keeps them (FieldsV1).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths as a tree. The steps are FieldsV1's own texts: `f:name` for a field,
/// `k:{"name":"a"}` and `v:"a"` for items of merged lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether the path to here is itself in the set.
    pub owned: bool,
    pub children: BTreeMap<Box<str>, FieldSet>,
}

impl FieldSet {
    pub(super) fn is_empty(&self) -> bool {
        !self.owned && self.children.is_empty()
    }

    /// The set below a step, made if need be.
    pub(super) fn below(&mut self, step: &str) -> &mut Self {
        if !self.children.contains_key(step) {
            self.children.insert(step.into(), Self::default());
        }
        self.children.get_mut(step).expect("it is there by now")
    }

    /// Puts a whole set at a path.
    pub(super) fn graft(&mut self, path: &[Box<str>], set: Self) {
        path.iter().fold(self, |node, step| node.below(step)).absorb(set);
    }

    pub(super) fn insert(&mut self, path: &[Box<str>]) {
        let node = path.iter().fold(self, |node, step| node.below(step));
        node.owned = true;
    }

    /// Paths that are in either set.
    #[must_use]
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.add(other);
        union
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.owned |= other.owned;
        for (step, below) in &other.children {
            self.below(step).add(below);
        }
    }

    /// As [`Self::add`], of a set that is needed no more.
    pub(super) fn absorb(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.owned |= other.owned;
        for (step, below) in other.children {
            self.children.entry(step).or_default().absorb(below);
        }
    }

    /// Takes the paths of another set out of this one.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.owned &= !other.owned;
        for (step, lost) in &other.children {
            let Some(below) = self.children.get_mut(step) else { continue };
            below.subtract(lost);
            if below.is_empty() {
                self.children.remove(step);
            }
        }
    }

    /// Paths that are in both sets.
    #[must_use]
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(step, below)| {
            let both = below.intersection(other.children.get(step)?);
            (!both.is_empty()).then(|| (step.clone(), both))
        });
        Self { owned: self.owned && other.owned, children: children.collect() }
    }

    /// Paths of this set that are not in the other.
    #[must_use]
    pub(super) fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(step, below)| {
            let left = match other.children.get(step) {
                Some(other) => below.difference(other),
                None => below.clone(),
            };
            (!left.is_empty()).then(|| (step.clone(), left))
        });
        Self { owned: self.owned && !other.owned, children: children.collect() }
    }

    /// The paths as messages show them: `.spec.containers[name="a"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        if self.owned && !prefix.is_empty() {
            paths.push(prefix.to_owned());
        }
        for (step, below) in &self.children {
            below.collect_paths(&format!("{prefix}{}", show_step(step)), paths);
        }
    }

    /// FieldsV1.
    pub(super) fn encode(self) -> Value {
        let itself = self.owned && !self.children.is_empty();
        let itself = itself.then(|| (".".to_owned(), Value::Object(Map::new())));
        let below = self.children.into_iter();
        let below = below.map(|(step, below)| (step.into_string(), below.encode()));
        Value::Object(itself.into_iter().chain(below).collect())
    }

    /// Reads FieldsV1; `None` when it is none.
    pub(super) fn decode(fields: &Value) -> Option<Self> {
        let mut set = Self::decode_below(fields)?;
        set.owned = false;
        Some(set)
    }

    fn decode_below(fields: &Value) -> Option<Self> {
        let fields = fields.as_object()?;
        let mut set = Self { owned: fields.is_empty(), children: BTreeMap::new() };
        for (step, below) in fields {
            if step == "." {
                set.owned = true;
            } else {
                set.children.insert(canonical_step(step)?, Self::decode_below(below)?);
            }
        }
        Some(set)
    }
}

/// The step to a field.
pub(super) fn field_step(name: &str) -> Box<str> {
    format!("f:{name}").into()
}

/// The step to an item that is its own identity.
pub(super) fn value_step(value: &Value) -> Box<str> {
    format!("v:{value}").into()
}

/// The step to an item with these keys, which must be sorted.
pub(super) fn key_step<'v>(keys: impl IntoIterator<Item = (&'v str, Value)>) -> Box<str> {
    let listed: Vec<String> =
        keys.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
    format!("k:{{{}}}", listed.join(",")).into()
}

pub(super) fn index_step(index: usize) -> Box<str> {
    format!("i:{index}").into()
}

/// A step in the one way that it is written here, whatever the spacing and order of its JSON.
fn canonical_step(step: &str) -> Option<Box<str>> {
    let (kind, text) = step.split_once(':')?;
    match kind {
        "f" | "i" => Some(step.into()),
        "v" => Some(value_step(&serde_json::from_str(text).ok()?)),
        "k" => {
            let keys: BTreeMap<String, Value> = serde_json::from_str(text).ok()?;
            Some(key_step(keys.iter().map(|(name, value)| (name.as_str(), value.clone()))))
        }
        _ => None,
    }
}

fn show_step(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("v", value)) => format!("[={value}]"),
        Some(("k", keys)) => {
            let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let listed: Vec<String> =
                keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", listed.join(","))
        }
        Some((_, index)) => format!("[{index}]"),
        None => step.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_and_writes_fields_v1() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:ports": {
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}},
            }, "f:finalizers": {"v:\"a\"": {}}},
        });
        let set = FieldSet::decode(&fields).unwrap();
        assert_eq!(set.clone().encode(), fields);
        assert_eq!(
            set.paths(),
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.finalizers[=\"a\"]",
                ".spec.ports[containerPort=80,protocol=\"TCP\"]",
                ".spec.ports[containerPort=80,protocol=\"TCP\"].name",
            ]
        );
        let spaced = json!({"k:{\"protocol\": \"TCP\", \"containerPort\": 80}": {}});
        let set = FieldSet::decode(&spaced).unwrap();
        assert_eq!(set.encode(), json!({"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}));
        assert_eq!(FieldSet::decode(&json!({"x": {}})), None);
        assert_eq!(FieldSet::decode(&json!({"f:a": 1})), None);
        assert!(FieldSet::decode(&json!({})).unwrap().is_empty());
    }

    fn set() -> impl Strategy<Value = FieldSet> {
        let paths = proptest::collection::vec(proptest::collection::vec("f:[a-c]", 1..4), 0..6);
        paths.prop_map(|paths| {
            let mut set = FieldSet::default();
            for path in paths {
                set.insert(&path.iter().map(|step| step.as_str().into()).collect::<Vec<_>>());
            }
            set
        })
    }

    proptest! {
        #[test]
        fn obeys_the_laws_of_sets(a in set(), b in set()) {
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.intersection(&b), b.intersection(&a));
            prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
            prop_assert!(a.difference(&b).intersection(&b).is_empty());
            prop_assert!(a.difference(&a).is_empty());
            let (mut absorbed, mut left) = (a.clone(), a.clone());
            absorbed.absorb(b.clone());
            left.subtract(&b);
            prop_assert_eq!((absorbed, left), (a.union(&b), a.difference(&b)));
            prop_assert_eq!(FieldSet::decode(&a.clone().encode()).unwrap(), a);
        }
    }
}

//! Bringing a custom object into the form of its schema: unknown fields go, absent ones get their
//! defaults.

use serde_json::{Map, Value};

use super::structure::Structure;
use crate::schema;

/// What every object of the API has, declared or not.
const ENVELOPE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes the fields that the schema does not have; gives them as `unknown field "spec.foo"`.
///
/// # Errors
/// What is wrong with metadata of the wrong type.
pub(super) fn conform(value: &mut Value, structure: &Structure) -> Result<Vec<String>, String> {
    let mut walk = Walk { path: String::new(), unknown: Vec::new() };
    if let Value::Object(fields) = value {
        walk.object(fields, structure, true)?;
    }
    walk.unknown.sort();
    Ok(walk.unknown.iter().map(|path| format!("unknown field {path:?}")).collect())
}

/// As [`conform`], for a value within an object.
pub(super) fn prune(value: &mut Value, structure: &Structure) -> Result<Vec<String>, String> {
    let mut walk = Walk { path: String::new(), unknown: Vec::new() };
    walk.value(value, structure)?;
    Ok(walk.unknown)
}

struct Walk {
    path: String,
    unknown: Vec<String>,
}

impl Walk {
    fn value(&mut self, value: &mut Value, structure: &Structure) -> Result<(), String> {
        match value {
            Value::Object(fields) => self.object(fields, structure, structure.embedded),
            Value::Array(items) => {
                let Some(structure) = &structure.items else { return Ok(()) };
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{index}]"));
                    self.value(item, structure)?;
                    self.path.truncate(length);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn object(
        &mut self,
        fields: &mut Map<String, Value>,
        structure: &Structure,
        is_resource: bool,
    ) -> Result<(), String> {
        let mut dropped = Vec::new();
        for (name, value) in fields.iter_mut() {
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(name);
            if is_resource && ENVELOPE.contains(&name.as_str()) {
                if name == "metadata" {
                    self.metadata(value)?;
                }
            } else if let Some(child) = structure.child(name) {
                self.value(value, child)?;
            } else if !structure.preserves {
                self.unknown.push(self.path.clone());
                dropped.push(name.clone());
            }
            self.path.truncate(length);
        }
        for name in dropped {
            fields.remove(&name);
        }
        Ok(())
    }

    fn metadata(&mut self, value: &mut Value) -> Result<(), String> {
        if !value.is_object() {
            return Ok(());
        }
        for told in schema::conform(value, schema::object_meta())? {
            let field = told.trim_start_matches("unknown field ").trim_matches('"');
            self.unknown.push(format!("{}.{field}", self.path));
        }
        Ok(())
    }
}

/// Gives absent fields their defaults.
pub(super) fn fill(value: &mut Value, structure: &Structure) {
    match value {
        Value::Object(fields) => {
            for (name, child) in &structure.properties {
                let Some(default) = &child.default else { continue };
                let lacks = match fields.get(name) {
                    None => true,
                    Some(Value::Null) => !child.nullable,
                    Some(_) => false,
                };
                if lacks {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(child) = structure.child(name) {
                    fill(value, child);
                }
            }
        }
        Value::Array(items) => {
            if let Some(structure) = &structure.items {
                items.iter_mut().for_each(|item| fill(item, structure));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn structure(schema: Value) -> Structure {
        Structure::read(&serde_json::from_value(schema).unwrap())
    }

    #[test]
    fn prunes_what_is_not_declared() {
        let structure = structure(json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "a": {"type": "string"},
                "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"y": {}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"held": {"type": "object"}}},
                "inner": {"type": "object", "x-kubernetes-embedded-resource": true},
            }},
        }}));
        let mut value = json!({
            "apiVersion": "g/v1", "kind": "K", "metadata": {"name": "a", "odd": 1},
            "spec": {"a": "1", "b": 2, "list": [{"x": "1", "z": 1}], "map": {"k": {"y": 1, "z": 1}},
                "free": {"any": {"thing": 1}, "held": {"gone": 1}},
                "inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "odd": 2}, "spec": {}}},
            "extra": 1,
        });
        let unknown = conform(&mut value, &structure).unwrap();
        assert_eq!(
            unknown,
            [
                "unknown field \"extra\"",
                "unknown field \"metadata.odd\"",
                "unknown field \"spec.b\"",
                "unknown field \"spec.free.held.gone\"",
                "unknown field \"spec.inner.metadata.odd\"",
                "unknown field \"spec.inner.spec\"",
                "unknown field \"spec.list[0].z\"",
                "unknown field \"spec.map.k.z\"",
            ]
        );
        assert_eq!(value["spec"]["free"], json!({"any": {"thing": 1}, "held": {}}));
        assert!(
            conform(&mut value, &structure).unwrap().is_empty(),
            "pruning twice is pruning once"
        );
    }

    #[test]
    fn fills_in_defaults_from_the_top_down() {
        let structure = structure(json!({"type": "object", "properties": {
            "spec": {"type": "object", "default": {}, "properties": {
                "replicas": {"type": "integer", "default": 1},
                "maybe": {"type": "integer", "nullable": true, "default": 2},
                "ports": {"type": "array", "items": {"type": "object", "properties": {
                    "protocol": {"type": "string", "default": "TCP"}}}},
            }},
        }}));
        let mut value = json!({});
        fill(&mut value, &structure);
        assert_eq!(value, json!({"spec": {"replicas": 1, "maybe": 2}}));
        let mut value = json!({"spec": {"replicas": null, "maybe": null, "ports": [{}]}});
        fill(&mut value, &structure);
        assert_eq!(
            value,
            json!({"spec": {"replicas": 1, "maybe": null, "ports": [{"protocol": "TCP"}]}})
        );
    }
}

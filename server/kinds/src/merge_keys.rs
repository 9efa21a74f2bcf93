//! How Kubernetes merges the fields of its types: list types, map keys, patch strategies and
//! defaults, which `k8s-openapi`'s schemas do not carry.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::{Map, Value, json};

/// Types and fields, sorted; the file says what its columns are.
const TABLE: &str = include_str!("../data/merge_keys.tsv");

type Row = [&'static str; 8];

/// The rows of each type; the row of the type itself has no field.
fn rows() -> &'static BTreeMap<&'static str, Vec<Row>> {
    static ROWS: OnceLock<BTreeMap<&'static str, Vec<Row>>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let mut rows: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut row = [""; 8];
            for (cell, text) in row.iter_mut().zip(line.split('\t')) {
                *cell = text;
            }
            rows.entry(row[0]).or_default().push(row);
        }
        rows
    })
}

/// Adds the `x-kubernetes-…` extensions and defaults to a definition and its properties.
pub(crate) fn decorate(name: &str, definition: &mut Map<String, Value>) {
    let Some(rows) = name.strip_prefix("io.k8s.").and_then(|name| rows().get(name)) else {
        return;
    };
    for row in rows {
        let field = row[1];
        if field.is_empty() {
            add_extensions(definition, row);
        } else if let Some(Value::Object(property)) =
            definition.get_mut("properties").and_then(|properties| properties.get_mut(field))
        {
            add_extensions(property, row);
        }
    }
}

fn add_extensions(target: &mut Map<String, Value>, row: &Row) {
    let [_, _, list_type, list_keys, map_type, patch_strategy, patch_key, default] = *row;
    for (extension, value) in [
        ("x-kubernetes-list-type", list_type),
        ("x-kubernetes-map-type", map_type),
        ("x-kubernetes-patch-strategy", patch_strategy),
        ("x-kubernetes-patch-merge-key", patch_key),
    ] {
        if !value.is_empty() {
            target.insert(extension.to_owned(), value.into());
        }
    }
    if !list_keys.is_empty() {
        let keys: Vec<&str> = list_keys.split(',').collect();
        target.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
    }
    if !default.is_empty() {
        let value = serde_json::from_str(default).expect("the table's defaults are JSON");
        target.insert("default".to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorates_types_and_fields() {
        let mut definition = Map::new();
        definition.insert("properties".to_owned(), json!({"containers": {"type": "array"}}));
        decorate("io.k8s.api.core.v1.PodSpec", &mut definition);
        assert_eq!(
            definition["properties"]["containers"],
            json!({
                "type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name",
            })
        );
        let mut selector = Map::new();
        decorate("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", &mut selector);
        assert_eq!(selector["x-kubernetes-map-type"], "atomic");
    }

    #[test]
    fn every_row_is_well_formed() {
        for row in rows().values().flatten() {
            add_extensions(&mut Map::new(), row);
            assert!(["", "atomic", "set", "map"].contains(&row[2]), "{row:?}");
            assert_eq!(row[2] == "map", !row[3].is_empty(), "{row:?}");
            assert!(["", "atomic", "granular"].contains(&row[4]), "{row:?}");
        }
    }
}

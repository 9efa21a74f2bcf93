//! OpenAPI v3 documents of a group and version, made from the kinds that are in it. `kubectl`
//! validates, patches and explains by them.

mod operations;
mod parameters;
mod paths;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{KindDef, schema::definitions};

/// A kind's group, version and kind as extensions show it.
pub(crate) fn gvk(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

/// Where a group and version is served: `api/v1`, `apis/apps/v1`.
pub fn path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The document of one group and version as JSON; `kinds` are all that is served in it.
pub fn document(group: &str, version: &str, kinds: &[&Arc<KindDef>]) -> Vec<u8> {
    let mut schemas = definitions::of_kinds(kinds.iter().copied());
    for def in kinds {
        mark(&mut schemas, &def.definition, &gvk(group, version, &def.kind));
        schemas.insert(list_name(&def.definition), list_schema(def));
        let posted = def.subresources.iter().filter_map(|sub| sub.response_kind);
        for (group, version, kind) in posted {
            if let Some(name) = definitions::posted_name(group, version, kind) {
                mark(&mut schemas, &name, &gvk(group, version, kind));
            }
        }
    }
    for name in ["DeleteOptions", "Status"] {
        mark(&mut schemas, &meta(name), &gvk("", "v1", name));
    }
    let mut paths = Map::new();
    for def in kinds {
        paths::add(&mut paths, def);
    }
    write(&paths, schemas)
}

/// Writes a document piece by piece: as a tree it would take many times its size.
fn write(paths: &Map<String, Value>, schemas: Map<String, Value>) -> Vec<u8> {
    let info = json!({"title": "Longshore", "version": env!("CARGO_PKG_VERSION")});
    let security = json!({"BearerToken": {
        "type": "apiKey", "in": "header", "name": "authorization",
        "description": "Bearer Token authentication",
    }});
    let mut out = format!(r#"{{"openapi":"3.0.0","info":{info},"security":[{{"BearerToken":[]}}]"#)
        .into_bytes();
    out.extend_from_slice(br#","paths":"#);
    serde_json::to_writer(&mut out, paths).expect("a value is JSON");
    out.extend_from_slice(br#","components":{"securitySchemes":"#);
    serde_json::to_writer(&mut out, &security).expect("a value is JSON");
    out.extend_from_slice(br#","schemas":"#);
    let mut separator = b'{';
    for (name, schema) in schemas {
        out.push(separator);
        separator = b',';
        serde_json::to_writer(&mut out, &name).expect("a string is JSON");
        out.push(b':');
        serde_json::to_writer(&mut out, &schema).expect("a value is JSON");
    }
    out.extend_from_slice(b"}}}");
    out
}

/// The hash by which clients know whether their copy of a document is fresh.
pub fn hash(document: &[u8]) -> String {
    Sha256::digest(document).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The index of documents, each given by its path and hash.
pub fn index<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let paths: Map<String, Value> = documents
        .into_iter()
        .map(|(path, hash)| {
            let url = format!("/openapi/v3/{path}?hash={hash}");
            (path.to_owned(), json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// Path and hash of each built-in group and version. The documents themselves are made again when
/// they are asked for: clients keep them, and they are large.
pub fn builtin() -> &'static [(String, String)] {
    static BUILTIN: OnceLock<Vec<(String, String)>> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        let groups: BTreeSet<_> =
            crate::all().iter().map(|def| (&*def.group, &*def.version)).collect();
        groups
            .into_iter()
            .map(|(group, version)| (path(group, version), hash(&builtin_document(group, version))))
            .collect()
    })
}

/// The document of a built-in group and version.
pub fn builtin_document(group: &str, version: &str) -> Vec<u8> {
    let is_in = |def: &&Arc<KindDef>| (&*def.group, &*def.version) == (group, version);
    document(group, version, &crate::all().iter().filter(is_in).collect::<Vec<_>>())
}

fn mark(schemas: &mut Map<String, Value>, name: &str, gvk: &Value) {
    if let Some(Value::Object(schema)) = schemas.get_mut(name) {
        schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk]));
    }
}

pub(crate) fn meta(name: &str) -> String {
    format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}")
}

pub(crate) fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{definition}")})
}

pub(crate) fn list_name(definition: &str) -> String {
    format!("{definition}List")
}

fn list_schema(def: &KindDef) -> Value {
    let (kind, list_kind) = (&def.kind, &def.list_kind);
    json!({
        "description": format!("{list_kind} is a list of {kind}."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The group and version of the list."},
            "items": {
                "type": "array", "description": format!("The {kind} objects."),
                "items": {"allOf": [reference(&def.definition)], "default": {}},
            },
            "kind": {"type": "string", "description": "The kind of the list."},
            "metadata": {
                "allOf": [reference(&meta("ListMeta"))], "default": {},
                "description": "Standard list metadata.",
            },
        },
        "x-kubernetes-group-version-kind":
            [gvk(&def.group, &def.version, list_kind)],
    })
}

#[cfg(test)]
#[path = "openapi/tests.rs"]
mod tests;

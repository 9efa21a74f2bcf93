//! OpenAPI v3 documents of a group and version, made from the kinds that are in it. `kubectl`
//! validates, patches and explains by them.

mod gnostic;
mod operations;
mod parameters;
mod paths;
mod swagger;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{KindDef, Registry, schema::definitions};

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
                mark(&mut schemas, name, &gvk(group, version, kind));
            }
        }
    }
    for name in ["DeleteOptions", "Status"] {
        mark(&mut schemas, &meta(name), &gvk("", "v1", name));
    }
    let customs = kinds.iter().filter(|def| def.custom.is_some());
    let customs: BTreeSet<&str> = customs.map(|def| &*def.definition).collect();
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| !customs.contains(name.as_str())) {
        allow_no_metadata(schema);
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

/// Path and hash of each group and version that is served.
pub fn documents(registry: &Registry) -> Vec<(String, String)> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Arc<KindDef>>> = BTreeMap::new();
    for def in registry.served() {
        groups.entry((&def.group, &def.version)).or_default().push(def);
    }
    let fingerprint = |path: &str, kinds: &[&Arc<KindDef>]| {
        let known = builtin().get(path).filter(|_| kinds.iter().all(|def| def.custom.is_none()));
        known.cloned().unwrap_or_else(|| fingerprint(kinds))
    };
    groups
        .into_iter()
        .map(|((group, version), kinds)| {
            let path = path(group, version);
            let hash = fingerprint(&path, &kinds);
            (path, hash)
        })
        .collect()
}

/// The document at a path, as of now; `None` if nothing is served there.
pub fn document_at(registry: &Registry, wanted: &str) -> Option<Vec<u8>> {
    let (_, rest) = wanted.split_once('/')?;
    let (group, version) = rest.split_once('/').unwrap_or(("", rest));
    if path(group, version) != wanted || !registry.serves(group, version) {
        return None;
    }
    let is_in = |def: &&Arc<KindDef>| (&*def.group, &*def.version) == (group, version);
    Some(document(group, version, &registry.served().filter(is_in).collect::<Vec<_>>()))
}

/// Everything in one document of OpenAPI 2, as JSON or in gnostic's protobuf. It is made part by
/// part, so that it never stands in memory as a tree.
pub fn swagger(registry: &Registry, as_protobuf: bool) -> Vec<u8> {
    let head = json!({
        "swagger": "2.0",
        "info": {"title": "Longshore", "version": env!("CARGO_PKG_VERSION")},
    });
    let mut seen = BTreeSet::new();
    let (mut paths, mut definitions) = (Vec::new(), Vec::new());
    for (path, _) in documents(registry) {
        let document = document_at(registry, &path).unwrap_or_default();
        let part = swagger::Part::of(serde_json::from_slice(&document).unwrap_or_default());
        for (path, item) in &part.paths {
            if as_protobuf {
                gnostic::add_path(&mut paths, path, item);
            } else {
                add_json(&mut paths, path, item);
            }
        }
        for (name, schema) in &part.definitions {
            // Each document has what it needs of the common ones.
            if seen.insert(name.clone()) {
                if as_protobuf {
                    gnostic::add_definition(&mut definitions, name, schema);
                } else {
                    add_json(&mut definitions, name, schema);
                }
            }
        }
    }
    if as_protobuf {
        return gnostic::join(gnostic::head(&head), &paths, &definitions);
    }
    let mut out = head.to_string().into_bytes();
    out.pop();
    for (name, part) in [("paths", paths), ("definitions", definitions)] {
        out.extend_from_slice(format!(r#","{name}":{{"#).as_bytes());
        out.extend_from_slice(&part);
        out.push(b'}');
    }
    out.push(b'}');
    out
}

fn add_json(out: &mut Vec<u8>, name: &str, value: &Value) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(format!("{}:{value}", Value::from(name)).as_bytes());
}

/// Path and hash of each built-in group and version. The documents themselves are made again when
/// they are asked for: clients keep them, and they are large.
fn builtin() -> &'static BTreeMap<String, String> {
    static BUILTIN: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        let registry = Registry::builtin();
        let groups: BTreeSet<_> =
            registry.all().iter().map(|def| path(&def.group, &def.version)).collect();
        groups
            .into_iter()
            .filter_map(|path| {
                let document = document_at(registry, &path)?;
                Some((path, hash(&document)))
            })
            .collect()
    })
}

/// What changes whenever a document does that holds custom kinds; cheaper than the document.
fn fingerprint(kinds: &[&Arc<KindDef>]) -> String {
    let mut told = env!("CARGO_PKG_VERSION").to_owned();
    for def in kinds {
        let subresources: Vec<&str> = def.subresources.iter().map(|sub| sub.name).collect();
        let schema = def.custom.as_ref().map(|custom| custom.written());
        let said = json!([
            def.definition,
            def.plural,
            def.list_kind,
            def.is_namespaced(),
            def.verbs.len(),
            subresources,
            schema,
        ]);
        told.push_str(&said.to_string());
    }
    hash(told.as_bytes())
}

fn mark(schemas: &mut Map<String, Value>, name: &str, gvk: &Value) {
    if let Some(Value::Object(schema)) = schemas.get_mut(name) {
        schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk]));
    }
}

/// The types always have metadata, but nobody has to send it: a TokenReview comes without.
fn allow_no_metadata(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let Some(Value::Array(required)) = schema.get_mut("required") else { return };
    required.retain(|field| field != "metadata");
    if required.is_empty() {
        schema.remove("required");
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

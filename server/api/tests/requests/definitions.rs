//! Custom kinds for tests: a definition, and what its controller would say of it.

use serde_json::{Value, json};

use crate::harness::Harness;

pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const MERGE: &str = "application/merge-patch+json";

/// The definition of `PLURAL.GROUP`, a namespaced kind with these versions.
pub(crate) fn definition(group: &str, plural: &str, kind: &str, versions: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": versions,
        },
    })
}

/// A served version with a schema.
pub(crate) fn version(name: &str, storage: bool, schema: &Value) -> Value {
    json!({
        "name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema},
    })
}

/// Creates a definition and says what its controller would.
pub(crate) async fn define(api: &Harness, definition: Value) -> Value {
    let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
    let (code, created) = api.ask("POST", DEFINITIONS, definition).await;
    assert_eq!(code, 201, "{created}");
    establish(api, &name).await
}

pub(crate) async fn establish(api: &Harness, name: &str) -> Value {
    let stored = api.get(&format!("{DEFINITIONS}/{name}")).await;
    let patch = json!({"status": {"acceptedNames": stored["spec"]["names"], "conditions": [
        {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts"},
        {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}]}});
    let path = format!("{DEFINITIONS}/{name}/status");
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, patch).await;
    assert_eq!(code, 200, "{patched}");
    patched
}

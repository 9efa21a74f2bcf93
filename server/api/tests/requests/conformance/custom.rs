//! Definitions of custom kinds, and where what they define shows.

use serde_json::{Value, json};

use crate::{
    definitions::{DEFINITIONS, define, definition, establish, version},
    harness::Harness,
};

const MERGE: &str = "application/merge-patch+json";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn anything() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn testcrds() -> Value {
    definition(
        "group.example.com",
        "testcrds",
        "testcrd",
        json!([version("v1", true, &anything())]),
    )
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]
#[tokio::test]
async fn the_status_of_a_definition_is_read_updated_and_patched() {
    let api = Harness::start().await;
    define(&api, testcrds()).await;
    let path = format!("{DEFINITIONS}/testcrds.group.example.com/status");
    let mut read = api.get(&path).await;
    assert_eq!(read["kind"], "CustomResourceDefinition");
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "reason": "E2E", "message": "Set"});
    read["status"]["conditions"].as_array_mut().unwrap().push(condition("StatusUpdated"));
    read["spec"]["names"]["shortNames"] = json!(["ignored"]);
    let (code, updated) = api.ask("PUT", &path, read).await;
    assert_eq!(code, 200, "{updated}");
    let has = |object: &Value, kind: &str| {
        let listed = object["status"]["conditions"].as_array().unwrap().iter();
        listed.into_iter().any(|one| one["type"] == kind && one["status"] == "True")
    };
    assert!(has(&updated, "StatusUpdated"), "{updated}");
    assert_eq!(updated["spec"]["names"].get("shortNames"), None, "the spec is not of the status");
    let mut conditions = updated["status"]["conditions"].as_array().unwrap().clone();
    conditions.push(condition("StatusPatched"));
    let patch = json!({"status": {"conditions": conditions}});
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, patch).await;
    assert_eq!(code, 200, "{patched}");
    assert!(has(&patched, "StatusPatched") && has(&patched, "StatusUpdated"), "{patched}");
    assert!(has(&api.get(&path).await, "StatusPatched"));
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]
#[tokio::test]
async fn definitions_are_listed_and_deleted_by_label() {
    let api = Harness::start().await;
    let listed = async |label: &str| {
        let list = api.get(&format!("{DEFINITIONS}?labelSelector=e2e-list-test%3D{label}")).await;
        list["items"].as_array().unwrap().len()
    };
    for number in 0..10 {
        let (plural, kind) = (format!("tests{number}"), format!("Test{number}"));
        let versions = json!([version("v1", true, &anything())]);
        let mut one = definition("list.example.com", &plural, &kind, versions);
        let label = if number < 9 { "these" } else { "other" };
        one["metadata"]["labels"] = json!({"e2e-list-test": label});
        define(&api, one).await;
    }
    assert_eq!((listed("these").await, listed("other").await), (9, 1));
    let these = format!("{DEFINITIONS}?labelSelector=e2e-list-test%3Dthese");
    let (code, deleted) = api.ask("DELETE", &these, Value::Null).await;
    assert_eq!((code, deleted["items"].as_array().unwrap().len()), (200, 9));
    // They go when their controller has deleted what they define.
    for number in 0..9 {
        let path = format!("{DEFINITIONS}/tests{number}.list.example.com");
        let free = json!({"metadata": {"finalizers": null}});
        assert_eq!(api.ask_as("PATCH", &path, MERGE, free).await.0, 200);
        assert_eq!(api.ask("GET", &path, Value::Null).await.0, 404);
    }
    assert_eq!((listed("these").await, listed("other").await), (0, 1));
}

/// The aggregated document of all groups, and its tag.
async fn aggregated(api: &Harness, accept: &str) -> (String, Value) {
    let request = api.request("GET", "/apis").header("accept", accept);
    let response = api.full(request.body(bytes::Bytes::new()).unwrap()).await;
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    (tag, serde_json::from_slice(response.body()).unwrap())
}

fn resources(document: &Value, group: &str, version: &str) -> Vec<Value> {
    let groups = document["items"].as_array().unwrap();
    let Some(group) = groups.iter().find(|one| one["metadata"]["name"] == group) else {
        return Vec::new();
    };
    let versions = group["versions"].as_array().unwrap();
    let found = versions.iter().find(|one| one["version"] == version);
    found.map_or_else(Vec::new, |one| one["resources"].as_array().unwrap().clone())
}

/// Conformance: [sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]
#[tokio::test]
async fn raw_aggregated_discovery_has_custom_kinds() {
    let api = Harness::start().await;
    let (before, document) = aggregated(&api, AGGREGATED).await;
    assert_eq!(resources(&document, "group.example.com", "v1"), [Value::Null; 0]);
    let (code, created) = api.ask("POST", DEFINITIONS, testcrds()).await;
    assert_eq!(code, 201, "{created}");
    let (_, document) = aggregated(&api, AGGREGATED).await;
    assert_eq!(resources(&document, "group.example.com", "v1"), [Value::Null; 0]);
    establish(&api, "testcrds.group.example.com").await;
    let (after, document) = aggregated(&api, AGGREGATED).await;
    let found = resources(&document, "group.example.com", "v1");
    assert_eq!(found[0]["resource"], "testcrds", "{found:?}");
    assert_ne!(before, after, "who keeps the document by its tag asks for it anew");
}

/// Conformance: [sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]
#[tokio::test]
async fn aggregated_discovery_tells_custom_kinds_as_clients_read_them() {
    let api = Harness::start().await;
    let mut two = testcrds();
    let mut older = version("v1beta1", false, &anything());
    older["subresources"] = json!({"status": {}});
    two["spec"]["versions"].as_array_mut().unwrap().push(older);
    define(&api, two).await;
    // As client-go asks: the new form, its beta, the plain one.
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    let (_, document) = aggregated(&api, accept).await;
    let found = resources(&document, "group.example.com", "v1");
    let kind = json!({"group": "group.example.com", "version": "v1", "kind": "testcrd"});
    assert_eq!(
        (&found[0]["responseKind"], &found[0]["scope"], &found[0]["singularResource"]),
        (&kind, &json!("Namespaced"), &json!("testcrd"))
    );
    let verbs =
        json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]);
    assert_eq!(found[0]["verbs"], verbs);
    let beta = resources(&document, "group.example.com", "v1beta1");
    assert_eq!(beta[0]["subresources"][0]["subresource"], "status", "{beta:?}");
}

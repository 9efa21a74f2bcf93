//! Namespaces as objects. What goes with them is tried in the engine's tests.

use serde_json::json;

use crate::harness::Harness;

const SPACES: &str = "/api/v1/namespaces";
const MERGE: &str = "application/merge-patch+json";

async fn team(api: &Harness) -> String {
    let (code, made) = api.ask("POST", SPACES, json!({"metadata": {"name": "team"}})).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["metadata"]["labels"]["kubernetes.io/metadata.name"], "team");
    format!("{SPACES}/team")
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should patch a Namespace [Conformance]
#[tokio::test]
async fn namespaces_are_patched() {
    let api = Harness::start().await;
    let path = team(&api).await;
    let patch = json!({"metadata": {"labels": {"testLabel": "testValue"}}});
    let media = "application/strategic-merge-patch+json";
    assert_eq!(api.ask_as("PATCH", &path, media, patch).await.0, 200);
    assert_eq!(api.get(&path).await["metadata"]["labels"]["testLabel"], "testValue");
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace [Conformance]
#[tokio::test]
async fn namespaces_are_updated() {
    let api = Harness::start().await;
    let path = team(&api).await;
    let mut space = api.get(&path).await;
    space["metadata"]["labels"]["team"] = "updated".into();
    let (code, updated) = api.ask("PUT", &path, space).await;
    assert_eq!((code, &updated["metadata"]["labels"]["team"]), (200, &json!("updated")));
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status [Conformance]
#[tokio::test]
async fn namespace_statuses_are_changed() {
    let api = Harness::start().await;
    let path = format!("{}/status", team(&api).await);
    assert_eq!(api.get(&path).await["status"]["phase"], "Active");
    let condition =
        |type_: &str| json!({"type": type_, "status": "True", "reason": "E2E", "message": "Tried"});
    let patch = json!({"metadata": {"annotations": {"patched": "true"}},
        "status": {"conditions": [condition("StatusPatch")]}});
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, patch).await;
    assert_eq!((code, &patched["status"]["conditions"][0]["type"]), (200, &json!("StatusPatch")));
    assert_eq!(patched["metadata"]["annotations"]["patched"], "true", "{patched}");
    let mut space = patched;
    space["status"]["conditions"].as_array_mut().unwrap().push(condition("StatusUpdate"));
    let (code, updated) = api.ask("PUT", &path, space).await;
    assert_eq!((code, &updated["status"]["conditions"][1]["type"]), (200, &json!("StatusUpdate")));
    assert_eq!(updated["status"]["phase"], "Active");
}

//! ConfigMaps and Secrets.

use serde_json::{Value, json};

use crate::harness::Harness;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Conformance: [sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]
#[tokio::test]
async fn a_config_map_with_an_empty_key_is_refused() {
    let api = Harness::start().await;
    let map = json!({"metadata": {"name": "a"}, "data": {"": "value"}});
    let (code, refused) = api.ask("POST", MAPS, map).await;
    assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")), "{refused}");
}

/// Conformance: [sig-node] Secrets should fail to create secret due to empty secret key [Conformance]
#[tokio::test]
async fn a_secret_with_an_empty_key_is_refused() {
    let api = Harness::start().await;
    let secret = json!({"metadata": {"name": "a"}, "data": {"": "dmFsdWU="}});
    let (code, refused) = api.ask("POST", SECRETS, secret).await;
    assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")), "{refused}");
}

/// Conformance: [sig-node] ConfigMap should update ConfigMap successfully [NodeConformance] [Conformance]
#[tokio::test]
async fn a_config_map_is_updated() {
    let api = Harness::start().await;
    let (_, mut map) =
        api.ask("POST", MAPS, json!({"metadata": {"name": "a"}, "data": {"k": "1"}})).await;
    map["data"] = json!({"k": "2"});
    assert_eq!(api.ask("PUT", &format!("{MAPS}/a"), map).await.0, 200);
    assert_eq!(api.get(&format!("{MAPS}/a")).await["data"], json!({"k": "2"}));
}

/// A life: created, patched, listed everywhere, deleted by its label.
async fn live(api: &Harness, collection: &str, data: Value, patch: Value) {
    let object = json!({"metadata": {"name": "alive", "labels": {"test": "yes"}}, "data": data});
    assert_eq!(api.ask("POST", collection, object).await.0, 201);
    let path = format!("{collection}/alive");
    let patch = json!({"metadata": {"labels": {"patched": "true"}}, "data": patch});
    let (code, patched) = api.ask_as("PATCH", &path, STRATEGIC, patch.clone()).await;
    assert_eq!((code, &patched["metadata"]["labels"]["patched"]), (200, &json!("true")));
    let everywhere = collection.replace("/namespaces/default", "");
    let all = api.get(&format!("{everywhere}?labelSelector=test%3Dyes,patched%3Dtrue")).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(all["items"][0]["data"], patch["data"]);
    let labelled = format!("{collection}?labelSelector=test%3Dyes");
    assert_eq!(api.ask("DELETE", &labelled, Value::Null).await.0, 200);
    assert_eq!(api.get(&labelled).await["items"], json!([]));
}

/// Conformance: [sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]
#[tokio::test]
async fn a_config_map_runs_through_its_life() {
    let api = Harness::start().await;
    live(&api, MAPS, json!({"valueName": "value"}), json!({"valueName": "value1"})).await;
}

/// Conformance: [sig-node] Secrets should patch a secret [Conformance]
#[tokio::test]
async fn a_secret_is_patched() {
    let api = Harness::start().await;
    live(&api, SECRETS, json!({"key": "dmFsdWU="}), json!({"key": "dmFsdWUx"})).await;
}

/// What is immutable keeps its data and stays immutable; its metadata may change, and it may go.
async fn keep(api: &Harness, collection: &str, kind: &str) {
    let object = json!({"metadata": {"name": "kept"}, "data": {"k": "dmFsdWU="}});
    let (_, mut made) = api.ask("POST", collection, object).await;
    let path = format!("{collection}/kept");
    made["immutable"] = true.into();
    let (code, mut kept) = api.ask("PUT", &path, made).await;
    assert_eq!(code, 200, "{kept}");
    for (field, value) in [("immutable", Value::Null), ("data", json!({"k": "b3RoZXI="}))] {
        let mut changed = kept.clone();
        changed[field] = value;
        let (code, refused) = api.ask("PUT", &path, changed).await;
        assert_eq!(code, 422, "{kind}.{field}: {refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("field is immutable when `immutable` is set"), "{message}");
    }
    kept["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(api.ask("PUT", &path, kept).await.0, 200);
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
}

/// Conformance: [sig-storage] ConfigMap should be immutable if `immutable` field is set [Conformance]
#[tokio::test]
async fn a_config_map_is_immutable_when_it_says_so() {
    keep(&Harness::start().await, MAPS, "ConfigMap").await;
}

/// Conformance: [sig-storage] Secrets should be immutable if `immutable` field is set [Conformance]
#[tokio::test]
async fn a_secret_is_immutable_when_it_says_so() {
    keep(&Harness::start().await, SECRETS, "Secret").await;
}

//! Events.

use serde_json::{Value, json};

use crate::harness::Harness;

const CORE: &str = "/api/v1/namespaces/default/events";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

fn core(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"testevent": "yes"}},
        "involvedObject": {"kind": "Pod", "name": "pod", "namespace": "default"},
        "reason": "Test", "message": "a test", "type": "Normal",
        "source": {"component": "tests"}, "count": 1,
        "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z"})
}

async fn delete_collection(api: &Harness, path: &str, make: fn(&str) -> Value) {
    for name in ["one", "two", "three"] {
        let (code, made) = api.ask("POST", path, make(name)).await;
        assert_eq!(code, 201, "{made}");
    }
    let labelled = format!("{path}?labelSelector=testevent%3Dyes");
    assert_eq!(api.get(&labelled).await["items"].as_array().unwrap().len(), 3);
    assert_eq!(api.ask("DELETE", &labelled, Value::Null).await.0, 200);
    assert_eq!(api.get(&labelled).await["items"], json!([]));
}

/// Conformance: [sig-instrumentation] Events should delete a collection of events [Conformance]
#[tokio::test]
async fn core_events_are_deleted_as_a_collection() {
    delete_collection(&Harness::start().await, CORE, core).await;
}

/// Conformance: [sig-instrumentation] Events should manage the lifecycle of an event [Conformance]
#[tokio::test]
async fn a_core_event_runs_through_its_life() {
    let api = Harness::start().await;
    assert_eq!(api.ask("POST", CORE, core("one")).await.0, 201);
    let everywhere = api.get("/api/v1/events?labelSelector=testevent%3Dyes").await;
    assert_eq!(everywhere["items"][0]["message"], "a test");
    let path = format!("{CORE}/one");
    let (code, patched) =
        api.ask_as("PATCH", &path, STRATEGIC, json!({"message": "patched"})).await;
    assert_eq!((code, &patched["message"]), (200, &json!("patched")));
    let mut event = patched;
    event["series"] = json!({"count": 100, "lastObservedTime": "2026-01-02T04:04:05.000006Z"});
    let (code, updated) = api.ask("PUT", &path, event).await;
    assert_eq!((code, &updated["series"]["count"]), (200, &json!(100)), "{updated}");
    let selected = format!("{CORE}?fieldSelector=involvedObject.name%3Dpod,reason%3DTest");
    assert_eq!(api.get(&selected).await["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(api.get("/api/v1/events").await["items"], json!([]));
}

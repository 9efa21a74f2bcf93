//! Events, in the core group and in their own.

use serde_json::{Value, json};

use crate::harness::Harness;

const CORE: &str = "/api/v1/namespaces/default/events";
const OWN: &str = "/apis/events.k8s.io/v1/namespaces/default/events";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

fn core(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"testevent": "yes"}},
        "involvedObject": {"kind": "Pod", "name": "pod", "namespace": "default"},
        "reason": "Test", "message": "a test", "type": "Normal",
        "source": {"component": "tests"}, "count": 1,
        "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z"})
}

fn own(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"testevent": "yes"}},
        "regarding": {"kind": "Pod", "name": "pod", "namespace": "default"},
        "reason": "Test", "note": "a test", "type": "Normal", "action": "Do",
        "reportingController": "tests", "reportingInstance": "tests-1",
        "eventTime": "2026-01-02T03:04:05.000006Z"})
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

/// Conformance: [sig-instrumentation] Events API should delete a collection of events [Conformance]
#[tokio::test]
async fn events_are_deleted_as_a_collection() {
    delete_collection(&Harness::start().await, OWN, own).await;
}

/// Conformance: [sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]
#[tokio::test]
async fn an_event_is_fetched_patched_deleted_and_listed() {
    let api = Harness::start().await;
    let (code, made) = api.ask("POST", OWN, own("one")).await;
    assert_eq!(code, 201, "{made}");
    let path = format!("{OWN}/one");
    assert_eq!(api.get(&path).await["note"], "a test");
    let series = json!({"count": 2, "lastObservedTime": "2026-01-02T04:04:05.000006Z"});
    let (code, patched) = api.ask_as("PATCH", &path, STRATEGIC, json!({"series": series})).await;
    assert_eq!((code, &patched["series"]), (200, &series), "{patched}");
    let mut event = patched;
    event["series"]["count"] = 100.into();
    let (code, updated) = api.ask("PUT", &path, event).await;
    assert_eq!((code, &updated["series"]["count"]), (200, &json!(100)), "{updated}");
    // The same event in the core group.
    let core = api.get(&format!("{CORE}/one")).await;
    assert_eq!(
        (&core["message"], &core["involvedObject"]["name"]),
        (&json!("a test"), &json!("pod"))
    );
    let all = api.get("/apis/events.k8s.io/v1/events?labelSelector=testevent%3Dyes").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(api.ask("GET", &path, Value::Null).await.0, 404);
}

//! Kinds that are served in several versions: converted at the door, both ways.

use crate::harness::Harness;
use serde_json::{Value, json};

const OLD: &str = "/api/v1/namespaces/default/events";
const NEW: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

fn event(name: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name},
        "eventTime": "2026-11-23T10:00:00.000000Z", "reportingController": "example.com/test",
        "reportingInstance": "one", "action": "Do", "reason": "Test", "type": "Normal",
        "note": "it works", "regarding": {"kind": "Pod", "name": "a", "namespace": "default"},
    })
}

/// Conformance: [sig-instrumentation] Events API should ensure that an event can be fetched,
/// patched, deleted, and listed [Conformance]
#[tokio::test]
async fn events_of_both_groups_are_the_same_objects() {
    let api = Harness::start().await;
    let (code, created) = api.ask("POST", NEW, event("a")).await;
    assert_eq!((code, &created["note"]), (201, &json!("it works")), "{created}");
    assert_eq!(created["apiVersion"], "events.k8s.io/v1");
    assert_eq!(created["metadata"]["managedFields"][0]["apiVersion"], "events.k8s.io/v1");
    assert!(created["metadata"]["managedFields"].to_string().contains("f:note"));

    let old = api.get(&format!("{OLD}/a")).await;
    assert_eq!((&old["apiVersion"], &old["message"]), (&json!("v1"), &json!("it works")));
    assert_eq!(old["involvedObject"]["name"], "a");

    let patch = json!({"series": {"count": 2, "lastObservedTime": "2026-11-23T10:01:00.000000Z"}});
    let media = "application/merge-patch+json";
    let (code, patched) = api.ask_as("PATCH", &format!("{NEW}/a"), media, patch).await;
    assert_eq!((code, &patched["series"]["count"]), (200, &json!(2)), "{patched}");
    let media = "application/strategic-merge-patch+json";
    let (code, patched) =
        api.ask_as("PATCH", &format!("{NEW}/a"), media, json!({"note": "again"})).await;
    assert_eq!((code, &patched["note"]), (200, &json!("again")), "{patched}");
    let (_, unknown) = api
        .ask_as("PATCH", &format!("{NEW}/a?fieldValidation=Strict"), media, json!({"message": "x"}))
        .await;
    assert!(
        unknown["message"].as_str().unwrap().contains("unknown field \"message\""),
        "{unknown}"
    );

    let listed = api
        .get(&format!(
            "{NEW}?fieldSelector=regarding.name%3Da,reportingController%3Dexample.com/test"
        ))
        .await;
    assert_eq!(
        (&listed["kind"], &listed["items"][0]["note"]),
        (&json!("EventList"), &json!("again"))
    );
    assert_eq!(listed["apiVersion"], "events.k8s.io/v1");
    let none = api.get(&format!("{NEW}?fieldSelector=regarding.name%3Db")).await;
    assert_eq!(none["items"], json!([]));

    let mut watch = api.watch(&format!("{NEW}?watch=1")).await;
    let seen = watch.next().await;
    assert_eq!((&seen["type"], &seen["object"]["note"]), (&json!("ADDED"), &json!("again")));
    let (code, _) = api.ask("DELETE", &format!("{OLD}/a"), Value::Null).await;
    assert_eq!(code, 200);
    let gone = watch.next().await;
    assert_eq!(
        (&gone["type"], &gone["object"]["apiVersion"]),
        (&json!("DELETED"), &json!("events.k8s.io/v1"))
    );
}

#[tokio::test]
async fn newer_events_are_held_to_newer_rules() {
    let api = Harness::start().await;
    let mut bad = event("b");
    bad["type"] = "Odd".into();
    bad["action"] = "".into();
    bad["deprecatedCount"] = 3.into();
    let (code, refused) = api.ask("POST", NEW, bad).await;
    assert_eq!(code, 422, "{refused}");
    let message = refused["message"].as_str().unwrap();
    for part in [
        "type: Invalid value",
        "action: Required value",
        "count: Invalid value: \"\": needs to be unset",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let old =
        json!({"metadata": {"name": "c"}, "involvedObject": {"namespace": "default"}, "count": 3});
    let (code, created) = api.ask("POST", OLD, old).await;
    assert_eq!(code, 201, "{created}");
    let new = api.get(&format!("{NEW}/c")).await;
    assert_eq!(new["deprecatedCount"], 3);
}

//! Lists and watches: pages, selectors, shapes, and what a watcher is told.

use std::sync::Arc;

use serde_json::{Value, json};
use store::{Limits, Memory};

use crate::harness::Harness;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

async fn create(api: &Harness, name: &str, label: &str) {
    let map = json!({"metadata": {"name": name, "labels": {"app": label}}});
    assert_eq!(api.ask("POST", MAPS, map).await.0, 201);
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lists_in_consistent_pages() {
    let api = Harness::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        create(&api, name, "x").await;
    }
    let first = api.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!((names(&first), &first["kind"]), (vec!["a", "b"], &json!("ConfigMapList")));
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    // What is created or deleted meanwhile does not show.
    create(&api, "bb", "x").await;
    api.ask("DELETE", &format!("{MAPS}/d"), Value::Null).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = api.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!(names(&second), ["c", "d"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = api.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!(names(&third), ["e"]);
    assert!(third["metadata"]["continue"].is_null());
    assert_eq!(third["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (code, _) = api.ask("GET", &format!("{MAPS}?continue=x"), Value::Null).await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn selects() {
    let api = Harness::start().await;
    create(&api, "a", "x").await;
    create(&api, "b", "y").await;
    for (query, expected) in [
        ("labelSelector=app%3Dx", vec!["a"]),
        ("labelSelector=app+in+(x,y)", vec!["a", "b"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        ("fieldSelector=metadata.name!%3Db", vec!["a"]),
    ] {
        assert_eq!(names(&api.get(&format!("{MAPS}?{query}")).await), expected, "{query}");
    }
}

#[tokio::test]
async fn shows_tables_and_metadata() {
    let api = Harness::start().await;
    create(&api, "a", "x").await;
    let ask = async |accept: &str| {
        let request = api.request("GET", MAPS).header("accept", accept);
        let response = api.full(request.body(bytes::Bytes::new()).unwrap()).await;
        serde_json::from_slice::<Value>(response.body()).unwrap()
    };
    let table = ask(TABLE).await;
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!(table["columnDefinitions"][0]["format"], "name");
    let row = &table["rows"][0];
    assert_eq!(row["cells"][0], "a");
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(row["object"]["metadata"]["labels"]["app"], "x");
    assert!(row["object"]["metadata"]["resourceVersion"].is_string());
    let partial = ask("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").await;
    assert_eq!(partial["kind"], "PartialObjectMetadataList");
    assert!(partial["items"][0]["data"].is_null());
}

#[tokio::test]
async fn watches() {
    let api = Harness::start().await;
    create(&api, "a", "x").await;
    let list = api.get(MAPS).await;
    let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
    let selected = format!("{MAPS}?watch=1&resourceVersion={revision}&labelSelector=app%3Dx");
    let mut lines = api.watch(&selected).await;
    create(&api, "b", "y").await;
    let merge = "application/merge-patch+json";
    for label in ["x", "z"] {
        let patch = json!({"metadata": {"labels": {"app": label}}});
        api.ask_as("PATCH", &format!("{MAPS}/b"), merge, patch).await;
    }
    api.ask("DELETE", &format!("{MAPS}/a"), Value::Null).await;
    let (added, left, deleted) = (lines.next().await, lines.next().await, lines.next().await);
    assert_eq!(
        (&added["type"], &added["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("b"))
    );
    // What stops matching is deleted for this watcher, as it was when it matched.
    assert_eq!(left["type"], "DELETED");
    assert_eq!(left["object"]["metadata"]["labels"]["app"], "x");
    assert_eq!(
        (&deleted["type"], &deleted["object"]["metadata"]["name"]),
        (&json!("DELETED"), &json!("a"))
    );
    let revision = |event: &Value| {
        event["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert!(revision(&added) < revision(&left) && revision(&left) < revision(&deleted));
}

#[tokio::test]
async fn watch_lists_end_their_start_with_a_bookmark() {
    let api = Harness::start().await;
    create(&api, "a", "x").await;
    let path = format!(
        "{MAPS}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    let mut lines = api.watch(&path).await;
    assert_eq!(lines.next().await["type"], "ADDED");
    let bookmark = lines.next().await;
    assert_eq!(
        (&bookmark["type"], &bookmark["object"]["kind"]),
        (&json!("BOOKMARK"), &json!("ConfigMap"))
    );
    let annotations = &bookmark["object"]["metadata"]["annotations"];
    assert_eq!(annotations["k8s.io/initial-events-end"], "true");
    create(&api, "b", "x").await;
    assert_eq!(lines.next().await["object"]["metadata"]["name"], "b");
}

#[tokio::test]
async fn watches_tables_whose_columns_come_once() {
    let api = Harness::start().await;
    create(&api, "a", "x").await;
    create(&api, "b", "x").await;
    let mut lines = api.watch_as(&format!("{MAPS}?watch=true&resourceVersion=0"), TABLE).await;
    let (first, second) = (lines.next().await, lines.next().await);
    assert!(first["object"]["columnDefinitions"].is_array());
    assert!(second["object"]["columnDefinitions"].is_null());
    assert_eq!(second["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn a_revision_from_the_future_is_told_in_the_stream() {
    let api = Harness::start().await;
    let mut lines = api.watch(&format!("{MAPS}?watch=true&resourceVersion=99999")).await;
    let error = lines.next().await;
    assert_eq!((&error["type"], &error["object"]["code"]), (&json!("ERROR"), &json!(504)));
}

/// A watcher takes what the store keeps for all of them as it reads: for one that does not, nothing
/// is put aside.
#[tokio::test]
async fn a_watcher_that_does_not_read_is_ended_and_resumes() {
    const KEPT: usize = 50;
    let limits = Limits { log_count_max: KEPT, ..Limits::default() };
    let api = Harness::start_over(Arc::new(Memory::new(limits))).await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let (code, _) = api.ask("POST", maps, json!({"metadata": {"name": "a"}})).await;
    assert_eq!(code, 201);
    let revision = |object: &Value| -> u64 {
        object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
    };
    let start = revision(&api.get(maps).await);
    let mut slow = api.watch(&format!("{maps}?watch=1&resourceVersion={start}")).await;
    let key = object::Key::new("configmaps", "default", "a");
    let body = "x".repeat(1024);
    let mut bodies = Vec::new();
    for number in 0..10 * KEPT {
        let patch = json!({"data": {"body": format!("{number} {body}")}});
        let path = format!("{maps}/a");
        let media = "application/merge-patch+json";
        assert_eq!(api.ask_as("PATCH", &path, media, patch).await.0, 200);
        bodies.push(api.store.get(&key).unwrap().body.clone());
    }
    // It has read nothing, and yet only as many bodies are held as the log has.
    let held = bodies.iter().filter(|body| !body.is_unique()).count();
    assert!((1..=KEPT + 1).contains(&held), "{held} of {} are held", bodies.len());
    let mut seen = 0;
    let error = loop {
        let event = slow.next().await;
        if event["type"] == "ERROR" {
            break event["object"].clone();
        }
        seen += 1;
    };
    assert_eq!((&error["code"], &error["reason"]), (&json!(410), &json!("Expired")), "{error}");
    assert!(seen <= KEPT, "{seen} were kept for it");
    // It lists anew and goes on from there.
    let now = revision(&api.get(maps).await);
    let mut again = api.watch(&format!("{maps}?watch=1&resourceVersion={now}")).await;
    api.ask("DELETE", &format!("{maps}/a"), Value::Null).await;
    assert_eq!(again.next().await["type"], "DELETED");
}

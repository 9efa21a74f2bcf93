//! Watches: what is told, to whom, in which order.

use serde_json::{Value, json};

use crate::harness::{Harness, Lines};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const MERGE: &str = "application/merge-patch+json";

async fn create(api: &Harness, name: &str, label: &str) -> String {
    let map = json!({"metadata": {"name": name, "labels": {"watch": label}}});
    revision(&api.ask("POST", MAPS, map).await.1)
}

async fn mutate(api: &Harness, name: &str, value: u64) -> String {
    let patch = json!({"data": {"mutation": value.to_string()}});
    revision(&api.ask_as("PATCH", &format!("{MAPS}/{name}"), MERGE, patch).await.1)
}

async fn relabel(api: &Harness, name: &str, label: &str) {
    let patch = json!({"metadata": {"labels": {"watch": label}}});
    let (code, _) = api.ask_as("PATCH", &format!("{MAPS}/{name}"), MERGE, patch).await;
    assert_eq!(code, 200);
}

async fn delete(api: &Harness, name: &str) {
    assert_eq!(api.ask("DELETE", &format!("{MAPS}/{name}"), Value::Null).await.0, 200);
}

fn revision(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

async fn watch(api: &Harness, selector: &str, from: &str) -> Lines {
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&labelSelector={selector}");
    api.watch(&path).await
}

/// `ADDED name mutation` of the next event.
async fn next(lines: &mut Lines) -> String {
    let event = lines.next().await;
    let object = &event["object"];
    let mutation = object["data"]["mutation"].as_str().unwrap_or("-");
    let (what, name) = (event["type"].as_str(), object["metadata"]["name"].as_str());
    format!("{} {} {mutation}", what.unwrap(), name.unwrap())
}

/// Conformance: [sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]
#[tokio::test]
async fn watchers_observe_add_update_and_delete_on_configmaps() {
    let api = Harness::start().await;
    let from = revision(&api.get(MAPS).await);
    let mut a = watch(&api, "watch%3DA", &from).await;
    let mut b = watch(&api, "watch%3DB", &from).await;
    let mut both = watch(&api, "watch+in+(A,B)", &from).await;
    create(&api, "one", "A").await;
    mutate(&api, "one", 1).await;
    mutate(&api, "one", 2).await;
    delete(&api, "one").await;
    create(&api, "two", "B").await;
    delete(&api, "two").await;
    let first = ["ADDED one -", "MODIFIED one 1", "MODIFIED one 2", "DELETED one 2"];
    let second = ["ADDED two -", "DELETED two -"];
    for expected in first {
        assert_eq!(next(&mut a).await, expected);
        assert_eq!(next(&mut both).await, expected);
    }
    for expected in second {
        assert_eq!(next(&mut b).await, expected);
        assert_eq!(next(&mut both).await, expected);
    }
}

/// Conformance: [sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]
#[tokio::test]
async fn watchers_start_from_a_specific_resource_version() {
    let api = Harness::start().await;
    create(&api, "one", "A").await;
    let after_first = mutate(&api, "one", 1).await;
    mutate(&api, "one", 2).await;
    delete(&api, "one").await;
    let mut lines = watch(&api, "watch%3DA", &after_first).await;
    assert_eq!(next(&mut lines).await, "MODIFIED one 2");
    assert_eq!(next(&mut lines).await, "DELETED one 2");
}

/// Conformance: [sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]
#[tokio::test]
async fn watchers_restart_from_the_last_resource_version_observed() {
    let api = Harness::start().await;
    let from = revision(&api.get(MAPS).await);
    let mut first = watch(&api, "watch%3DA", &from).await;
    create(&api, "one", "A").await;
    mutate(&api, "one", 1).await;
    assert_eq!(next(&mut first).await, "ADDED one -");
    let last = revision(&first.next().await["object"]);
    drop(first);
    mutate(&api, "one", 2).await;
    delete(&api, "one").await;
    let mut second = watch(&api, "watch%3DA", &last).await;
    assert_eq!(next(&mut second).await, "MODIFIED one 2");
    assert_eq!(next(&mut second).await, "DELETED one 2");
}

/// Conformance: [sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]
#[tokio::test]
async fn watchers_observe_a_deletion_when_the_selector_is_no_longer_met() {
    let api = Harness::start().await;
    let from = revision(&api.get(MAPS).await);
    let mut lines = watch(&api, "watch%3DA", &from).await;
    create(&api, "one", "A").await;
    mutate(&api, "one", 1).await;
    relabel(&api, "one", "other").await;
    mutate(&api, "one", 2).await;
    relabel(&api, "one", "A").await;
    mutate(&api, "one", 3).await;
    delete(&api, "one").await;
    for expected in [
        "ADDED one -",
        "MODIFIED one 1",
        "DELETED one 1",
        "ADDED one 2",
        "MODIFIED one 3",
        "DELETED one 3",
    ] {
        assert_eq!(next(&mut lines).await, expected);
    }
}

/// Conformance: [sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]
#[tokio::test]
async fn watchers_receive_events_of_concurrent_watches_in_the_same_order() {
    let api = Harness::start().await;
    let from = revision(&api.get(MAPS).await);
    let mut first = watch(&api, "watch", &from).await;
    let writers = (0..4).map(|writer| {
        let api = &api;
        async move {
            let name = format!("w{writer}");
            create(api, &name, "A").await;
            for value in 0..10 {
                mutate(api, &name, value).await;
            }
            delete(api, &name).await;
        }
    });
    futures::future::join_all(writers).await;
    let mut seen = Vec::new();
    for _ in 0..4 * 12 {
        let event = first.next().await;
        seen.push(revision(&event["object"]).parse::<u64>().unwrap());
    }
    assert!(seen.is_sorted(), "{seen:?}");
    // Whoever starts at any of these sees the rest in the same order.
    for (position, start) in seen.iter().enumerate().step_by(7) {
        let mut later = watch(&api, "watch", &start.to_string()).await;
        for expected in &seen[position + 1..] {
            let event = later.next().await;
            assert_eq!(revision(&event["object"]), expected.to_string());
        }
    }
}

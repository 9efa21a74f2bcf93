//! The client in process: the same verbs and rights, with revisions instead of text.

use client::{DeleteOptions, Event, Fence, PatchType, Selection, WriteOptions};
use futures::StreamExt;
use object::{Key, KindName, Reason};
use planning::access::User;
use serde_json::{Value, json};

use crate::harness::Harness;

fn key(name: &str) -> Key {
    Key::new("configmaps", "default", name)
}

fn map(value: &str) -> bytes::Bytes {
    json!({"data": {"k": value}}).to_string().into()
}

#[tokio::test]
async fn writes_and_watches() {
    let api = Harness::start().await;
    let client = api.api.client_as(User::new("admin", &["system:masters"]));
    let maps = KindName::from("configmaps");
    let options = WriteOptions::default();
    let created = client.create(&key("a"), "", map("1"), &options).await.unwrap();
    let mut events = client.watch(&maps, &Selection::default(), 0).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(Event::Added(object))) if object == created));
    assert!(matches!(events.next().await, Some(Ok(Event::Bookmark(at))) if at == created.revision));

    let patch = json!({"data": {"k": "2"}}).to_string().into();
    let patched = client.patch(&key("a"), "", PatchType::Merge, patch, &options).await.unwrap();
    assert!(patched.revision > created.revision);
    assert_eq!(client.get(&key("a")).await.unwrap(), patched);
    assert!(matches!(events.next().await, Some(Ok(Event::Modified(object))) if object == patched));
    let stale = DeleteOptions { resource_version: Some(created.revision), ..Default::default() };
    assert!(client.delete(&key("a"), &stale).await.unwrap_err().is_conflict());
    client.delete(&key("a"), &DeleteOptions::default()).await.unwrap();
    let Some(Ok(Event::Deleted(deleted))) = events.next().await else { panic!("deleted") };
    assert!(deleted.revision > patched.revision);
    assert_eq!(deleted.body, patched.body);
    let list = client.list(&maps, &Selection::default()).await.unwrap();
    assert_eq!((list.items.len(), list.revision), (0, deleted.revision));
}

#[tokio::test]
async fn scales_and_applies() {
    let api = Harness::start().await;
    let client = api.api.client_as(User::new("admin", &["system:masters"]));
    let web = Key::new("deployments.apps", "default", "web");
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let options = WriteOptions { field_manager: Some("x".to_owned()), ..Default::default() };
    let body = config.to_string().into();
    let applied = client.patch(&web, "", PatchType::Apply, body, &options).await.unwrap();
    let scale = json!({"spec": {"replicas": 3}}).to_string();
    let scaled =
        client.patch(&web, "scale", PatchType::Merge, scale.into(), &options).await.unwrap();
    assert!(scaled.revision > applied.revision);
    let deployment: Value = client.get(&web).await.unwrap().decode().unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_fenced_write_needs_the_lease() {
    let api = Harness::start().await;
    let client = api.api.client_as(User::new("admin", &["system:masters"]));
    let fence = Some(Fence { lease: "controllers".into(), epoch: 1 });
    let options = WriteOptions { fence, ..Default::default() };
    let refused = client.create(&key("a"), "", map("1"), &options).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Conflict);
    let epoch = api.store.acquire("controllers", "me", 10_000).await.unwrap().unwrap();
    let fence = Some(Fence { lease: "controllers".into(), epoch });
    let options = WriteOptions { fence, ..Default::default() };
    client.create(&key("a"), "", map("1"), &options).await.unwrap();
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let api = Harness::start().await;
    let client = api.api.client_as(User::new("admin", &["system:masters"]));
    let dry = WriteOptions { dry_run: true, ..Default::default() };
    client.create(&key("a"), "", map("1"), &dry).await.unwrap();
    assert!(client.get(&key("a")).await.unwrap_err().is_not_found());
    let created = client.create(&key("a"), "", map("1"), &WriteOptions::default()).await.unwrap();
    assert!(client.create(&key("a"), "", map("1"), &dry).await.unwrap_err().is_already_exists());
    let updated = client.update(&key("a"), "", map("2"), &dry).await.unwrap();
    let shown: Value = updated.decode().unwrap();
    assert_eq!(shown["data"]["k"], "2");
    assert_eq!(client.get(&key("a")).await.unwrap(), created);
}

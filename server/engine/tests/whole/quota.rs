//! The life of a ResourceQuota: what is written is charged at once, what goes is given back.

use serde_json::{Value, json};

use crate::bench::{Bench, key};

const QUOTAS: &str = "resourcequotas";

async fn quota(bench: &Bench, name: &str, hard: Value, scopes: Value) {
    bench
        .create(json!({"apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"hard": hard, "scopes": scopes}}))
        .await;
}

async fn used(bench: &Bench, name: &str, expected: Value) {
    let key = key(QUOTAS, "default", name);
    bench
        .until(QUOTAS, |all| {
            let status = all.get(&key).map(|quota| quota["status"]["used"].clone());
            let status = status.unwrap_or_default();
            expected.as_object().unwrap().iter().all(|(name, amount)| status[name] == *amount)
        })
        .await;
}

fn object(api_version: &str, kind: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "one", "namespace": "default"}});
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn pod(name: &str, requests: Value, deadline: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"activeDeadlineSeconds": deadline, "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "x", "resources": {"requests": requests, "limits": requests}}]}})
}

/// One object of a kind that is limited to one: charged, the second refused, given back.
async fn lives(resource: &str, kind: &str, body: Value) {
    let bench = Bench::start().await;
    quota(&bench, "q", json!({resource: "1"}), Value::Null).await;
    used(&bench, "q", json!({resource: "0"})).await;
    bench.create(body.clone()).await;
    used(&bench, "q", json!({resource: "1"})).await;
    let mut second = body;
    second["metadata"]["name"] = "two".into();
    let error = bench.try_create(second).await.unwrap_err();
    let expected = format!(
        "exceeded quota: q, requested: {resource}=1, used: {resource}=1, limited: {resource}=1"
    );
    assert!(error.message.ends_with(&expected), "{error}");
    bench.delete(&key(kind, "default", "one")).await;
    used(&bench, "q", json!({resource: "0"})).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_config_map() {
    lives("count/configmaps", "configmaps", object("v1", "ConfigMap", json!({}))).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_secret() {
    lives("secrets", "secrets", object("v1", "Secret", json!({}))).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_service() {
    let spec = json!({"spec": {"type": "NodePort", "ports": [{"port": 80}]}});
    lives("services.nodeports", "services", object("v1", "Service", spec)).await;
}

fn workload(api_version: &str, kind: &str, selector: Value) -> Value {
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    object(
        api_version,
        kind,
        json!({"spec": {"replicas": 0, "selector": selector, "template": template}}),
    )
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_replica_set() {
    let set = workload("apps/v1", "ReplicaSet", json!({"matchLabels": {"a": "b"}}));
    lives("count/replicasets.apps", "replicasets.apps", set).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_replication_controller() {
    let controller = workload("v1", "ReplicationController", json!({"a": "b"}));
    lives("replicationcontrollers", "replicationcontrollers", controller).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]
#[tokio::test]
async fn resource_quota_status_is_promptly_calculated() {
    let bench = Bench::start().await;
    bench.create(object("v1", "ConfigMap", json!({}))).await;
    quota(&bench, "q", json!({"pods": "5", "configmaps": "5"}), Value::Null).await;
    used(&bench, "q", json!({"pods": "0", "configmaps": "1"})).await;
    let quota = bench.get(&key(QUOTAS, "default", "q")).await;
    assert_eq!(quota["status"]["hard"], quota["spec"]["hard"]);
}

/// Conformance: [sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota. [Conformance]
#[tokio::test]
async fn resource_quota_is_updated_and_deleted() {
    let bench = Bench::start().await;
    quota(&bench, "q", json!({"pods": "1"}), Value::Null).await;
    used(&bench, "q", json!({"pods": "0"})).await;
    let key = key(QUOTAS, "default", "q");
    bench.patch(&key, "", json!({"spec": {"hard": {"pods": "7"}}})).await;
    bench.until(QUOTAS, |all| all[&key]["status"]["hard"]["pods"] == "7").await;
    bench.delete(&key).await;
    bench.until(QUOTAS, |all| all.is_empty()).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod. [Conformance]
#[tokio::test]
async fn resource_quota_captures_the_life_of_a_pod() {
    let bench = Bench::start().await;
    let hard = json!({"pods": "2", "requests.cpu": "1", "memory": "1Gi", "requests.example.com/disk": "3"});
    quota(&bench, "q", hard, Value::Null).await;
    used(&bench, "q", json!({"pods": "0", "requests.cpu": "0"})).await;
    let asks =
        |cpu: &str, disks: &str| json!({"cpu": cpu, "memory": "256Mi", "example.com/disk": disks});
    bench.create(pod("one", asks("500m", "2"), Value::Null)).await;
    let now = json!({"pods": "1", "requests.cpu": "500m", "memory": "256Mi", "requests.example.com/disk": "2"});
    used(&bench, "q", now.clone()).await;
    for (asks, why) in [
        (
            asks("600m", "1"),
            "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=500m, limited: requests.cpu=1",
        ),
        (
            asks("100m", "2"),
            "exceeded quota: q, requested: requests.example.com/disk=2, used: requests.example.com/disk=2, limited: requests.example.com/disk=3",
        ),
        (json!({"cpu": "100m"}), "failed quota: q: must specify memory for: c"),
    ] {
        let error = bench.try_create(pod("two", asks, Value::Null)).await.unwrap_err();
        assert!(error.message.ends_with(why), "{error}");
    }
    used(&bench, "q", now).await;
    bench.delete(&key("pods", "default", "one")).await;
    used(&bench, "q", json!({"pods": "0", "requests.cpu": "0", "memory": "0"})).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope. [Conformance]
#[tokio::test]
async fn resource_quota_with_best_effort_scope() {
    scoped(
        ["BestEffort", "NotBestEffort"],
        pod("one", json!({}), Value::Null),
        pod("two", json!({"cpu": "1", "memory": "1Mi"}), Value::Null),
    )
    .await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes. [Conformance]
#[tokio::test]
async fn resource_quota_with_terminating_scopes() {
    let asks = || json!({"cpu": "1", "memory": "1Mi"});
    scoped(
        ["Terminating", "NotTerminating"],
        pod("one", asks(), 3600.into()),
        pod("two", asks(), Value::Null),
    )
    .await;
}

/// The first pod counts for the first scope only, the second for the second.
async fn scoped(scopes: [&str; 2], first: Value, second: Value) {
    let bench = Bench::start().await;
    for scope in scopes {
        quota(&bench, &scope.to_lowercase(), json!({"pods": "5"}), json!([scope])).await;
    }
    let names = scopes.map(str::to_lowercase);
    let count = async |counts: [&str; 2]| {
        for (name, count) in names.iter().zip(counts) {
            used(&bench, name, json!({"pods": count})).await;
        }
    };
    count(["0", "0"]).await;
    bench.create(first).await;
    count(["1", "0"]).await;
    bench.delete(&key("pods", "default", "one")).await;
    count(["0", "0"]).await;
    bench.create(second).await;
    count(["0", "1"]).await;
}

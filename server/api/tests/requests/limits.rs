//! What limit ranges and priority classes make of a pod.

use serde_json::{Value, json};

use crate::harness::Harness;

const RANGES: &str = "/api/v1/namespaces/default/limitranges";
const PODS: &str = "/api/v1/namespaces/default/pods";
const CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";
const MERGE: &str = "application/merge-patch+json";

fn pod(name: &str, resources: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x", "resources": resources}]}})
}

fn range() -> Value {
    json!({"metadata": {"name": "l", "labels": {"of": "test"}}, "spec": {"limits": [{"type": "Container",
        "min": {"cpu": "50m", "memory": "100Mi"}, "max": {"cpu": "500m", "memory": "500Mi"},
        "default": {"cpu": "500m", "memory": "500Mi"}, "defaultRequest": {"cpu": "100m", "memory": "200Mi"}}]}})
}

/// Conformance: [sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied. [Conformance]
#[tokio::test]
async fn limit_range_defaults_are_applied_to_pods() {
    let api = Harness::start().await;
    assert_eq!(api.ask("POST", RANGES, range()).await.0, 201);
    let (_, created) = api.ask("POST", PODS, pod("silent", json!({}))).await;
    let resources = &created["spec"]["containers"][0]["resources"];
    assert_eq!(resources["requests"], json!({"cpu": "100m", "memory": "200Mi"}));
    assert_eq!(resources["limits"], json!({"cpu": "500m", "memory": "500Mi"}));
    let partly = json!({"requests": {"cpu": "300m", "memory": "150Mi"}, "limits": {"cpu": "300m"}});
    let (_, created) = api.ask("POST", PODS, pod("partly", partly)).await;
    let resources = &created["spec"]["containers"][0]["resources"];
    assert_eq!(resources["requests"], json!({"cpu": "300m", "memory": "150Mi"}));
    assert_eq!(resources["limits"], json!({"cpu": "300m", "memory": "500Mi"}));
    for (cpu, why) in [
        ("10m", "minimum cpu usage per Container is 50m, but request is 10m"),
        ("600m", "maximum cpu usage per Container is 500m, but limit is 600m"),
    ] {
        let asked = json!({"requests": {"cpu": cpu}, "limits": {"cpu": cpu}});
        let (code, answer) = api.ask("POST", PODS, pod("out", asked)).await;
        assert_eq!(code, 403, "{answer}");
        assert_eq!(answer["message"], format!("pods \"out\" is forbidden: {why}"));
    }
    let lower = json!([{"type": "Container", "min": {"cpu": "10m"}}]);
    let patch = json!({"spec": {"limits": lower}});
    assert_eq!(api.ask_as("PATCH", &format!("{RANGES}/l"), MERGE, patch).await.0, 200);
    let asked = json!({"requests": {"cpu": "10m"}});
    assert_eq!(api.ask("POST", PODS, pod("now", asked)).await.0, 201);
    assert_eq!(api.ask("DELETE", &format!("{RANGES}/l"), Value::Null).await.0, 200);
    let asked = json!({"requests": {"cpu": "5m"}});
    assert_eq!(api.ask("POST", PODS, pod("free", asked)).await.0, 201);
}

#[tokio::test]
async fn pods_get_the_priority_of_their_class() {
    let api = Harness::start().await;
    for (name, value) in
        [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
    {
        assert_eq!(api.get(&format!("{CLASSES}/{name}")).await["value"], value);
    }
    let class = json!({"metadata": {"name": "p"}, "value": 10, "description": "first"});
    assert_eq!(api.ask("POST", CLASSES, class).await.0, 201);
    let mut prior = pod("prior", json!({}));
    prior["spec"]["priorityClassName"] = "p".into();
    let (_, prior) = api.ask("POST", PODS, prior).await;
    assert_eq!(
        (&prior["spec"]["priority"], &prior["spec"]["preemptionPolicy"]),
        (&json!(10), &json!("PreemptLowerPriority"))
    );
}

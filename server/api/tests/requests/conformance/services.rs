//! Services and endpoints as objects.

use serde_json::{Value, json};

use crate::harness::Harness;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";
const MERGE: &str = "application/merge-patch+json";

async fn create(api: &Harness, name: &str, label: &str) {
    let service = json!({"metadata": {"name": name, "labels": {"test": label}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    let (code, made) = api.ask("POST", SERVICES, service).await;
    assert_eq!(code, 201, "{made}");
}

/// Conformance: [sig-network] Services should complete a service status lifecycle [Conformance]
#[tokio::test]
async fn a_service_status_runs_through_its_life() {
    let api = Harness::start().await;
    create(&api, "web", "a").await;
    let path = format!("{SERVICES}/web/status");
    let balancer = json!({"metadata": {"annotations": {"patchedstatus": "true"}},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}});
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, balancer).await;
    assert_eq!(code, 200, "{patched}");
    assert_eq!(patched["status"]["loadBalancer"]["ingress"][0]["ip"], "203.0.113.1");
    assert_eq!(patched["metadata"]["annotations"]["patchedstatus"], "true");
    let mut service = api.get(&path).await;
    service["status"]["conditions"] = json!([{"type": "StatusUpdate", "status": "True",
        "reason": "E2E", "message": "Tried", "lastTransitionTime": "2026-01-02T03:04:05Z"}]);
    let (code, updated) = api.ask("PUT", &path, service).await;
    assert_eq!((code, &updated["status"]["conditions"][0]["type"]), (200, &json!("StatusUpdate")));
    let whole = json!({"metadata": {"annotations": {"patched": "true"}}});
    let (code, patched) = api.ask_as("PATCH", &format!("{SERVICES}/web"), MERGE, whole).await;
    assert_eq!((code, &patched["status"]), (200, &updated["status"]));
    assert_eq!(api.ask("DELETE", &format!("{SERVICES}/web"), Value::Null).await.0, 200);
}

/// Conformance: [sig-network] Services should delete a collection of services [Conformance]
#[tokio::test]
async fn services_are_deleted_as_a_collection() {
    let api = Harness::start().await;
    for (name, label) in [("a", "go"), ("b", "go"), ("c", "stay")] {
        create(&api, name, label).await;
    }
    let going = format!("{SERVICES}?labelSelector=test%3Dgo");
    assert_eq!(api.ask("DELETE", &going, Value::Null).await.0, 200);
    let left = api.get(&format!("{SERVICES}?labelSelector=test")).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!(left["items"][0]["metadata"]["name"], "c");
}

/// Conformance: [sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]
#[tokio::test]
async fn endpoints_run_through_their_life() {
    let api = Harness::start().await;
    let subsets = |ip: &str| json!([{"addresses": [{"ip": ip}], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}]);
    let start = api.get(ENDPOINTS).await["metadata"]["resourceVersion"].clone();
    let object = json!({"metadata": {"name": "ends", "labels": {"test-static": "true"}},
        "subsets": subsets("10.0.0.24")});
    assert_eq!(api.ask("POST", ENDPOINTS, object).await.0, 201);
    let found = api.get("/api/v1/endpoints?labelSelector=test-static%3Dtrue").await;
    let mut ends = found["items"][0].clone();
    ends["metadata"]["labels"]["updated"] = "true".into();
    let path = format!("{ENDPOINTS}/ends");
    assert_eq!(api.ask("PUT", &path, ends).await.0, 200);
    let (code, patched) =
        api.ask_as("PATCH", &path, MERGE, json!({"subsets": subsets("10.0.0.25")})).await;
    assert_eq!((code, &patched["subsets"]), (200, &subsets("10.0.0.25")), "{patched}");
    let gone = format!("{ENDPOINTS}?labelSelector=test-static%3Dtrue");
    assert_eq!(api.ask("DELETE", &gone, Value::Null).await.0, 200);
    let watch = format!(
        "{ENDPOINTS}?watch=1&resourceVersion={}&labelSelector=test-static%3Dtrue",
        start.as_str().unwrap()
    );
    let mut lines = api.watch(&watch).await;
    for expected in ["ADDED", "MODIFIED", "MODIFIED", "DELETED"] {
        assert_eq!(lines.next().await["type"], expected);
    }
}

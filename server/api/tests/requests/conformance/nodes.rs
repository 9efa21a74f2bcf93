//! Nodes and pods as objects.

use serde_json::{Value, json};

use crate::harness::Harness;

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// Conformance: [sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]
#[tokio::test]
async fn a_node_runs_through_its_life() {
    let api = Harness::start().await;
    let node = json!({"metadata": {"name": "fake", "labels": {"e2e": "fake"}},
        "spec": {"unschedulable": true}});
    assert_eq!(api.ask("POST", NODES, node).await.0, 201);
    let path = format!("{NODES}/fake");
    let media = "application/strategic-merge-patch+json";
    let patch = json!({"metadata": {"labels": {"patched": "true"}}});
    let (code, patched) = api.ask_as("PATCH", &path, media, patch).await;
    assert_eq!((code, &patched["metadata"]["labels"]["patched"]), (200, &json!("true")));
    let found = api.get(&format!("{NODES}?labelSelector=patched%3Dtrue")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let mut node = patched;
    node["metadata"]["labels"]["updated"] = "true".into();
    let (code, updated) = api.ask("PUT", &path, node).await;
    assert_eq!((code, &updated["metadata"]["labels"]["updated"]), (200, &json!("true")));
    let status = json!({"status": {"conditions": [{"type": "Fake", "status": "True"}]}});
    let (code, told) = api.ask_as("PATCH", &format!("{path}/status"), media, status).await;
    assert_eq!((code, &told["status"]["conditions"][0]["type"]), (200, &json!("Fake")));
    let gone = format!("{NODES}?labelSelector=e2e%3Dfake");
    assert_eq!(api.ask("DELETE", &gone, Value::Null).await.0, 200);
    assert_eq!(api.get(NODES).await["items"], json!([]));
}

/// Conformance: [sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu [Conformance]
#[tokio::test]
async fn a_pod_with_equal_requests_and_limits_is_guaranteed() {
    let api = Harness::start().await;
    let both = json!({"cpu": "100m", "memory": "100Mi"});
    for (name, resources, class) in [
        ("equal", json!({"requests": both, "limits": both}), "Guaranteed"),
        ("some", json!({"requests": both}), "Burstable"),
        ("none", json!({}), "BestEffort"),
    ] {
        let pod = json!({"metadata": {"name": name}, "spec":
            {"containers": [{"name": "c", "image": "x", "resources": resources}]}});
        let (code, made) = api.ask("POST", PODS, pod).await;
        assert_eq!((code, &made["status"]["qosClass"]), (201, &json!(class)), "{made}");
    }
}

/// Conformance: [sig-node] Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls [MinimumKubeletVersion:1.21] [Conformance]
#[tokio::test]
async fn invalid_sysctls_are_rejected() {
    let api = Harness::start().await;
    let names = ["foo-", "kernel.shmmax", "safe-and-unsafe", "bar..", "kernel/shm_rmid_forced"];
    let sysctls: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "value": "100000000"})).collect();
    let pod = json!({"metadata": {"name": "a"}, "spec": {
        "securityContext": {"sysctls": sysctls}, "containers": [{"name": "c", "image": "x"}]}});
    let (code, refused) = api.ask("POST", PODS, pod).await;
    let message = refused["message"].as_str().unwrap_or_default();
    assert_eq!(code, 422, "{refused}");
    for (index, name) in names.iter().enumerate() {
        let invalid =
            format!("spec.securityContext.sysctls[{index}].name: Invalid value: \"{name}\"");
        assert_eq!(message.contains(&invalid), ["foo-", "bar.."].contains(name), "{message}");
    }
}

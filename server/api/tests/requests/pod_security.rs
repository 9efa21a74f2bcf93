//! Pods that reach for their host are refused, and nobody opens a namespace for themselves.

use api::Grant;
use http::Request;
use planning::access::User;
use serde_json::{Value, json};

use crate::harness::Harness;

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod(spec: Value) -> Value {
    let mut pod = json!({"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    for (field, value) in spec.as_object().unwrap() {
        pod["spec"][field] = value.clone();
    }
    pod
}

/// A developer: whoever has the role `edit` or `admin` in a namespace.
async fn developer(api: &Harness, role: &str) -> String {
    let binding = json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}],
    });
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let (code, answer) = api.ask("POST", path, binding).await;
    assert_eq!(code, 201, "{answer}");
    let grant = Grant::new(User::new(role, &[]), Vec::new(), 3600);
    api.api.tokens().issue(&grant).unwrap().text
}

async fn ask_as(api: &Harness, token: &str, path: &str, method: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header(
            "content-type",
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" },
        );
    let response = api.full(request.body(body.to_string().into()).unwrap()).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

#[tokio::test]
async fn a_developer_does_not_reach_the_host() {
    let api = Harness::start().await;
    for role in ["edit", "admin"] {
        let token = developer(&api, role).await;
        let volume = |path: &str| json!({"volumes": [{"name": "x", "hostPath": {"path": path}}]});
        let privileged = json!({"containers": [{"name": "a", "image": "x", "securityContext": {"privileged": true}}]});
        let debugged = json!({"initContainers": [{"name": "i", "image": "x", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]});
        for spec in [
            volume("/"),
            volume("/var/run/docker.sock"),
            privileged,
            debugged,
            json!({"hostNetwork": true}),
            json!({"hostPID": true}),
            json!({"hostIPC": true}),
        ] {
            let (code, answer) = ask_as(&api, &token, PODS, "POST", pod(spec)).await;
            assert_eq!(code, 403, "{answer}");
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains("violates PodSecurity \"baseline:latest\": "), "{message}");
        }
        let (code, answer) = ask_as(&api, &token, PODS, "POST", pod(json!({}))).await;
        assert_eq!(code, 201, "{answer}");
        let open =
            json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
        let (code, _) = ask_as(&api, &token, "/api/v1/namespaces/default", "PATCH", open).await;
        assert_eq!(code, 403);
    }
}

#[tokio::test]
async fn an_administrator_opens_and_closes_a_namespace() {
    let api = Harness::start().await;
    let label = |level: &str| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    let admin = api.admin.clone();
    let path = "/api/v1/namespaces/default";
    assert_eq!(ask_as(&api, &admin, path, "PATCH", label("privileged")).await.0, 200);
    let (code, answer) = api.ask("POST", PODS, pod(json!({"hostPID": true}))).await;
    assert_eq!(code, 201, "{answer}");
    let request = api.request("PATCH", path).header("content-type", "application/merge-patch+json");
    let response = api.full(request.body(label("baseline").to_string().into()).unwrap()).await;
    let warnings: Vec<_> = response.headers().get_all("warning").iter().collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let told = warnings[0].to_str().unwrap();
    assert!(told.contains("existing pods in namespace"), "{told}");
    assert_eq!(ask_as(&api, &admin, path, "PATCH", label("closed")).await.0, 422);
}

#[tokio::test]
async fn a_workload_is_let_in_with_a_warning() {
    let api = Harness::start().await;
    let deployment = json!({"metadata": {"name": "d"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod(json!({"hostNetwork": true}))["spec"]},
    }});
    let request = api.request("POST", "/apis/apps/v1/namespaces/default/deployments");
    let response = api.full(request.body(deployment.to_string().into()).unwrap()).await;
    assert_eq!(response.status(), 201);
    let warning = response.headers()["warning"].to_str().unwrap();
    assert!(warning.contains("would violate PodSecurity"), "{warning}");
}

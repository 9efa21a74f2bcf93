//! Flow schemas and priority levels take effect.

use api::Grant;
use http::{Request, Response};
use planning::access::User;
use serde_json::{Value, json};

use crate::harness::Harness;

const GROUP: &str = "/apis/flowcontrol.apiserver.k8s.io/v1";

async fn ask_as(api: &Harness, user: &str, path: &str) -> Response<bytes::Bytes> {
    let user = User::new(user, &["team"]);
    let token = api.api.tokens().issue(&Grant::new(user, Vec::new(), 3600)).unwrap().text;
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    api.full(request.body(bytes::Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn answers_say_how_the_request_was_sorted() {
    let api = Harness::start().await;
    for (user, schema, level) in [
        ("jane", "global-default", "global-default"),
        ("system:kube-scheduler", "kube-scheduler", "workload-high"),
    ] {
        let answer = ask_as(&api, user, "/api/v1/pods").await;
        let told = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let stored = api.get(&format!("{GROUP}/flowschemas/{schema}")).await;
        assert_eq!(
            told("x-kubernetes-pf-flowschema-uid"),
            stored["metadata"]["uid"].as_str().unwrap()
        );
        let stored = api.get(&format!("{GROUP}/prioritylevelconfigurations/{level}")).await;
        assert_eq!(
            told("x-kubernetes-pf-prioritylevel-uid"),
            stored["metadata"]["uid"].as_str().unwrap()
        );
    }
}

#[tokio::test]
async fn a_level_without_seats_refuses_and_others_go_on() {
    let api = Harness::start().await;
    let level = json!({"metadata": {"name": "none"}, "spec": {"type": "Limited", "limited": {
        "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}}});
    let (code, answer) =
        api.ask("POST", &format!("{GROUP}/prioritylevelconfigurations"), level).await;
    assert_eq!(code, 201, "{answer}");
    let schema = json!({"metadata": {"name": "noisy"}, "spec": {
        "priorityLevelConfiguration": {"name": "none"}, "matchingPrecedence": 50,
        "rules": [{"subjects": [{"kind": "User", "user": {"name": "noisy"}}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}]}});
    let (code, answer) = api.ask("POST", &format!("{GROUP}/flowschemas"), schema).await;
    assert_eq!(code, 201, "{answer}");
    // A read of what was written is answered once this copy goes by it.
    api.get(&format!("{GROUP}/flowschemas/noisy")).await;
    let refused = ask_as(&api, "noisy", "/version").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    let status: Value = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(status["reason"], "TooManyRequests");
    assert_eq!(ask_as(&api, "quiet", "/version").await.status(), 200);
    api.ask("DELETE", &format!("{GROUP}/flowschemas/noisy"), Value::Null).await;
    api.get(&format!("{GROUP}/flowschemas")).await;
    assert_eq!(ask_as(&api, "noisy", "/version").await.status(), 200);
}

#[tokio::test]
async fn the_defaults_are_there_and_mandatory_ones_come_back() {
    let api = Harness::start().await;
    let path = format!("{GROUP}/prioritylevelconfigurations/catch-all");
    let merge = "application/merge-patch+json";
    for (path, shares) in [(path.clone(), 77), (path.replace("catch-all", "workload-low"), 78)] {
        let change = json!({"metadata": {"annotations": {"apf.kubernetes.io/autoupdate-spec": "false"}},
            "spec": {"limited": {"nominalConcurrencyShares": shares}}});
        assert_eq!(api.ask_as("PATCH", &path, merge, change).await.0, 200);
    }
    let again = api.copy().await;
    assert_eq!(again.get(&path).await["spec"]["limited"]["nominalConcurrencyShares"], 5);
    let suggested = path.replace("catch-all", "workload-low");
    assert_eq!(again.get(&suggested).await["spec"]["limited"]["nominalConcurrencyShares"], 78);
}

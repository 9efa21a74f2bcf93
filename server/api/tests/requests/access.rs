//! Who is let in, and what the documents of discovery and health say.

use crate::harness::Harness;
use api::{Bound, Grant};
use bytes::Bytes;
use http::Request;
use planning::access::User;
use serde_json::{Value, json};

async fn code_with(api: &Harness, token: Option<&str>, path: &str) -> (u16, Value) {
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = api.full(request.body(Bytes::new()).unwrap()).await;
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn refuses_whom_it_does_not_know() {
    let api = Harness::start().await;
    let pods = "/api/v1/namespaces/default/pods";
    let (code, refused) = code_with(&api, None, pods).await;
    assert_eq!(code, 403);
    assert_eq!(
        refused["message"],
        "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
    );
    let (code, refused) = code_with(&api, Some("nonsense"), pods).await;
    assert_eq!((code, &refused["message"]), (401, &json!("Unauthorized")));
    assert_eq!(code_with(&api, None, "/healthz").await.0, 200);
    assert_eq!(code_with(&api, None, "/apis").await.0, 403);
}

#[tokio::test]
async fn tokens_of_service_accounts_die_with_them() {
    let api = Harness::start().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    api.ask("POST", accounts, json!({"metadata": {"name": "ci"}})).await;
    let asked =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let (code, answer) = api.ask("POST", &format!("{accounts}/ci/token"), asked).await;
    assert_eq!(code, 201, "{answer}");
    let token = answer["status"]["token"].as_str().unwrap();
    let maps = "/api/v1/namespaces/default/configmaps";
    assert_eq!(code_with(&api, Some(token), maps).await.0, 403);
    let binding = json!({"metadata": {"name": "ci"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "ci", "namespace": "default"}]});
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let (code, bound) = api.ask("POST", bindings, binding).await;
    assert_eq!(code, 201, "{bound}");
    assert_eq!(code_with(&api, Some(token), maps).await.0, 200);
    api.ask("DELETE", &format!("{accounts}/ci"), Value::Null).await;
    api.ask("POST", accounts, json!({"metadata": {"name": "ci"}})).await;
    assert_eq!(code_with(&api, Some(token), maps).await.0, 401, "another account of that name");
}

#[tokio::test]
async fn users_log_in() {
    let api = Harness::start().await;
    let hash = api::hash_password("correct horse").unwrap();
    let user =
        json!({"metadata": {"name": "jane"}, "spec": {"passwordHash": hash, "groups": ["team"]}});
    let (code, created) = api.ask("POST", "/apis/longshore.dev/v1/users", user).await;
    assert_eq!(code, 201, "{created}");
    let sessions = "/apis/longshore.dev/v1/sessions";
    let log_in = async |name: &str, password: &str| {
        let session = json!({"spec": {"user": name, "password": password}});
        let request = Request::post(sessions).body(session.to_string().into()).unwrap();
        let response = api.full(request).await;
        (response.status().as_u16(), serde_json::from_slice::<Value>(response.body()).unwrap())
    };
    assert_eq!(log_in("jane", "wrong").await.0, 401);
    assert_eq!(log_in("nobody", "correct horse").await.0, 401);
    let (code, session) = log_in("jane", "correct horse").await;
    assert_eq!(code, 201, "{session}");
    assert!(session["spec"]["password"].is_null());
    let token = session["status"]["token"].as_str().unwrap();
    let user = api.api.authenticate(Some(token)).await.unwrap();
    assert_eq!(user.name, "jane");
    assert!(user.is_in("team") && user.is_in("system:authenticated"));
    api.ask("DELETE", "/apis/longshore.dev/v1/users/jane", Value::Null).await;
    assert!(api.api.authenticate(Some(token)).await.is_err());
}

#[tokio::test]
async fn bound_tokens_need_their_object() {
    let api = Harness::start().await;
    let gone = Bound {
        kind: "configmaps".to_owned(),
        namespace: "default".to_owned(),
        name: "gone".to_owned(),
        uid: "u".to_owned(),
    };
    let grant = Grant::new(User::node("one"), vec![gone], 60);
    let token = api.api.tokens().issue(&grant).unwrap().text;
    assert!(api.api.authenticate(Some(&token)).await.is_err());
}

#[tokio::test]
async fn impersonates() {
    let api = Harness::start().await;
    let request = api
        .request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("impersonate-user", "jane")
        .header("impersonate-group", "team");
    let response = api.full(request.body("{}".into()).unwrap()).await;
    let review: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(review["status"]["userInfo"]["username"], "jane", "{review}");
    let allowed = json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (_, review) = api.ask("POST", path, allowed).await;
    assert_eq!(review["status"]["allowed"], true, "{review}");
}

#[tokio::test]
async fn discovers() {
    let api = Harness::start().await;
    let accept =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let ask = async |known: &str| {
        let request = api.request("GET", "/apis").header("accept", accept);
        api.full(request.header("if-none-match", known).body(Bytes::new()).unwrap()).await
    };
    let first = ask("").await;
    let media = first.headers()["content-type"].to_str().unwrap();
    assert_eq!(media, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let tag = first.headers()["etag"].to_str().unwrap();
    assert_eq!(ask(tag).await.status(), 304);
    let document: Value = serde_json::from_slice(first.body()).unwrap();
    let apps =
        document["items"].as_array().unwrap().iter().find(|g| g["metadata"]["name"] == "apps");
    let resources = apps.unwrap()["versions"][0]["resources"].as_array().unwrap();
    let deployments = resources.iter().find(|r| r["resource"] == "deployments").unwrap();
    assert_eq!(deployments["shortNames"], json!(["deploy"]));
    let scale = deployments["subresources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["subresource"] == "scale");
    assert_eq!(scale.unwrap()["responseKind"]["kind"], "Scale");

    let core = api.get("/api/v1").await;
    let eviction =
        core["resources"].as_array().unwrap().iter().find(|r| r["name"] == "pods/eviction");
    assert_eq!(eviction.unwrap()["group"], "policy");
    assert_eq!(api.get("/apis/apps").await["preferredVersion"]["groupVersion"], "apps/v1");
    assert_eq!(api.get("/version").await["major"], "1");
    let report = api.get("/readyz?verbose").await;
    assert_eq!(report, "[+]ping ok\n[+]store ok\nreadyz check passed\n");
}

//! Credentials of all kinds against the API: tokens, certificates' requests, passwords.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

use crate::harness::Harness;

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

fn token_request(spec: Value) -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
}

/// Asks with another credential than the harness's.
async fn ask_with(
    api: &Harness,
    token: &str,
    method: &str,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let response = api.full(request.body(bytes).unwrap()).await;
    let answer = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), answer)
}

async fn token_of(api: &Harness, account: &str, spec: Value) -> (u16, Value) {
    api.ask("POST", &format!("{ACCOUNTS}/{account}/token"), token_request(spec)).await
}

async fn review(api: &Harness, token: &str, audiences: Value) -> Value {
    let spec = json!({"token": token, "audiences": audiences});
    let (code, review) = api.ask("POST", REVIEWS, json!({"spec": spec})).await;
    assert_eq!(code, 201, "{review}");
    review["status"].clone()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Conformance: [sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a
/// successful TokenReview
#[tokio::test]
async fn service_account_token_passes_its_token_review() {
    let api = Harness::start().await;
    let (_, account) = api.ask("POST", ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    let (code, answer) = token_of(&api, "bot", json!({"expirationSeconds": 600})).await;
    assert_eq!(code, 201, "{answer}");
    let token = answer["status"]["token"].as_str().unwrap();
    let status = review(&api, token, Value::Null).await;
    assert_eq!(status["authenticated"], true, "{status}");
    assert!(status["error"].is_null());
    let user = &status["user"];
    assert_eq!(user["username"], "system:serviceaccount:default:bot");
    assert_eq!(user["uid"], account["metadata"]["uid"]);
    assert_eq!(
        user["groups"],
        json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"])
    );
    let claims = claims(token);
    let credential = format!("JTI={}", claims["jti"].as_str().unwrap());
    assert_eq!(user["extra"]["authentication.kubernetes.io/credential-id"], json!([credential]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["kubernetes.io"]["serviceaccount"]["name"], "bot");
    let status = review(&api, "nonsense", Value::Null).await;
    assert_eq!(
        (&status["authenticated"], &status["error"]),
        (&Value::Null, &json!("invalid bearer token"))
    );
}

#[tokio::test]
async fn tokens_are_for_the_audiences_that_were_asked_for() {
    let api = Harness::start().await;
    api.ask("POST", ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    let (_, answer) = token_of(&api, "bot", json!({"audiences": ["vault", "other"]})).await;
    let token = answer["status"]["token"].as_str().unwrap();
    let status = review(&api, token, json!(["vault", "nobody"])).await;
    assert_eq!(status["audiences"], json!(["vault"]), "{status}");
    let status = review(&api, token, Value::Null).await;
    assert!(status["error"].as_str().unwrap().contains("is invalid for the target audiences"));
    let (code, _) =
        ask_with(&api, token, "GET", "/api/v1/namespaces/default/pods", Value::Null).await;
    assert_eq!(code, 401, "the API is none of them");
    for (seconds, why) in [
        (599_i64, "may not specify a duration less than 10 minutes"),
        (-1, "may not specify a duration less than 10 minutes"),
        ((1 << 32) + 1, "may not specify a duration larger than 2^32 seconds"),
    ] {
        let (code, refused) = token_of(&api, "bot", json!({"expirationSeconds": seconds})).await;
        assert_eq!(code, 422, "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_token_ends_with_the_pod_that_it_is_bound_to() {
    let api = Harness::start().await;
    let create = async |path: &str, body: Value| {
        let (code, made) = api.ask("POST", path, body).await;
        assert_eq!(code, 201, "{made}");
        made["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    create("/api/v1/nodes", json!({"metadata": {"name": "one"}})).await;
    create(ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    create(ACCOUNTS, json!({"metadata": {"name": "other"}})).await;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "a"}, "spec": {"serviceAccountName": "bot",
        "nodeName": "one", "containers": [{"name": "c", "image": "i"}]}});
    let uid = create(pods, pod).await;
    let bound = |uid: &str| json!({"expirationSeconds": 3607, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": uid}});
    let (code, answer) = token_of(&api, "bot", bound(&uid)).await;
    assert_eq!(code, 201, "{answer}");
    assert_eq!(answer["spec"]["expirationSeconds"], 3607);
    let token = answer["status"]["token"].as_str().unwrap();
    let status = review(&api, token, Value::Null).await;
    let extra = &status["user"]["extra"];
    assert_eq!(extra["authentication.kubernetes.io/pod-name"], json!(["a"]), "{status}");
    assert_eq!(extra["authentication.kubernetes.io/pod-uid"], json!([uid]));
    assert_eq!(extra["authentication.kubernetes.io/node-name"], json!(["one"]));
    let claim = &claims(token)["kubernetes.io"];
    assert_eq!((&claim["pod"]["uid"], &claim["node"]["name"]), (&json!(uid), &json!("one")));
    assert!(claim["warnafter"].is_i64(), "the token of old clients lives on: {claim}");
    let (code, refused) = token_of(&api, "other", bound(&uid)).await;
    assert_eq!(code, 400, "{refused}");
    let (code, refused) = token_of(&api, "bot", bound("another")).await;
    assert_eq!(code, 409, "{refused}");
    let map = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "m"}});
    assert_eq!(token_of(&api, "bot", map).await.0, 400);
    let now = json!({"gracePeriodSeconds": 0});
    api.ask("DELETE", &format!("{pods}/a"), now).await;
    assert!(review(&api, token, Value::Null).await["authenticated"].is_null());
}

#[tokio::test]
async fn bootstrap_tokens_let_in_until_they_end() {
    let api = Harness::start().await;
    let secret = json!({"metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token", "stringData": {
            "token-id": "abcdef", "token-secret": "0123456789abcdef",
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": "system:bootstrappers:workers"}});
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    let (code, made) = api.ask("POST", secrets, secret).await;
    assert_eq!(code, 201, "{made}");
    let user = api.api.authenticate(Some("abcdef.0123456789abcdef")).await.unwrap();
    assert_eq!(user.name, "system:bootstrap:abcdef");
    assert!(user.is_in("system:bootstrappers") && user.is_in("system:bootstrappers:workers"));
    assert!(api.api.authenticate(Some("abcdef.0123456789abcdee")).await.is_err());
    api.ask("DELETE", &format!("{secrets}/bootstrap-token-abcdef"), Value::Null).await;
    assert!(api.api.authenticate(Some("abcdef.0123456789abcdef")).await.is_err());
}

#[tokio::test]
async fn sessions_end_with_their_password_and_follow_their_groups() {
    let api = Harness::start().await;
    let users = "/apis/longshore.dev/v1/users";
    let hash = |password: &str| api::hash_password(password).unwrap();
    let user = json!({"metadata": {"name": "jane"}, "spec": {"passwordHash": hash("one"), "groups": ["a"]}});
    let (code, made) = api.ask("POST", users, user).await;
    assert_eq!(code, 201, "{made}");
    let log_in = async |password: &str| {
        let session = json!({"spec": {"user": "jane", "password": password}});
        let (code, answer) = api.ask("POST", "/apis/longshore.dev/v1/sessions", session).await;
        (code, answer["status"]["token"].as_str().unwrap_or_default().to_owned())
    };
    let change = async |spec: Value| {
        let media = "application/merge-patch+json";
        let path = format!("{users}/jane");
        let (code, answer) = api.ask_as("PATCH", &path, media, json!({"spec": spec})).await;
        assert_eq!(code, 200, "{answer}");
    };
    let (code, first) = log_in("one").await;
    assert_eq!(code, 201);
    change(json!({"groups": ["b"]})).await;
    let user = api.api.authenticate(Some(&first)).await.unwrap();
    assert!(user.is_in("b") && !user.is_in("a"), "{:?}", user.groups);
    change(json!({"passwordHash": hash("two")})).await;
    assert!(api.api.authenticate(Some(&first)).await.is_err(), "another password");
    let (_, second) = log_in("two").await;
    api.api.authenticate(Some(&second)).await.unwrap();
    change(json!({"disabled": true})).await;
    assert!(api.api.authenticate(Some(&second)).await.is_err(), "disabled");
    assert_eq!(log_in("two").await.0, 401);
}

/// Conformance: [sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount
#[tokio::test]
async fn service_accounts_run_through_their_lifecycle() {
    let api = Harness::start().await;
    let mut watch = api.watch(&format!("{ACCOUNTS}?watch=true&labelSelector=test=life")).await;
    let body = json!({"metadata": {"name": "bot", "labels": {"test": "life"}},
        "automountServiceAccountToken": true});
    assert_eq!(api.ask("POST", ACCOUNTS, body).await.0, 201);
    assert_eq!(watch.next().await["type"], "ADDED");
    let path = format!("{ACCOUNTS}/bot");
    let off = json!({"automountServiceAccountToken": false});
    let (code, patched) = api.ask_as("PATCH", &path, "application/merge-patch+json", off).await;
    assert_eq!((code, &patched["automountServiceAccountToken"]), (200, &json!(false)));
    assert_eq!(watch.next().await["type"], "MODIFIED");
    let all = api.get("/api/v1/serviceaccounts?labelSelector=test=life").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    let (code, _) =
        api.ask("DELETE", &format!("{ACCOUNTS}?labelSelector=test=life"), Value::Null).await;
    assert_eq!(code, 200);
    assert_eq!(watch.next().await["type"], "DELETED");
    assert_eq!(api.ask("GET", &path, Value::Null).await.0, 404);
}

/// Conformance: [sig-auth] ServiceAccounts should update a ServiceAccount
#[tokio::test]
async fn service_accounts_are_updated() {
    let api = Harness::start().await;
    let (_, mut account) = api.ask("POST", ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    account["automountServiceAccountToken"] = true.into();
    let path = format!("{ACCOUNTS}/bot");
    let (code, updated) = api.ask("PUT", &path, account).await;
    assert_eq!((code, &updated["automountServiceAccountToken"]), (200, &json!(true)));
    assert_eq!(api.get(&path).await["automountServiceAccountToken"], true);
}

/// Conformance: [sig-auth] ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC
/// discovery of service account issuer
#[tokio::test]
async fn service_account_issuer_is_discovered() {
    let api = Harness::start().await;
    api.ask("POST", ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    let (_, answer) = token_of(&api, "bot", json!({"audiences": ["oidc-discovery-test"]})).await;
    let text = answer["status"]["token"].as_str().unwrap();
    // The documents are for every service account, whatever it may do.
    let (_, own) = token_of(&api, "bot", json!({})).await;
    let own = own["status"]["token"].as_str().unwrap();
    let read = async |path: &str| {
        let (code, document) = ask_with(&api, own, "GET", path, Value::Null).await;
        assert_eq!(code, 200, "{document}");
        document
    };
    let configuration = read("/.well-known/openid-configuration").await;
    let claims = claims(text);
    assert_eq!(configuration["issuer"], claims["iss"]);
    let keys_at = configuration["jwks_uri"].as_str().unwrap();
    let path = keys_at.strip_prefix(claims["iss"].as_str().unwrap()).unwrap();
    let keys = read(path).await;
    let header = BASE64_URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let known = keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]);
    assert!(known, "{keys}");
    assert_eq!(claims["aud"], json!(["oidc-discovery-test"]));
}

fn certificate_request() -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "jane");
    let key = KeyPair::generate().unwrap();
    BASE64_STANDARD.encode(params.serialize_request(&key).unwrap().pem().unwrap())
}

/// Conformance: [sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API
/// operations
#[tokio::test]
async fn certificates_api_supports_csr_operations() {
    let api = Harness::start().await;
    let groups = api.get("/apis/certificates.k8s.io").await;
    assert_eq!(groups["preferredVersion"]["version"], "v1");
    let resources = api.get("/apis/certificates.k8s.io/v1").await;
    let names: Vec<&str> = resources["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    for name in ["", "/approval", "/status"] {
        assert!(names.contains(&&*format!("certificatesigningrequests{name}")), "{names:?}");
    }
    let mut watch = api.watch(&format!("{REQUESTS}?watch=true")).await;
    let body = json!({"metadata": {"generateName": "e2e-"}, "spec": {
        "request": certificate_request(), "signerName": "example.com/e2e", "expirationSeconds": 3600,
        "usages": ["digital signature", "key encipherment", "server auth"]}});
    let (code, made) = api.ask("POST", REQUESTS, body).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(watch.next().await["type"], "ADDED");
    assert_eq!(made["spec"]["username"], "admin");
    assert_eq!(made["spec"]["groups"], json!(["system:masters", "system:authenticated"]));
    let path = format!("{REQUESTS}/{}", made["metadata"]["name"].as_str().unwrap());
    let merge = "application/merge-patch+json";
    let noted = json!({"metadata": {"annotations": {"patched": "true"}}});
    assert_eq!(api.ask_as("PATCH", &path, merge, noted).await.0, 200);
    let mut approved = api.get(&path).await;
    approved["status"]["conditions"] =
        json!([{"type": "Approved", "status": "True", "reason": "E2E", "message": "by a test"}]);
    let (code, approved) = api.ask("PUT", &format!("{path}/approval"), approved).await;
    assert_eq!(code, 200, "{approved}");
    let condition = &approved["status"]["conditions"][0];
    assert!(condition["lastTransitionTime"].is_string() && condition["lastUpdateTime"].is_string());
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::default().self_signed(&key).unwrap().pem();
    let mut signed = api.get(&path).await;
    signed["status"]["certificate"] = BASE64_STANDARD.encode(pem).into();
    let (code, signed) = api.ask("PUT", &format!("{path}/status"), signed).await;
    assert_eq!(code, 200, "{signed}");
    assert_eq!(api.get(&format!("{path}/status")).await["status"], signed["status"]);
    let mut other = signed.clone();
    other["status"]["conditions"] = json!([]);
    assert_eq!(api.ask("PUT", &format!("{path}/approval"), other).await.0, 422);
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(api.ask("GET", &path, Value::Null).await.0, 404);
    assert_eq!(api.ask("DELETE", REQUESTS, Value::Null).await.0, 200);
}

/// Conformance: [sig-auth] SubjectReview should support SubjectReview API operations
#[tokio::test]
async fn subject_reviews_agree_with_the_impersonated() {
    let api = Harness::start().await;
    let user = "system:serviceaccount:default:e2e";
    let resource = json!({"verb": "get", "resource": "services", "namespace": "default"});
    let of_cluster = json!({"spec": {"user": user, "resourceAttributes": resource}});
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let local = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    let agree = async |allowed: bool| {
        for path in [path, local] {
            let (code, review) = api.ask("POST", path, of_cluster.clone()).await;
            assert_eq!(code, 201, "{review}");
            assert_eq!(review["status"]["allowed"], allowed, "{review}");
        }
        let services = "/api/v1/namespaces/default/services/kubernetes";
        let request = api.request("GET", services).header("impersonate-user", user);
        let code = api.full(request.body(Bytes::new()).unwrap()).await.status();
        assert_eq!(code != 403, allowed, "{code}");
    };
    agree(false).await;
    let binding = json!({"metadata": {"name": "e2e"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "e2e", "namespace": "default"}]});
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    assert_eq!(api.ask("POST", bindings, binding).await.0, 201);
    agree(true).await;
    let mut elsewhere = of_cluster.clone();
    elsewhere["spec"]["resourceAttributes"]["namespace"] = "other".into();
    assert_eq!(api.ask("POST", local, elsewhere).await.0, 422);
}

#[tokio::test]
async fn impersonation_is_a_right_of_its_own() {
    let api = Harness::start().await;
    api.ask("POST", ACCOUNTS, json!({"metadata": {"name": "bot"}})).await;
    let (_, answer) = token_of(&api, "bot", json!({})).await;
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = Request::post(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = api.full(request.body("{}".into()).unwrap()).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), answer["message"].as_str().unwrap_or_default().to_owned())
    };
    let role = json!({"metadata": {"name": "stand-in"}, "rules": [
        {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["jane"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"], "verbs": ["impersonate"]}]});
    let binding = json!({"metadata": {"name": "stand-in"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "stand-in"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "default"}]});
    let root = "/apis/rbac.authorization.k8s.io/v1";
    assert_eq!(api.ask("POST", &format!("{root}/clusterroles"), role).await.0, 201);
    assert_eq!(api.ask("POST", &format!("{root}/clusterrolebindings"), binding).await.0, 201);
    let jane = ("impersonate-user", "jane");
    assert_eq!(ask(&[jane]).await.0, 201);
    assert_eq!(ask(&[jane, ("impersonate-extra-scopes", "view")]).await.0, 201);
    let me = "system:serviceaccount:default:bot";
    for (headers, why) in [
        (
            &[("impersonate-user", "admin")][..],
            format!(
                "users \"admin\" is forbidden: User {me:?} cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
            ),
        ),
        (
            &[jane, ("impersonate-group", "system:masters")],
            format!(
                "groups \"system:masters\" is forbidden: User {me:?} cannot impersonate resource \"groups\" in API group \"\" at the cluster scope"
            ),
        ),
        (
            &[jane, ("impersonate-uid", "1")],
            format!(
                "uids.authentication.k8s.io \"1\" is forbidden: User {me:?} cannot impersonate resource \"uids\" in API group \"authentication.k8s.io\" at the cluster scope"
            ),
        ),
        (
            &[("impersonate-user", "system:serviceaccount:kube-system:root")],
            format!(
                "serviceaccounts \"root\" is forbidden: User {me:?} cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"kube-system\""
            ),
        ),
    ] {
        assert_eq!(ask(headers).await, (403, why));
    }
    assert_eq!(ask(&[("impersonate-group", "x")]).await.0, 400);
}

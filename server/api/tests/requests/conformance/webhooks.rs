//! Webhooks, as the conformance suite's webhook server answers them; this one answers by HTTPS on
//! the loopback.

use object::Key;
use planning::access::User;
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    webhook_server::{Reply, Webhook, configure, mutating, validating},
};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MERGE: &str = "application/merge-patch+json";

fn map(name: &str, data: Value) -> Value {
    json!({"metadata": {"name": name}, "data": data})
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

fn add(path: &str, value: Value) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

/// Adds what comes next to a config map: each stage sees the one before.
fn stages(path: &str, request: &Value) -> Reply {
    let data = &request["object"]["data"];
    match path {
        "/first" if data["mutation-start"] == "yes" => {
            Reply::Patch(add("/data/mutation-stage-1", json!("yes")))
        }
        "/second" if data["mutation-stage-1"] == "yes" => {
            Reply::Patch(add("/data/mutation-stage-2", json!("yes")))
        }
        _ => Reply::Allow,
    }
}

/// Refuses what says that it is unwanted.
fn unwanted(_: &str, request: &Value) -> Reply {
    let is = |object: &Value| object["data"]["webhook-e2e-test"] == "webhook-disallow";
    match request["operation"].as_str() {
        Some("DELETE") if is(&request["oldObject"]) => Reply::Deny("it contains unwanted key"),
        Some("CREATE" | "UPDATE") if is(&request["object"]) => {
            Reply::Deny("the configmap contains unwanted key and value")
        }
        _ => Reply::Allow,
    }
}

fn disallowed(name: &str) -> Value {
    map(name, json!({"webhook-e2e-test": "webhook-disallow"}))
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work [Conformance]
#[tokio::test]
async fn listing_mutating_webhooks() {
    let api = Harness::start().await;
    let webhook = Webhook::start(stages).await;
    let maps = json!(["configmaps"]);
    for number in 0..10 {
        let name = format!("w{number}.example.com");
        let hook = webhook.at(&name, "/first", json!(["CREATE"]), maps.clone());
        configure(&api, &mutating(), &format!("c{number}"), vec![hook]).await;
    }
    let labelled = format!("{}?labelSelector=of%3Dtest", mutating());
    assert_eq!(api.get(&labelled).await["items"].as_array().unwrap().len(), 10);
    let start = json!({"mutation-start": "yes"});
    let (_, made) = api.ask("POST", MAPS, map("a", start.clone())).await;
    assert_eq!(made["data"]["mutation-stage-1"], "yes");
    assert_eq!(api.ask("DELETE", &labelled, Value::Null).await.0, 200);
    let (_, made) = api.ask("POST", MAPS, map("b", start.clone())).await;
    assert_eq!(made["data"], start);
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work [Conformance]
#[tokio::test]
async fn listing_validating_webhooks() {
    let api = Harness::start().await;
    let webhook = Webhook::start(unwanted).await;
    for number in 0..10 {
        let name = format!("w{number}.example.com");
        let hook = webhook.at(&name, "/", json!(["CREATE"]), json!(["configmaps"]));
        configure(&api, &validating(), &format!("c{number}"), vec![hook]).await;
    }
    let labelled = format!("{}?labelSelector=of%3Dtest", validating());
    assert_eq!(api.get(&labelled).await["items"].as_array().unwrap().len(), 10);
    let (code, status) = api.ask("POST", MAPS, disallowed("a")).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("denied the request"));
    assert_eq!(api.ask("DELETE", &labelled, Value::Null).await.0, 200);
    assert_eq!(api.ask("POST", MAPS, disallowed("a")).await.0, 201);
}

/// Takes CREATE out of the rules by an update, and puts it back by a patch.
async fn without_create_and_with(api: &Harness, collection: &str, tries: impl AsyncFn(bool)) {
    let path = format!("{collection}/one");
    let mut stored = api.get(&path).await;
    stored["webhooks"][0]["rules"][0]["operations"] = json!(["UPDATE"]);
    assert_eq!(api.ask("PUT", &path, stored).await.0, 200);
    tries(false).await;
    let patch =
        json!([{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]);
    let (code, _) = api.ask_as("PATCH", &path, "application/json-patch+json", patch).await;
    assert_eq!(code, 200);
    tries(true).await;
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work [Conformance]
#[tokio::test]
async fn patching_and_updating_a_mutating_webhook() {
    let api = Harness::start().await;
    let webhook = Webhook::start(stages).await;
    let hook = webhook.at("w.example.com", "/first", json!(["CREATE"]), json!(["configmaps"]));
    configure(&api, &mutating(), "one", vec![hook]).await;
    without_create_and_with(&api, &mutating(), async |is_asked| {
        let body = map(&format!("m-{is_asked}"), json!({"mutation-start": "yes"}));
        let (_, made) = api.ask("POST", MAPS, body).await;
        assert_eq!(made["data"].get("mutation-stage-1").is_some(), is_asked, "{made}");
    })
    .await;
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work [Conformance]
#[tokio::test]
async fn patching_and_updating_a_validating_webhook() {
    let api = Harness::start().await;
    let webhook = Webhook::start(unwanted).await;
    let hook = webhook.at("w.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
    configure(&api, &validating(), "one", vec![hook]).await;
    without_create_and_with(&api, &validating(), async |is_asked| {
        let (code, _) = api.ask("POST", MAPS, disallowed(&format!("m-{is_asked}"))).await;
        assert_eq!(code, if is_asked { 400 } else { 201 });
    })
    .await;
}

fn conditional(name: &str, expression: &str) -> Value {
    json!({
        "name": "w.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "matchConditions": [{"name": name, "expression": expression}],
        "rules": [{
            "operations": ["CREATE"], "resources": ["configmaps"], "apiGroups": [""],
            "apiVersions": ["v1"],
        }],
    })
}

async fn bad_conditions_are_refused(collection: &str) {
    let api = Harness::start().await;
    for expression in ["... [] bad expression", "object.metadata.name.nope()", "undeclared == 1"] {
        let hooks = vec![conditional("bad", expression)];
        let body = json!({"metadata": {"name": "one"}, "webhooks": hooks});
        let (code, status) = api.ask("POST", collection, body).await;
        assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{status}");
        let message = status["message"].as_str().unwrap();
        assert!(message.contains("compilation failed"), "{message}");
        let field = &status["details"]["causes"][0]["field"];
        assert_eq!(field, "webhooks[0].matchConditions[0].expression");
    }
    let body = json!({"metadata": {"name": "one"}, "webhooks": [conditional("bad", "'text'")]});
    let (_, status) = api.ask("POST", collection, body).await;
    assert!(status["message"].as_str().unwrap().contains("must evaluate to bool"), "{status}");
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions [Conformance]
#[tokio::test]
async fn mutating_webhook_configurations_with_invalid_match_conditions() {
    bad_conditions_are_refused(&mutating()).await;
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions [Conformance]
#[tokio::test]
async fn validating_webhook_configurations_with_invalid_match_conditions() {
    bad_conditions_are_refused(&validating()).await;
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod [Conformance]
#[tokio::test]
async fn attaching_to_a_pod_is_denied() {
    let api = Harness::start().await;
    assert_eq!(api.ask("POST", PODS, pod("to-be-attached-pod")).await.0, 201);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"name": "one"}});
    let path = format!("{PODS}/to-be-attached-pod/binding");
    assert_eq!(api.ask("POST", &path, binding).await.0, 201);
    let webhook = Webhook::start(|_, _| Reply::Deny("attaching to pod is not allowed")).await;
    let hook = webhook.at("w.example.com", "/", json!(["CONNECT"]), json!(["pods/attach"]));
    configure(&api, &validating(), "one", vec![hook]).await;
    let admin = api.api.client_as(User::new("admin", &["system:masters"]));
    let key = Key::new("pods", "default", "to-be-attached-pod");
    let refused = admin.connect(&key, "attach", "container=c&stdin=true").await.err().unwrap();
    let message =
        "admission webhook \"w.example.com\" denied the request: attaching to pod is not allowed";
    assert_eq!(refused.message, message);
    let asked = &webhook.questions()[0];
    assert_eq!(asked["kind"]["kind"], "PodAttachOptions");
    let options =
        json!({"apiVersion": "v1", "kind": "PodAttachOptions", "container": "c", "stdin": true});
    assert_eq!(asked["object"], options);
    assert_eq!((&asked["operation"], &asked["subResource"]), (&json!("CONNECT"), &json!("attach")));
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation [Conformance]
#[tokio::test]
async fn pods_and_configmaps_are_denied() {
    let api = Harness::start().await;
    let spaces = "/api/v1/namespaces";
    let exempt =
        json!({"metadata": {"name": "exempt", "labels": {"skip-webhook-admission": "yes"}}});
    assert_eq!(api.ask("POST", spaces, exempt).await.0, 201);
    let webhook = Webhook::start(|path, request| match path {
        "/pods" if request["name"] == "hangs" => Reply::Hang,
        "/pods" if request["name"] == "disallowed" => {
            Reply::Deny("the pod contains unwanted container name")
        }
        "/pods" => Reply::Allow,
        path => unwanted(path, request),
    })
    .await;
    let both = json!(["CREATE", "UPDATE"]);
    let pods = webhook.at("pods.example.com", "/pods", both.clone(), json!(["pods"]));
    let mut hooks =
        vec![pods, webhook.at("maps.example.com", "/maps", both, json!(["configmaps"]))];
    for hook in &mut hooks {
        hook["timeoutSeconds"] = json!(1);
        let skip =
            json!([{"key": "skip-webhook-admission", "operator": "NotIn", "values": ["yes"]}]);
        hook["namespaceSelector"] = json!({"matchExpressions": skip});
    }
    configure(&api, &validating(), "one", hooks).await;
    let (code, status) = api.ask("POST", PODS, pod("disallowed")).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("unwanted container name"), "{status}");
    let (code, status) = api.ask("POST", PODS, pod("hangs")).await;
    assert_eq!(code, 500, "{status}");
    assert!(status["message"].as_str().unwrap().contains("context deadline exceeded"), "{status}");
    assert_eq!(api.ask("POST", MAPS, disallowed("d")).await.0, 400);
    assert_eq!(api.ask("POST", MAPS, map("good", json!({}))).await.0, 201);
    let good = format!("{MAPS}/good");
    let bad = json!({"data": {"webhook-e2e-test": "webhook-disallow"}});
    let (code, status) = api.ask_as("PATCH", &good, MERGE, bad.clone()).await;
    assert_eq!(code, 400, "{status}");
    let mut stored = api.get(&good).await;
    stored["data"] = bad["data"].clone();
    assert_eq!(api.ask("PUT", &good, stored).await.0, 400);
    let there = "/api/v1/namespaces/exempt/configmaps";
    assert_eq!(api.ask("POST", there, disallowed("d")).await.0, 201);
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation [Conformance]
#[tokio::test]
async fn the_creation_of_a_crd_is_denied() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, request| {
        match request["object"]["metadata"]["labels"]["webhook-e2e-test"].as_str() {
            Some("webhook-disallow") => Reply::Deny("the crd contains unwanted label"),
            _ => Reply::Allow,
        }
    })
    .await;
    let crds = json!(["customresourcedefinitions"]);
    let hook = webhook.at("w.example.com", "/", json!(["CREATE"]), crds);
    configure(&api, &validating(), "one", vec![hook]).await;
    let version = json!({
        "name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    });
    let definition = json!({
        "metadata": {"name": "foos.example.com", "labels": {"webhook-e2e-test": "webhook-disallow"}},
        "spec": {
            "group": "example.com", "scope": "Cluster", "versions": [version],
            "names": {"plural": "foos", "kind": "Foo"},
        },
    });
    let collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (code, status) = api.ask("POST", collection, definition).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("the crd contains unwanted label"));
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout [Conformance]
#[tokio::test]
async fn timeouts_are_honoured() {
    let api = Harness::start().await;
    let webhook =
        Webhook::start(|path, _| if path == "/slow" { Reply::Hang } else { Reply::Allow }).await;
    for (name, policy, path, code) in [
        ("short-fail", "Fail", "/slow", 500),
        ("short-ignore", "Ignore", "/slow", 201),
        ("long-enough", "Fail", "/", 201),
    ] {
        let mut hook = webhook.at("w.example.com", path, json!(["CREATE"]), json!(["configmaps"]));
        hook["failurePolicy"] = json!(policy);
        hook["timeoutSeconds"] = json!(1);
        configure(&api, &validating(), name, vec![hook]).await;
        let (answered, status) = api.ask("POST", MAPS, map(name, json!({}))).await;
        assert_eq!(answered, code, "{name}: {status}");
        api.ask("DELETE", &format!("{}/{name}", validating()), Value::Null).await;
    }
    // Ten seconds are the default.
    let hook = webhook.at("w.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
    configure(&api, &validating(), "default", vec![hook]).await;
    let stored = api.get(&format!("{}/default", validating())).await;
    assert_eq!(stored["webhooks"][0]["timeoutSeconds"], 10);
    assert_eq!(api.ask("POST", MAPS, map("by-default", json!({}))).await.0, 201);
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap [Conformance]
#[tokio::test]
async fn a_configmap_is_mutated_in_stages() {
    let api = Harness::start().await;
    let webhook = Webhook::start(stages).await;
    let at = |name: &str, path| webhook.at(name, path, json!(["CREATE"]), json!(["configmaps"]));
    let hooks = vec![at("first.example.com", "/first"), at("second.example.com", "/second")];
    configure(&api, &mutating(), "one", hooks).await;
    let (_, made) = api.ask("POST", MAPS, map("a", json!({"mutation-start": "yes"}))).await;
    let all =
        json!({"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"});
    assert_eq!(made["data"], all);
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps [Conformance]
#[tokio::test]
async fn everything_but_skip_me_is_mutated() {
    let api = Harness::start().await;
    let webhook = Webhook::start(stages).await;
    let mut hook = webhook.at("w.example.com", "/first", json!(["CREATE"]), json!(["configmaps"]));
    let condition = json!({"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"});
    hook["matchConditions"] = json!([condition]);
    configure(&api, &mutating(), "one", vec![hook]).await;
    for (name, is_mutated) in [("skip-me", false), ("other", true)] {
        let (_, made) = api.ask("POST", MAPS, map(name, json!({"mutation-start": "yes"}))).await;
        assert_eq!(made["data"].get("mutation-stage-1").is_some(), is_mutated, "{made}");
    }
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation [Conformance]
#[tokio::test]
async fn a_mutated_pod_gets_its_defaults() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| {
        let containers = json!([{"name": "webhook-added-init-container", "image": "i"}]);
        Reply::Patch(add("/spec/initContainers", containers))
    })
    .await;
    let hook = webhook.at("w.example.com", "/", json!(["CREATE"]), json!(["pods"]));
    configure(&api, &mutating(), "one", vec![hook]).await;
    let (code, made) = api.ask("POST", PODS, pod("a")).await;
    assert_eq!(code, 201, "{made}");
    let added = &made["spec"]["initContainers"][0];
    assert_eq!(added["name"], "webhook-added-init-container");
    assert_eq!(added["terminationMessagePolicy"], "File");
    assert!(added["volumeMounts"].is_array(), "the account's token is mounted there, too: {added}");
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects [Conformance]
#[tokio::test]
async fn webhook_configurations_are_exempt() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|path, _| match path {
        "/mutate" => Reply::Patch(add("/metadata/labels/added", json!("yes"))),
        _ => Reply::Deny("never"),
    })
    .await;
    let all = json!(["*"]);
    let configurations =
        json!(["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]);
    let hook = webhook.at("m.example.com", "/mutate", all.clone(), configurations.clone());
    configure(&api, &mutating(), "all", vec![hook]).await;
    let hook = webhook.at("v.example.com", "/deny", all, configurations);
    configure(&api, &validating(), "all", vec![hook]).await;
    for collection in [mutating(), validating()] {
        configure(&api, &collection, "dummy", vec![conditional("c", "true")]).await;
        let path = format!("{collection}/dummy");
        assert_eq!(api.get(&path).await["metadata"]["labels"], json!({"of": "test"}));
        assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
    }
    assert!(webhook.questions().is_empty());
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook [Conformance]
#[tokio::test]
async fn a_webhook_that_fails_closed_refuses_everything() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Allow).await;
    let mut hook = webhook.at("fail-closed.k8s.io", "/", json!(["CREATE"]), json!(["configmaps"]));
    let service =
        json!({"namespace": "default", "name": "e2e-test-webhook", "path": "/configmaps"});
    hook["clientConfig"] = json!({"service": service});
    configure(&api, &validating(), "one", vec![hook]).await;
    let (code, status) = api.ask("POST", MAPS, map("foo", json!({}))).await;
    assert_eq!((code, &status["reason"]), (500, &json!("InternalError")), "{status}");
    let message = "Internal error occurred: failed calling webhook \"fail-closed.k8s.io\": failed to call webhook: Post \"https://e2e-test-webhook.default.svc:443/configmaps?timeout=10s\": service \"e2e-test-webhook\" not found";
    assert_eq!(status["message"], message);
}

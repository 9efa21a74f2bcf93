//! Webhooks: what they are asked, what their answers do, and what becomes of a request when they
//! do not answer.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::{
    backends,
    harness::Harness,
    webhook_server::{Reply, Webhook, answer, configure, mutating, validating},
};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"a": "1"}})
}

#[tokio::test]
async fn a_webhook_is_asked_what_kubernetes_asks() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Allow).await;
    let all = json!(["*"]);
    let hooks = vec![webhook.at("all.example.com", "/x", all.clone(), json!(["configmaps"]))];
    configure(&api, &validating(), "one", hooks).await;
    assert_eq!(api.ask("POST", &format!("{MAPS}?dryRun=All"), map("a")).await.0, 201);
    let asked = &webhook.questions()[0];
    assert_eq!(asked["kind"], json!({"group": "", "version": "v1", "kind": "ConfigMap"}));
    assert_eq!(asked["resource"], json!({"group": "", "version": "v1", "resource": "configmaps"}));
    assert_eq!(asked["requestKind"], asked["kind"]);
    assert_eq!((&asked["name"], &asked["namespace"]), (&json!("a"), &json!("default")));
    assert_eq!((&asked["operation"], &asked["dryRun"]), (&json!("CREATE"), &json!(true)));
    assert_eq!(asked["userInfo"]["username"], "admin");
    assert_eq!(asked["object"]["data"], json!({"a": "1"}));
    assert_eq!(asked["oldObject"], Value::Null);
    assert_eq!(asked["options"]["kind"], "CreateOptions");
    api.ask("POST", MAPS, map("a")).await;
    webhook.questions();
    let patch = json!({"data": {"a": "2"}});
    let path = format!("{MAPS}/a");
    assert_eq!(api.ask_as("PATCH", &path, "application/merge-patch+json", patch).await.0, 200);
    let asked = &webhook.questions()[0];
    assert_eq!(asked["operation"], "UPDATE");
    assert_eq!(
        (&asked["object"]["data"]["a"], &asked["oldObject"]["data"]["a"]),
        (&json!("2"), &json!("1"))
    );
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
    let asked = &webhook.questions()[0];
    assert_eq!((&asked["operation"], &asked["object"]), (&json!("DELETE"), &Value::Null));
    assert_eq!(asked["oldObject"]["data"]["a"], "2");
    assert_eq!(asked["options"]["kind"], "DeleteOptions");
}

#[tokio::test]
async fn refusals_have_the_code_and_the_words_of_the_webhook() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, request| match request["name"].as_str().unwrap() {
        "plain" => Reply::Deny("no way"),
        "mute" => Reply::Response(json!({"allowed": false})),
        "coded" => Reply::Response(json!({
            "allowed": false, "status": {"code": 418, "message": "a teapot"},
        })),
        "reasoned" => Reply::Response(json!({
            "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "no"},
        })),
        _ => Reply::Response(json!({
            "allowed": true, "warnings": ["mind the gap"], "auditAnnotations": {"k": "v"},
        })),
    })
    .await;
    let hook = webhook.at("deny.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
    configure(&api, &validating(), "one", vec![hook]).await;
    let denied = "admission webhook \"deny.example.com\" denied the request";
    for (name, code, reason, message) in [
        ("plain", 400, Value::Null, format!("{denied}: no way")),
        ("mute", 400, Value::Null, format!("{denied} without explanation")),
        ("coded", 418, Value::Null, format!("{denied}: a teapot")),
        ("reasoned", 403, json!("Forbidden"), format!("{denied}: no")),
    ] {
        let (answered, status) = api.ask("POST", MAPS, map(name)).await;
        assert_eq!(answered, code, "{status}");
        assert_eq!((&status["message"], &status["reason"]), (&json!(message), &reason));
    }
    let request = api.request("POST", MAPS).body(Bytes::from(map("fine").to_string())).unwrap();
    let response = api.full(request).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["warning"], "299 - \"mind the gap\"");
}

#[tokio::test]
async fn answers_that_are_none_fail_the_request_or_are_ignored() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|path, _| match path {
        "/garbage" => Reply::Body(200, "garbage".into()),
        "/uid" => Reply::Response(json!({"uid": "other", "allowed": true})),
        "/patch" => Reply::Patch(json!([{"op": "replace", "path": "/no/such", "value": 1}])),
        "/untyped" => Reply::Response(json!({"allowed": true, "patch": "W10="})),
        "/huge" => Reply::Body(200, Bytes::from(vec![b' '; 10 << 20])),
        "/error" => Reply::Body(500, "broken".into()),
        "/missing" => Reply::Body(404, Bytes::new()),
        _ => Reply::Hang,
    })
    .await;
    for (path, part) in [
        ("/garbage", "couldn't get version/kind; json parse error"),
        ("/uid", "received invalid webhook response: expected response.uid="),
        ("/untyped", "webhook returned response.patch but not response.patchType"),
        ("/huge", "the answer is longer than 8388608 bytes"),
        ("/error", "an error on the server (\"broken\") has prevented the request from succeeding"),
        ("/missing", "the server could not find the requested resource"),
        ("/hang", "/hang?timeout=1s\": context deadline exceeded"),
    ] {
        let mut hook = webhook.at("x.example.com", path, json!(["CREATE"]), json!(["configmaps"]));
        hook["timeoutSeconds"] = json!(1);
        configure(&api, &mutating(), "one", vec![hook.clone()]).await;
        let (code, status) = api.ask("POST", MAPS, map("a")).await;
        let message = status["message"].as_str().unwrap();
        assert_eq!((code, &status["reason"]), (500, &json!("InternalError")), "{status}");
        let start = "Internal error occurred: failed calling webhook \"x.example.com\": ";
        assert!(message.starts_with(start) && message.contains(part), "{message}");
        hook["failurePolicy"] = json!("Ignore");
        let one = format!("{}/one", mutating());
        let body = json!({"metadata": {"name": "one"}, "webhooks": [hook]});
        assert_eq!(api.ask("PUT", &one, body).await.0, 200);
        let name = format!("ignored-{}", &path[1..]);
        assert_eq!(api.ask("POST", MAPS, map(&name)).await.0, 201);
        assert_eq!(api.ask("DELETE", &one, Value::Null).await.0, 200);
    }
    let hook = webhook.at("x.example.com", "/patch", json!(["CREATE"]), json!(["configmaps"]));
    configure(&api, &mutating(), "one", vec![hook]).await;
    let (code, status) = api.ask("POST", MAPS, map("a")).await;
    assert_eq!(code, 500, "{status}");
    assert!(status["message"].as_str().unwrap().contains("does not apply"), "{status}");
}

#[tokio::test]
async fn nobody_is_believed_without_a_certificate() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Allow).await;
    let other = Webhook::start(|_, _| Reply::Allow).await;
    for bundle in [Value::Null, json!(other.bundle)] {
        let mut hook = webhook.at("x.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
        hook["clientConfig"]["caBundle"] = bundle;
        configure(&api, &validating(), "one", vec![hook]).await;
        let (code, status) = api.ask("POST", MAPS, map("a")).await;
        assert_eq!(code, 500, "{status}");
        assert!(status["message"].as_str().unwrap().contains("tls"), "{status}");
        api.ask("DELETE", &format!("{}/one", validating()), Value::Null).await;
    }
    let mut hook = webhook.at("x.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
    hook["clientConfig"]["url"] = json!("https://127.0.0.1:1/");
    configure(&api, &validating(), "one", vec![hook]).await;
    let (_, status) = api.ask("POST", MAPS, map("a")).await;
    let message = "Internal error occurred: failed calling webhook \"x.example.com\": failed to call webhook: Post \"https://127.0.0.1:1/?timeout=10s\": dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(status["message"], message);
}

/// A patch is read as what is sent: defaults are filled in, unknown fields are dropped, names stay,
/// and who wrote owns what was changed.
#[tokio::test]
async fn a_patched_object_is_completed_and_owned() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, request| {
        if request["operation"] != "CREATE" {
            return Reply::Allow;
        }
        Reply::Patch(json!([
            {"op": "add", "path": "/data/b", "value": "2"},
            {"op": "replace", "path": "/metadata/name", "value": "other"},
            {"op": "add", "path": "/unknown", "value": true},
        ]))
    })
    .await;
    let hook = webhook.at("m.example.com", "/", json!(["*"]), json!(["configmaps"]));
    configure(&api, &mutating(), "one", vec![hook]).await;
    let (code, created) = api.ask("POST", &format!("{MAPS}?fieldManager=me"), map("a")).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["metadata"]["name"], "a");
    assert_eq!(created["data"], json!({"a": "1", "b": "2"}));
    assert_eq!(created.get("unknown"), None);
    let owners = created["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert!(owners[0]["fieldsV1"]["f:data"]["f:b"].is_object(), "{owners:?}");
}

/// The first is asked again, since the second changed what it had seen; the others are not.
#[tokio::test]
async fn webhooks_are_reinvoked_if_needed() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|path, request| {
        let has_b = request["object"]["data"].get("b").is_some();
        let has_seen = request["object"]["data"].get("seen").is_some();
        match path {
            "/first" if has_b && !has_seen => {
                Reply::Patch(json!([{"op": "add", "path": "/data/seen", "value": "b"}]))
            }
            "/second" if !has_b => {
                Reply::Patch(json!([{"op": "add", "path": "/data/b", "value": "2"}]))
            }
            _ => Reply::Allow,
        }
    })
    .await;
    for (name, path, reinvocation) in
        [("a", "/first", "IfNeeded"), ("b", "/second", "IfNeeded"), ("c", "/third", "Never")]
    {
        let name_of_hook = format!("{name}.example.com");
        let mut hook = webhook.at(&name_of_hook, path, json!(["CREATE"]), json!(["configmaps"]));
        hook["reinvocationPolicy"] = json!(reinvocation);
        configure(&api, &mutating(), name, vec![hook]).await;
    }
    let (code, created) = api.ask("POST", MAPS, map("a")).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["data"]["seen"], "b");
    assert_eq!(webhook.questions().len(), 4);
}

#[tokio::test]
async fn selectors_and_scopes_say_who_is_asked() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Deny("no")).await;
    let spaces = "/api/v1/namespaces";
    let free = json!({"metadata": {"name": "free", "labels": {"skip": "yes"}}});
    assert_eq!(api.ask("POST", spaces, free).await.0, 201);
    let mut hook = webhook.at("x.example.com", "/", json!(["CREATE"]), json!(["*"]));
    hook["namespaceSelector"] =
        json!({"matchExpressions": [{"key": "skip", "operator": "DoesNotExist"}]});
    hook["objectSelector"] = json!({"matchLabels": {"watched": "yes"}});
    configure(&api, &validating(), "one", vec![hook]).await;
    let watched = json!({"metadata": {"name": "w", "labels": {"watched": "yes"}}});
    assert_eq!(api.ask("POST", MAPS, watched.clone()).await.0, 400);
    assert_eq!(api.ask("POST", MAPS, map("unwatched")).await.0, 201);
    let there = "/api/v1/namespaces/free/configmaps";
    assert_eq!(api.ask("POST", there, watched).await.0, 201);
    // A namespace is in itself, as it is written.
    let space = |name: &str, skip: bool| {
        let mut labels = json!({"watched": "yes"});
        if skip {
            labels["skip"] = json!("yes");
        }
        json!({"metadata": {"name": name, "labels": labels}})
    };
    assert_eq!(api.ask("POST", spaces, space("skipping", true)).await.0, 201);
    assert_eq!(api.ask("POST", spaces, space("watched", false)).await.0, 400);
}

/// By default a webhook is asked in the version of its rules, whatever version the request names.
#[tokio::test]
async fn a_kind_is_shown_in_the_version_of_the_rule() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Allow).await;
    for (name, policy) in [("equivalent", "Equivalent"), ("exact", "Exact")] {
        let name_of_hook = format!("{name}.example.com");
        let path = format!("/{name}");
        let mut hook = webhook.at(&name_of_hook, &path, json!(["CREATE"]), json!(["events"]));
        hook["rules"][0]["apiGroups"] = json!([""]);
        hook["matchPolicy"] = json!(policy);
        configure(&api, &validating(), name, vec![hook]).await;
    }
    let event = json!({
        "metadata": {"name": "e"}, "action": "a", "reason": "r", "type": "Normal", "note": "hello",
        "reportingController": "c.example.com", "reportingInstance": "i", "eventTime": "2024-01-01T00:00:00.000000Z",
        "regarding": {"namespace": "default", "kind": "Pod", "name": "p"},
    });
    let events = "/apis/events.k8s.io/v1/namespaces/default/events";
    let (code, answer) = api.ask("POST", events, event).await;
    assert_eq!(code, 201, "{answer}");
    let asked = webhook.questions();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["kind"], json!({"group": "", "version": "v1", "kind": "Event"}));
    assert_eq!(asked[0]["requestKind"]["group"], "events.k8s.io");
    assert_eq!(asked[0]["object"]["message"], "hello");
}

/// What is posted to a part of an object, and a scale, are shown as what they are.
#[tokio::test]
async fn parts_are_shown_as_what_they_are() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, request| match request["subResource"].as_str() {
        Some("scale") => {
            Reply::Patch(json!([{"op": "replace", "path": "/spec/replicas", "value": 5}]))
        }
        Some(_) => Reply::Deny("stay"),
        None => Reply::Allow,
    })
    .await;
    let resources = json!(["deployments/scale", "pods/eviction", "pods/binding"]);
    let hook = webhook.at("parts.example.com", "/", json!(["*"]), resources);
    configure(&api, &mutating(), "one", vec![hook]).await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let labels = json!({"app": "a"});
    let pod = json!({"containers": [{"name": "c", "image": "i"}]});
    let deployment = json!({"metadata": {"name": "d"}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod},
    }});
    assert_eq!(api.ask("POST", deployments, deployment).await.0, 201);
    let scale = json!({"metadata": {"name": "d"}, "spec": {"replicas": 2}});
    let (code, scaled) = api.ask("PUT", &format!("{deployments}/d/scale"), scale).await;
    assert_eq!((code, &scaled["spec"]["replicas"]), (200, &json!(5)), "{scaled}");
    let asked = webhook.questions().pop().unwrap();
    assert_eq!(asked["kind"], json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}));
    assert_eq!(asked["resource"]["resource"], "deployments");
    assert_eq!(
        (&asked["object"]["spec"]["replicas"], &asked["oldObject"]["spec"]["replicas"]),
        (&json!(2), &json!(1))
    );
    let pods = "/api/v1/namespaces/default/pods";
    assert_eq!(api.ask("POST", pods, json!({"metadata": {"name": "p"}, "spec": pod})).await.0, 201);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    let (code, status) = api.ask("POST", &format!("{pods}/p/eviction"), eviction).await;
    assert_eq!(code, 400, "{status}");
    let asked = webhook.questions().pop().unwrap();
    assert_eq!(
        (&asked["kind"]["kind"], &asked["operation"]),
        (&json!("Eviction"), &json!("CREATE"))
    );
}

#[tokio::test]
async fn a_webhook_of_a_service_is_reached_through_the_tunnel_of_its_node() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, _| Reply::Allow).await;
    let (tls, asked): (TlsAcceptor, _) = (webhook.acceptor.clone(), webhook.asked.clone());
    let _agent = backends::agent(&api, move |_, pipe| {
        let (tls, asked) = (tls.clone(), asked.clone());
        async move {
            let stream = tls.accept(pipe).await.unwrap();
            let reply = std::sync::Arc::new(|_: &str, _: &Value| Reply::Deny("by service"));
            backends::serve(stream, move |request| answer(asked.clone(), request, reply.clone()))
                .await;
        }
    });
    backends::service(&api).await;
    let mut hook = webhook.at("x.example.com", "/", json!(["CREATE"]), json!(["configmaps"]));
    let service = json!({"namespace": "default", "name": "web", "port": 80, "path": "/p"});
    hook["clientConfig"] = json!({"service": service, "caBundle": webhook.bundle});
    configure(&api, &validating(), "one", vec![hook]).await;
    let (code, status) = api.ask("POST", MAPS, map("a")).await;
    assert_eq!(code, 400, "{status}");
    assert_eq!(
        status["message"],
        "admission webhook \"x.example.com\" denied the request: by service"
    );
}

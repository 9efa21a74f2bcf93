//! Webhooks on custom resources, and webhooks that convert them.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::{
    backends::{agent, serve, service},
    definitions::{DEFINITIONS, define, definition, version},
    harness::Harness,
    webhook_server::{Reply, Webhook, answer, configure, mutating, validating},
};

const MERGE: &str = "application/merge-patch+json";
const RESOURCES: &str = "/apis/stable.example.com/v1/namespaces/default/e2e-tests";

fn free() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

async fn custom(api: &Harness, versions: Value) {
    define(api, definition("stable.example.com", "e2e-tests", "E2eTest", versions)).await;
}

fn instance(name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "stable.example.com/v1", "kind": "E2eTest", "metadata": {"name": name},
        "data": data,
    })
}

fn unwanted(_: &str, request: &Value) -> Reply {
    let is = |object: &Value| object["data"]["webhook-e2e-test"] == "webhook-disallow";
    match request["operation"].as_str() {
        Some("DELETE") if is(&request["oldObject"]) => Reply::Deny(
            "the custom resource cannot be deleted because it contains unwanted key and value",
        ),
        Some("CREATE" | "UPDATE") if is(&request["object"]) => {
            Reply::Deny("the custom resource contains unwanted data")
        }
        _ => Reply::Allow,
    }
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion [Conformance]
#[tokio::test]
async fn custom_resources_are_denied() {
    let api = Harness::start().await;
    custom(&api, json!([version("v1", true, &free())])).await;
    let webhook = Webhook::start(unwanted).await;
    let all = json!(["CREATE", "UPDATE", "DELETE"]);
    let hook = webhook.at("w.example.com", "/custom-resource", all, json!(["e2e-tests"]));
    configure(&api, &validating(), "one", vec![hook]).await;
    let bad = json!({"webhook-e2e-test": "webhook-disallow"});
    let (code, status) = api.ask("POST", RESOURCES, instance("a", bad.clone())).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("unwanted data"), "{status}");
    let allowed = json!({"webhook-e2e-test": "webhook-allow"});
    assert_eq!(api.ask("POST", RESOURCES, instance("b", allowed.clone())).await.0, 201);
    let path = format!("{RESOURCES}/b");
    let (code, status) = api.ask_as("PATCH", &path, MERGE, json!({"data": bad})).await;
    assert_eq!(code, 400, "{status}");
    // What may not go can go when it has been mended.
    let key = "webhook-e2e-test";
    let without = format!("{}/one", validating());
    let stored = api.get(&without).await;
    assert_eq!(api.ask("DELETE", &without, Value::Null).await.0, 200);
    assert_eq!(api.ask_as("PATCH", &path, MERGE, json!({"data": bad})).await.0, 200);
    configure(&api, &validating(), "two", stored["webhooks"].as_array().unwrap().clone()).await;
    let (code, status) = api.ask("DELETE", &path, Value::Null).await;
    assert_eq!(code, 400, "{status}");
    assert!(status["message"].as_str().unwrap().contains("cannot be deleted"), "{status}");
    let mend = json!({"data": {key: allowed[key]}});
    assert_eq!(api.ask_as("PATCH", &path, MERGE, mend).await.0, 200);
    assert_eq!(api.ask("DELETE", &path, Value::Null).await.0, 200);
}

/// Two webhooks in stages, as for config maps.
async fn stages(api: &Harness) -> Webhook {
    let webhook = Webhook::start(|path, request| {
        let add =
            |key: &str| json!([{"op": "add", "path": format!("/data/{key}"), "value": "yes"}]);
        let data = &request["object"]["data"];
        match path {
            "/first" if data["mutation-start"] == "yes" => Reply::Patch(add("mutation-stage-1")),
            "/second" if data["mutation-stage-1"] == "yes" => Reply::Patch(add("mutation-stage-2")),
            _ => Reply::Allow,
        }
    })
    .await;
    let at = |name: &str, path| {
        webhook.at(name, path, json!(["CREATE", "UPDATE"]), json!(["e2e-tests"]))
    };
    let hooks = vec![at("first.example.com", "/first"), at("second.example.com", "/second")];
    configure(api, &mutating(), "one", hooks).await;
    webhook
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource [Conformance]
#[tokio::test]
async fn custom_resources_are_mutated() {
    let api = Harness::start().await;
    custom(&api, json!([version("v1", true, &free())])).await;
    let _webhook = stages(&api).await;
    let (code, made) =
        api.ask("POST", RESOURCES, instance("a", json!({"mutation-start": "yes"}))).await;
    let all =
        json!({"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"});
    assert_eq!((code, &made["data"]), (201, &all));
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning [Conformance]
#[tokio::test]
async fn mutated_custom_resources_are_pruned() {
    let api = Harness::start().await;
    let data = json!({"type": "object", "properties": {
        "mutation-start": {"type": "string"}, "mutation-stage-1": {"type": "string"},
    }});
    let schema = json!({"type": "object", "properties": {"data": data}});
    custom(&api, json!([version("v1", true, &schema)])).await;
    let _webhook = stages(&api).await;
    let (code, made) =
        api.ask("POST", RESOURCES, instance("a", json!({"mutation-start": "yes"}))).await;
    let known = json!({"mutation-start": "yes", "mutation-stage-1": "yes"});
    assert_eq!((code, &made["data"]), (201, &known));
    assert_eq!(api.get(&format!("{RESOURCES}/a")).await["data"], known);
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version [Conformance]
#[tokio::test]
async fn custom_resources_of_another_stored_version_are_mutated() {
    let api = Harness::start().await;
    custom(&api, json!([version("v1", true, &free()), version("v2", false, &free())])).await;
    let (code, made) = api.ask("POST", RESOURCES, instance("a", json!({}))).await;
    assert_eq!(code, 201, "{made}");
    let webhook = stages(&api).await;
    let patch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true},
    ]);
    let media = "application/json-patch+json";
    let path = format!("{DEFINITIONS}/e2e-tests.stable.example.com");
    let (code, patched) = api.ask_as("PATCH", &path, media, patch).await;
    assert_eq!(code, 200, "{patched}");
    assert_eq!(patched["status"]["storedVersions"], json!(["v1", "v2"]));
    let patch = json!({"data": {"mutation-start": "yes"}});
    let (code, patched) = api.ask_as("PATCH", &format!("{RESOURCES}/a"), MERGE, patch).await;
    let all =
        json!({"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"});
    assert_eq!((code, &patched["data"]), (200, &all), "{patched}");
    assert_eq!(patched["apiVersion"], "stable.example.com/v1");
    assert_eq!(webhook.questions()[0]["kind"]["version"], "v1");
    let two = api.get(&format!("{}/a", RESOURCES.replace("/v1/", "/v2/"))).await;
    assert_eq!((&two["apiVersion"], &two["data"]), (&json!("stable.example.com/v2"), &all));
}

/// `hostPort` of v1 is `host` and `port` of v2.
fn convert(review: &Value) -> Reply {
    let to = &review["desiredAPIVersion"];
    let converted = review["objects"].as_array().unwrap().iter().map(|object| {
        let mut object = object.clone();
        object["apiVersion"] = to.clone();
        let fields = object.as_object_mut().unwrap();
        if to.as_str().unwrap().ends_with("/v2") {
            let both = fields.remove("hostPort").unwrap();
            let (host, port) = both.as_str().unwrap().split_once(':').unwrap();
            fields.insert("host".to_owned(), host.into());
            fields.insert("port".to_owned(), port.into());
        } else {
            let [host, port] = ["host", "port"].map(|name| fields.remove(name).unwrap());
            let both = format!("{}:{}", host.as_str().unwrap(), port.as_str().unwrap());
            fields.insert("hostPort".to_owned(), both.into());
        }
        object
    });
    Reply::Response(json!({
        "result": {"status": "Success"}, "convertedObjects": converted.collect::<Vec<_>>(),
    }))
}

fn versions(stored: &str) -> Value {
    let text = json!({"type": "string"});
    let one = json!({"type": "object", "properties": {"hostPort": text}});
    let two = json!({"type": "object", "properties": {"host": text, "port": text}});
    json!([version("v1", stored == "v1", &one), version("v2", stored == "v2", &two)])
}

async fn convertible(api: &Harness, client: Value) {
    let mut made = definition("stable.example.com", "e2e-tests", "E2eTest", versions("v1"));
    made["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1", "v1beta1"], "clientConfig": client,
    }});
    define(api, made).await;
}

fn addressed(name: &str) -> Value {
    json!({
        "apiVersion": "stable.example.com/v1", "kind": "E2eTest", "metadata": {"name": name},
        "hostPort": "localhost:8080",
    })
}

fn is_in(object: &Value, version: &str) {
    assert_eq!(object["apiVersion"], format!("stable.example.com/{version}"));
    let fields = ["hostPort", "host", "port"].map(|name| object[name].as_str());
    let expected = match version {
        "v1" => [Some("localhost:8080"), None, None],
        _ => [None, Some("localhost"), Some("8080")],
    };
    assert_eq!(fields, expected, "{object}");
}

/// Conformance: [sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2 [Conformance]
#[tokio::test]
async fn a_webhook_that_is_a_service_converts() {
    let api = Harness::start().await;
    service(&api).await;
    let webhook = Webhook::start(|_, review| convert(review)).await;
    let (acceptor, asked) = (webhook.acceptor.clone(), webhook.asked.clone());
    let _agent = agent(&api, move |_, pipe| {
        let (acceptor, asked) = (acceptor.clone(), asked.clone());
        async move {
            let stream = acceptor.accept(pipe).await.expect("it believes the certificate");
            let reply: crate::webhook_server::Replier = Arc::new(|_, review| convert(review));
            serve(stream, move |request: Request<Bytes>| {
                assert_eq!(request.uri().path(), "/crdconvert");
                answer(asked.clone(), request, reply.clone())
            })
            .await;
        }
    });
    let place = json!({"namespace": "default", "name": "web", "path": "/crdconvert", "port": 80});
    convertible(&api, json!({"service": place, "caBundle": webhook.bundle})).await;
    let (code, made) = api.ask("POST", RESOURCES, addressed("cr-instance-1")).await;
    assert_eq!(code, 201, "{made}");
    is_in(&made, "v1");
    let two = api.get(&format!("{}/cr-instance-1", RESOURCES.replace("/v1/", "/v2/"))).await;
    is_in(&two, "v2");
    assert_eq!(two["metadata"]["uid"], made["metadata"]["uid"]);
    assert_eq!(webhook.questions().len(), 1);
}

/// Conformance: [sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs [Conformance]
#[tokio::test]
async fn a_list_of_several_stored_versions_is_converted() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, review| convert(review)).await;
    let client = json!({"url": format!("{}/crdconvert", webhook.url), "caBundle": webhook.bundle});
    convertible(&api, client).await;
    assert_eq!(api.ask("POST", RESOURCES, addressed("cr-instance-1")).await.0, 201);
    let path = format!("{DEFINITIONS}/e2e-tests.stable.example.com");
    let mut stored = api.get(&path).await;
    stored["spec"]["versions"] = versions("v2");
    let (code, updated) = api.ask("PUT", &path, stored).await;
    assert_eq!(code, 200, "{updated}");
    let (code, made) = api.ask("POST", RESOURCES, addressed("cr-instance-2")).await;
    assert_eq!(code, 201, "{made}");
    is_in(&made, "v1");
    webhook.questions();
    for version in ["v1", "v2"] {
        let list = api.get(&RESOURCES.replace("/v1/", &format!("/{version}/"))).await;
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 2);
        items.iter().for_each(|item| is_in(item, version));
        // Only what is of another version is sent.
        let asked = webhook.questions();
        assert_eq!((asked.len(), asked[0]["objects"].as_array().unwrap().len()), (1, 1));
    }
    let mut watch = api.watch(&format!("{RESOURCES}?watch=1")).await;
    for _ in 0..2 {
        is_in(&watch.next().await["object"], "v1");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_conversion_is_told() {
    let api = Harness::start().await;
    let webhook = Webhook::start(|_, review| {
        let mut object = review["objects"][0].clone();
        let which = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["apiVersion"] = review["desiredAPIVersion"].clone();
        let converted = match which.as_str() {
            "none" => json!([]),
            "renamed" => {
                object["metadata"]["name"] = "other".into();
                json!([object])
            }
            "unversioned" => json!([review["objects"][0]]),
            "bare" => {
                object.as_object_mut().unwrap().remove("metadata");
                json!([object])
            }
            "failed" => {
                return Reply::Response(
                    json!({"result": {"status": "Failure", "message": "it is Monday"}}),
                );
            }
            "silent" => return Reply::Response(json!({"result": {"status": "Failure"}})),
            _ => return Reply::Response(json!({"uid": "x", "result": {"status": "Success"}})),
        };
        Reply::Response(json!({"result": {"status": "Success"}, "convertedObjects": converted}))
    })
    .await;
    let client = json!({"url": webhook.url, "caBundle": webhook.bundle});
    convertible(&api, client).await;
    let of = "conversion webhook for stable.example.com/v1, Kind=E2eTest";
    for (name, told) in [
        ("none", "returned 0 objects, expected 1"),
        ("renamed", "returned invalid object: must have the same name: renamed != other"),
        (
            "unversioned",
            "returned invalid object at index 0: invalid groupVersion (expected stable.example.com/v2, received stable.example.com/v1)",
        ),
        ("bare", "returned invalid object: must have the same name: bare != "),
        ("failed", "failed: it is Monday"),
        ("silent", "failed: response.result.status was 'Failure', not 'Success'"),
        ("odd", "failed: expected response.uid=\""),
    ] {
        assert_eq!(api.ask("POST", RESOURCES, addressed(name)).await.0, 201);
        let path = format!("{}/{name}", RESOURCES.replace("/v1/", "/v2/"));
        let (code, status) = api.ask("GET", &path, Value::Null).await;
        assert_eq!(code, 500, "{status}");
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{of} {told}")), "{name}: {message}");
    }
    assert!(webhook.asked.lock().unwrap().len() >= 7);
}

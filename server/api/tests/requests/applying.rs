//! Server-side apply where it is odd: on subresources, with a past, without a name.

use serde_json::{Value, json};

use crate::{
    definitions::{define, definition, version},
    harness::Harness,
};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";

fn deployment(replicas: Value) -> Value {
    let template = json!({
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    let mut deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    });
    if !replicas.is_null() {
        deployment["spec"]["replicas"] = replicas;
    }
    deployment
}

fn scale(replicas: i32) -> Value {
    json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"},
        "spec": {"replicas": replicas}})
}

async fn apply(api: &Harness, path: &str, options: &str, config: Value) -> (u16, Value) {
    let path = format!("{DEPLOYMENTS}/web{path}?{options}");
    api.ask_as("PATCH", &path, APPLY, config).await
}

/// Manager, operation and subresource of whoever owns the replicas.
async fn owners(api: &Harness, field: &str) -> Vec<String> {
    let stored = api.get(&format!("{DEPLOYMENTS}/web")).await;
    let entries = stored["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let owns = |entry: &&Value| entry["fieldsV1"].pointer(field).is_some();
    let told = entries.iter().filter(owns).map(|entry| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("manager"), text("operation"), text("subresource"))
    });
    told.map(|told| told.trim_end().to_owned()).collect()
}

const REPLICAS: &str = "/f:spec/f:replicas";

#[tokio::test]
async fn the_scale_is_applied_to_under_its_own_name() {
    let api = Harness::start().await;
    let (code, made) = apply(&api, "", "fieldManager=one", deployment(json!(3))).await;
    assert_eq!(code, 201, "{made}");
    let (code, refused) = apply(&api, "/scale", "fieldManager=two", scale(5)).await;
    assert_eq!((code, &refused["reason"]), (409, &json!("Conflict")), "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("conflict with \"one\": .spec.replicas"), "{message}");
    let (code, scaled) = apply(&api, "/scale", "fieldManager=two&force=true", scale(5)).await;
    assert_eq!((code, &scaled["spec"]["replicas"]), (200, &json!(5)), "{scaled}");
    assert_eq!(scaled["kind"], "Scale");
    assert_eq!(owners(&api, REPLICAS).await, ["two Apply scale"]);
    // The applier of the object says nothing more of replicas, and they stay.
    let (code, applied) = apply(&api, "", "fieldManager=one", deployment(Value::Null)).await;
    assert_eq!((code, &applied["spec"]["replicas"]), (200, &json!(5)));
    let (code, refused) = apply(&api, "", "fieldManager=one", deployment(json!(1))).await;
    assert_eq!(code, 409, "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("conflict with \"two\" with subresource \"scale\""), "{message}");
    // Whoever scales without applying takes the field.
    let path = format!("{DEPLOYMENTS}/web/scale?fieldManager=three");
    let (code, _) = api.ask_as("PATCH", &path, MERGE, json!({"spec": {"replicas": 2}})).await;
    assert_eq!(code, 200);
    assert_eq!(owners(&api, REPLICAS).await, ["three Update scale"]);
    for (config, options, code, part) in [
        (scale(2), "", 422, "fieldManager: Required value: is required for apply patch"),
        (scale(-1), "fieldManager=two&force=1", 422, "must be greater than or equal to 0"),
        (
            json!({"kind": "Scale", "spec": {"odd": 1}}),
            "fieldManager=two",
            400,
            ".spec.odd: field not declared in schema",
        ),
        (json!({"kind": "Pod"}), "fieldManager=two", 400, "cannot be handled as a Scale"),
        (
            json!({"metadata": {"name": "other"}}),
            "fieldManager=two",
            400,
            "does not match the name",
        ),
        (
            json!({"metadata": {"managedFields": []}}),
            "fieldManager=two",
            400,
            "metadata.managedFields must be nil",
        ),
    ] {
        let (answered, refused) = apply(&api, "/scale", options, config.clone()).await;
        let message = refused["message"].as_str().unwrap_or_default();
        assert!(answered == code && message.contains(part), "{config}: {answered} {refused}");
    }
}

#[tokio::test]
async fn the_scale_of_a_custom_resource_is_applied_to() {
    let api = Harness::start().await;
    let number = json!({"type": "integer"});
    let mut one = version(
        "v1",
        true,
        &json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "object", "properties": {"wanted": number}}}},
            "status": {"type": "object", "properties": {"size": number, "selector": {"type": "string"}}},
        }}),
    );
    one["subresources"] = json!({"status": {}, "scale": {
        "specReplicasPath": ".spec.size.wanted", "statusReplicasPath": ".status.size",
        "labelSelectorPath": ".status.selector"}});
    define(&api, definition("stable.example.com", "herds", "Herd", json!([one]))).await;
    let herds = "/apis/stable.example.com/v1/namespaces/default/herds";
    let herd = json!({"apiVersion": "stable.example.com/v1", "kind": "Herd",
        "metadata": {"name": "a"}, "spec": {"size": {"wanted": 1}}});
    let path = format!("{herds}/a?fieldManager=one");
    assert_eq!(api.ask_as("PATCH", &path, APPLY, herd).await.0, 201);
    let mut wanted = scale(4);
    wanted["metadata"] = json!({"name": "a"});
    let path = format!("{herds}/a/scale?fieldManager=two");
    assert_eq!(api.ask_as("PATCH", &path, APPLY, wanted.clone()).await.0, 409);
    let path = format!("{path}&force=true");
    let (code, scaled) = api.ask_as("PATCH", &path, APPLY, wanted).await;
    assert_eq!((code, &scaled["spec"]["replicas"]), (200, &json!(4)), "{scaled}");
    // What a status says beside the status is passed over: the metadata, too.
    let status = json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}},
        "spec": {"size": {"wanted": 9}}, "status": {"size": 3, "selector": "a=b"}});
    let (code, told) = api.ask_as("PATCH", &format!("{herds}/a/status"), MERGE, status).await;
    assert_eq!(code, 200, "{told}");
    assert_eq!(
        (&told["metadata"]["labels"], &told["spec"]["size"]["wanted"]),
        (&Value::Null, &json!(4))
    );
    let shown = api.get(&format!("{herds}/a/scale")).await;
    assert_eq!(shown["status"], json!({"replicas": 3, "selector": "a=b"}));
}

#[tokio::test]
async fn the_status_is_applied_to_under_its_own_name() {
    let api = Harness::start().await;
    assert_eq!(apply(&api, "", "fieldManager=one", deployment(json!(3))).await.0, 201);
    let mut config = deployment(json!(9));
    let condition = json!({"type": "Available", "status": "True"});
    config["status"] = json!({"replicas": 3, "conditions": [condition]});
    let (code, applied) = apply(&api, "/status", "fieldManager=two", config.clone()).await;
    assert_eq!(code, 200, "{applied}");
    assert_eq!(
        (&applied["spec"]["replicas"], &applied["status"]["replicas"]),
        (&json!(3), &json!(3))
    );
    let replicas = "/f:status/f:replicas";
    assert_eq!(owners(&api, replicas).await, ["two Apply status"]);
    assert_eq!(owners(&api, REPLICAS).await, ["one Apply"]);
    config["status"]["replicas"] = json!(4);
    let (code, refused) = apply(&api, "/status", "fieldManager=three", config.clone()).await;
    assert_eq!(code, 409, "{refused}");
    let (code, _) = apply(&api, "/status", "fieldManager=three&force=true", config).await;
    assert_eq!((code, owners(&api, replicas).await), (200, vec!["three Apply status".to_owned()]));
    // What is no longer applied goes; the other's condition stays.
    let (_, applied) = apply(&api, "/status", "fieldManager=three", deployment(Value::Null)).await;
    assert_eq!(applied["status"]["replicas"], Value::Null, "{applied}");
    assert_eq!(applied["status"]["conditions"][0]["type"], "Available", "{applied}");
    // Whoever applies to the object itself writes no status.
    let mut config = deployment(json!(3));
    config["status"] = json!({"replicas": 8});
    let (_, applied) = apply(&api, "", "fieldManager=one", config).await;
    assert_eq!(applied["status"]["replicas"], Value::Null);
}

#[tokio::test]
async fn owners_are_forgotten_and_found_again() {
    let api = Harness::start().await;
    assert_eq!(apply(&api, "", "fieldManager=one", deployment(json!(3))).await.0, 201);
    let path = format!("{DEPLOYMENTS}/web");
    let reset = json!({"metadata": {"managedFields": [{}]}});
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, reset).await;
    assert_eq!((code, patched["metadata"].get("managedFields")), (200, None), "{patched}");
    // Nothing is owned until somebody applies; then what was there has an owner, too.
    api.ask_as("PATCH", &path, MERGE, json!({"spec": {"paused": true}})).await;
    assert_eq!(owners(&api, "/f:spec/f:paused").await, [""; 0]);
    let (code, refused) = apply(&api, "", "fieldManager=two", deployment(json!(4))).await;
    assert_eq!(code, 409, "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("conflict with \"before-first-apply\" using apps/v1"), "{message}");
    let (code, _) = apply(&api, "", "fieldManager=two", deployment(json!(3))).await;
    assert_eq!(code, 200);
    assert_eq!(owners(&api, REPLICAS).await, ["two Apply", "before-first-apply Update"]);
}

#[tokio::test]
async fn client_side_apply_is_taken_over() {
    let api = Harness::start().await;
    let mut made = deployment(json!(3));
    let last = made.to_string();
    made["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    let path = format!("{DEPLOYMENTS}?fieldManager=kubectl-client-side-apply");
    assert_eq!(api.ask("POST", &path, made).await.0, 201);
    // What was applied last and nobody has changed since is kubectl's to change.
    let (code, applied) = apply(&api, "", "fieldManager=kubectl", deployment(json!(5))).await;
    assert_eq!((code, &applied["spec"]["replicas"]), (200, &json!(5)), "{applied}");
    let kept =
        &applied["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert!(kept.as_str().unwrap().contains("\"replicas\":5"), "{kept}");
    let scaled = json!({"spec": {"replicas": 7}});
    let path = format!("{DEPLOYMENTS}/web?fieldManager=hand");
    api.ask_as("PATCH", &path, MERGE, scaled).await;
    let (code, refused) = apply(&api, "", "fieldManager=kubectl", deployment(json!(5))).await;
    assert_eq!(code, 409, "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("conflict with \"hand\" using apps/v1"));
}

#[tokio::test]
async fn what_is_applied_has_a_name() {
    let api = Harness::start().await;
    let mut unnamed = deployment(json!(1));
    unnamed["metadata"] = json!({"generateName": "web-"});
    let path = format!("{DEPLOYMENTS}?fieldManager=one");
    let (code, refused) = api.ask_as("PATCH", &path, APPLY, unnamed.clone()).await;
    assert_eq!((code, &refused["reason"]), (405, &json!("MethodNotAllowed")));
    // The path's name counts.
    let (code, made) = apply(&api, "", "fieldManager=one", unnamed).await;
    assert_eq!((code, &made["metadata"]["name"]), (201, &json!("web")));
    let mut owned = deployment(json!(1));
    owned["metadata"]["managedFields"] = json!([{"manager": "me", "operation": "Apply"}]);
    let (code, refused) = apply(&api, "", "fieldManager=one", owned).await;
    let message = json!("metadata.managedFields must be nil");
    assert_eq!((code, &refused["message"]), (400, &message));
}

#[tokio::test]
async fn bodies_of_subresources_are_read_strictly() {
    let api = Harness::start().await;
    assert_eq!(apply(&api, "", "fieldManager=one", deployment(json!(1))).await.0, 201);
    let pods = "/api/v1/namespaces/default/pods";
    let pod =
        json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(api.ask("POST", pods, pod).await.0, 201);
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    api.ask("POST", accounts, json!({"metadata": {"name": "bot"}})).await;
    let mut scale = scale(1);
    scale["spec"]["odd"] = json!(1);
    let metadata = json!({"name": "a"});
    for (method, path, body, kind, field) in [
        ("PUT", format!("{DEPLOYMENTS}/web/scale"), scale, "Scale", "spec.odd"),
        (
            "POST",
            format!("{pods}/a/eviction"),
            json!({"metadata": metadata, "odd": 1}),
            "Eviction",
            "odd",
        ),
        (
            "POST",
            format!("{pods}/a/binding"),
            json!({"metadata": metadata, "target": {"name": "n", "odd": 1}}),
            "Binding",
            "target.odd",
        ),
        (
            "POST",
            format!("{accounts}/bot/token"),
            json!({"spec": {"audiences": [], "odd": 1}}),
            "TokenRequest",
            "spec.odd",
        ),
    ] {
        let strict = format!("{path}?fieldValidation=Strict&dryRun=All");
        let (code, refused) = api.ask(method, &strict, body.clone()).await;
        let message = format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: strict decoding error: unknown field \"{field}\""
        );
        assert_eq!((code, &refused["message"]), (400, &json!(message)), "{path}");
        let request = api.request(method, &format!("{path}?dryRun=All"));
        let response = api.full(request.body(body.to_string().into()).unwrap()).await;
        assert!(response.status().is_success(), "{path}: {:?}", response.body());
        let warning = format!("299 - \"unknown field \\\"{field}\\\"\"");
        assert_eq!(response.headers()["warning"], warning, "{path}");
    }
    let patch = json!({"spec": {"odd": 1}});
    let path = format!("{DEPLOYMENTS}/web/scale?fieldValidation=Strict");
    let (code, refused) = api.ask_as("PATCH", &path, MERGE, patch).await;
    assert_eq!(code, 422, "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.starts_with("Scale.autoscaling \"web\" is invalid: patch: Invalid value"),
        "{message}"
    );
}

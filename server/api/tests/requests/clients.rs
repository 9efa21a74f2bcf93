//! What other people's clients rely on without saying so.

use crate::{definitions::define, harness::Harness};
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const APPLY: &str = "application/apply-patch+yaml";

async fn text(api: &Harness, method: &str, path: &str, body: Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = api.full(api.request(method, path).body(body.into()).unwrap()).await;
    String::from_utf8(response.body().to_vec()).unwrap()
}

/// The Python client's tests compare a refusal to the letter; kube-rs reads an object's kind first.
#[tokio::test]
async fn fields_stand_where_kubernetes_puts_them() {
    let api = Harness::start().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let start = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"#;
    assert!(text(&api, "POST", MAPS, map.clone()).await.starts_with(start));
    assert!(text(&api, "GET", &format!("{MAPS}/a"), Value::Null).await.starts_with(start));
    assert_eq!(
        text(&api, "POST", MAPS, map).await,
        concat!(
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
            r#""message":"configmaps \"a\" already exists","reason":"AlreadyExists","#,
            r#""details":{"name":"a","kind":"configmaps"},"code":409}"#,
            "\n"
        )
    );
    let gone = text(&api, "DELETE", &format!("{MAPS}/a"), Value::Null).await;
    let start = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"a","kind":"configmaps","uid":""#;
    assert!(gone.starts_with(start), "{gone}");
}

/// What is posted to a pod is answered with its code, which kube-rs looks at.
#[tokio::test]
async fn an_eviction_names_its_code() {
    let api = Harness::start().await;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "image": "x"}]}});
    assert_eq!(api.ask("POST", pods, pod).await.0, 201);
    let eviction = json!({"metadata": {"name": "a", "namespace": "default"}});
    let (code, evicted) = api.ask("POST", &format!("{pods}/a/eviction"), eviction).await;
    assert_eq!((code, &evicted["status"], &evicted["code"]), (201, &json!("Success"), &json!(201)));
}

/// kube-rs' finalizers make sure by a test for null that there are none yet.
#[tokio::test]
async fn a_finalizer_is_added_where_none_is() {
    let api = Harness::start().await;
    let map = json!({"metadata": {"name": "a"}});
    assert_eq!(api.ask("POST", MAPS, map).await.0, 201);
    let patch = json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/keep"]},
    ]);
    let path = format!("{MAPS}/a");
    let media = "application/json-patch+json";
    let (code, kept) = api.ask_as("PATCH", &path, media, patch.clone()).await;
    assert_eq!((code, &kept["metadata"]["finalizers"]), (200, &json!(["example.com/keep"])));
    assert_eq!(api.ask_as("PATCH", &path, media, patch).await.0, 422);
}

/// What a dry run makes was never stored: kube-rs' entries send it again as new.
#[tokio::test]
async fn a_dry_run_gives_no_revision() {
    let api = Harness::start().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let (code, tried) = api.ask("POST", &format!("{MAPS}?dryRun=All"), map).await;
    assert_eq!((code, &tried["metadata"]["resourceVersion"]), (201, &Value::Null), "{tried}");
    assert_eq!(api.ask("POST", MAPS, tried).await.0, 201);
}

/// Old clients ask for them by name.
#[tokio::test]
async fn components_tell_of_themselves() {
    let api = Harness::start().await;
    let path = "/api/v1/componentstatuses";
    let scheduler = api.get(&format!("{path}/scheduler")).await;
    assert_eq!(scheduler["conditions"][0]["status"], "True", "{scheduler}");
    let names: Vec<Value> = api.get(path).await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["controller-manager", "etcd-0", "scheduler"]);
    assert_eq!(api.ask("GET", &format!("{path}/nope"), Value::Null).await.0, 404);
}

/// `kubectl apply` sends a strategic patch where one is published; custom resources take none. And
/// webhooks that convert may know the older review alone, as that of a known storage system.
#[tokio::test]
async fn custom_kinds_publish_the_patches_that_they_take() {
    let api = Harness::start().await;
    let client = json!({"url": "https://127.0.0.1:1/convert"});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": client, "conversionReviewVersions": ["v1beta2", "v1beta1"]}},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    define(&api, definition).await;
    let patches = async |document: &str, path: &str| {
        let document = api.get(&format!("/openapi/v3/apis/{document}")).await;
        let content = &document["paths"][path]["patch"]["requestBody"]["content"];
        content.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let custom = "/apis/example.com/v1/namespaces/{namespace}/things/{name}";
    assert_eq!(
        patches("example.com/v1", custom).await,
        [
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json"
        ]
    );
    let built_in = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    let strategic = "application/strategic-merge-patch+json".to_owned();
    assert!(patches("apps/v1", built_in).await.contains(&strategic));
}

/// As client-go's `ApplyScale` does.
#[tokio::test]
async fn a_scale_is_applied() {
    let api = Harness::start().await;
    let web = "/apis/apps/v1/namespaces/default/deployments/web";
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "x"}]}},
        },
    });
    let (code, made) =
        api.ask("POST", "/apis/apps/v1/namespaces/default/deployments", deployment).await;
    assert_eq!(code, 201, "{made}");
    let apply = async |manager: &str, more: &str, replicas: i64| {
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "web"}, "spec": {"replicas": replicas}});
        let path = format!("{web}/scale?fieldManager={manager}{more}");
        api.ask_as("PATCH", &path, APPLY, scale).await
    };
    let (code, scaled) = apply("one", "&force=true", 3).await;
    assert_eq!(
        (code, &scaled["kind"], &scaled["spec"]["replicas"]),
        (200, &json!("Scale"), &json!(3))
    );
    let (code, conflict) = apply("two", "", 4).await;
    assert_eq!(
        (code, &conflict["details"]["causes"][0]["field"]),
        (409, &json!(".spec.replicas")),
        "{conflict}"
    );
    assert_eq!(apply("two", "&force=true", 0).await.0, 200);
    let deployment = api.get(web).await;
    assert_eq!(deployment["spec"]["replicas"], 0);
    let entries = deployment["metadata"]["managedFields"].as_array().unwrap();
    let two = entries.iter().find(|entry| entry["manager"] == "two").unwrap();
    assert_eq!(two["subresource"], "scale");
    assert_eq!(two["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    assert!(!entries.iter().any(|entry| entry["manager"] == "one"));
}

/// What is applied again changes nothing, though the applied lists lack what the server fills in
/// (here the version of a field of a projected volume, whose sources are one value).
#[tokio::test]
async fn applying_again_leaves_the_times() {
    let api = Harness::start().await;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    let name = json!({"path": "name", "fieldRef": {"fieldPath": "metadata.name"}});
    let config = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"name": "c", "image": "x"}],
                "volumes": [{"name": "v", "projected": {"sources": [{"downwardAPI": {"items": [name]}}]}}],
            }},
        },
    });
    let apply = async || {
        let path = format!("{path}?fieldManager=one&force=true");
        api.ask_as("PATCH", &path, APPLY, config.clone()).await
    };
    let (code, mut made) = apply().await;
    assert_eq!(code, 201, "{made}");
    made["metadata"]["managedFields"][0]["time"] = "2020-01-01T00:00:00Z".into();
    let (code, dated) = api.ask("PUT", path, made).await;
    assert_eq!(code, 200, "{dated}");
    let (code, again) = apply().await;
    assert_eq!(code, 200, "{again}");
    assert_eq!(again["metadata"], dated["metadata"]);
}

//! Objects through the pipeline: created, read, changed, deleted.

use crate::harness::Harness;
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

#[tokio::test]
async fn creates_and_changes() {
    let api = Harness::start().await;
    let (code, created) = api.ask("POST", MAPS, config_map("a", "1")).await;
    assert_eq!(code, 201, "{created}");
    let meta = &created["metadata"];
    assert_eq!(meta["namespace"], "default");
    assert!(meta["uid"].is_string() && meta["creationTimestamp"].is_string());
    assert_eq!(api.get(&format!("{MAPS}/a")).await, created);

    let (code, again) = api.ask("POST", MAPS, config_map("a", "1")).await;
    assert_eq!((code, &again["reason"]), (409, &json!("AlreadyExists")));
    assert_eq!(again["message"], "configmaps \"a\" already exists");

    let mut changed = created.clone();
    changed["data"]["k"] = "2".into();
    let (code, updated) = api.ask("PUT", &format!("{MAPS}/a"), changed.clone()).await;
    assert_eq!((code, &updated["data"]["k"]), (200, &json!("2")));
    assert_eq!(updated["metadata"]["uid"], meta["uid"]);

    // The first copy is stale now.
    let (code, stale) = api.ask("PUT", &format!("{MAPS}/a"), changed).await;
    assert_eq!(code, 409);
    assert_eq!(
        stale["message"],
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    // Writing the same again is no change.
    let (_, same) = api.ask("PUT", &format!("{MAPS}/a"), updated.clone()).await;
    assert_eq!(same["metadata"]["resourceVersion"], updated["metadata"]["resourceVersion"]);

    let (code, gone) = api.ask("DELETE", &format!("{MAPS}/a"), Value::Null).await;
    assert_eq!((code, &gone["status"]), (200, &json!("Success")));
    let (code, gone) = api.ask("GET", &format!("{MAPS}/a"), Value::Null).await;
    assert_eq!((code, &gone["message"]), (404, &json!("configmaps \"a\" not found")));
}

#[tokio::test]
async fn refuses_bad_requests() {
    let api = Harness::start().await;
    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    let elsewhere = json!({"metadata": {"name": "a", "namespace": "other"}});
    let other_kind = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    for (method, path, body, code, message) in [
        (
            "POST",
            MAPS,
            nameless,
            422,
            "metadata.name: Required value: name or generateName is required",
        ),
        (
            "POST",
            MAPS,
            elsewhere,
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "POST",
            MAPS,
            other_kind,
            400,
            "Secret in version \"v1\" cannot be handled as a ConfigMap",
        ),
        ("POST", MAPS, config_map("A", ""), 422, "a lowercase RFC 1123 subdomain must consist of"),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/b",
            config_map("a", ""),
            400,
            "the name of the object (a) does not match the name on the URL (b)",
        ),
        (
            "PUT",
            "/api/v1/namespaces/default/configmaps/a",
            config_map("a", ""),
            404,
            "configmaps \"a\" not found",
        ),
        (
            "POST",
            "/api/v1/configmaps",
            config_map("a", ""),
            405,
            "the server does not allow this method on the requested resource",
        ),
        (
            "GET",
            "/api/v1/nopes",
            Value::Null,
            404,
            "the server could not find the requested resource",
        ),
    ] {
        let (answered, body) = api.ask(method, path, body).await;
        assert_eq!(answered, code, "{method} {path}: {body}");
        let text = body["message"].as_str().unwrap();
        assert!(text.contains(message), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn generates_names() {
    let api = Harness::start().await;
    let map = json!({"metadata": {"generateName": "x-"}});
    let (code, created) = api.ask("POST", MAPS, map).await;
    assert_eq!(code, 201, "{created}");
    let name = created["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("x-") && name.len() == 7, "{name}");
}

#[tokio::test]
async fn patches() {
    let api = Harness::start().await;
    api.ask("POST", MAPS, config_map("a", "1")).await;
    let path = format!("{MAPS}/a");
    for (media, patch, expected) in [
        ("application/merge-patch+json", json!({"data": {"l": "2"}}), json!({"k": "1", "l": "2"})),
        (
            "application/json-patch+json",
            json!([{"op": "remove", "path": "/data/k"}]),
            json!({"l": "2"}),
        ),
        (
            "application/strategic-merge-patch+json",
            json!({"data": {"l": null, "m": "3"}}),
            json!({"m": "3"}),
        ),
    ] {
        let (code, patched) = api.ask_as("PATCH", &path, media, patch).await;
        assert_eq!((code, &patched["data"]), (200, &expected), "{patched}");
    }
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"x": "y"}});
    let (code, _) = api.ask_as("PATCH", &path, "application/merge-patch+json", stale).await;
    assert_eq!(code, 409);
    let (code, refused) = api.ask_as("PATCH", &path, "application/json", json!({})).await;
    assert_eq!((code, &refused["reason"]), (415, &json!("UnsupportedMediaType")));
}

#[tokio::test]
async fn finalizers_hold_a_deleted_object() {
    let api = Harness::start().await;
    let path = format!("{MAPS}/a");
    let held = json!({"metadata": {"name": "a", "finalizers": ["acme.com/hold"]}});
    api.ask("POST", MAPS, held).await;
    let (code, marked) = api.ask("DELETE", &path, Value::Null).await;
    assert_eq!(code, 200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    let more = json!({"metadata": {"finalizers": ["acme.com/hold", "acme.com/more"]}});
    let (code, refused) = api.ask_as("PATCH", &path, "application/merge-patch+json", more).await;
    assert_eq!(code, 422, "{refused}");
    let free = json!({"metadata": {"finalizers": null}});
    let (code, _) = api.ask_as("PATCH", &path, "application/merge-patch+json", free).await;
    assert_eq!(code, 200);
    let (code, _) = api.ask("GET", &path, Value::Null).await;
    assert_eq!(code, 404);
}

#[tokio::test]
async fn pods_go_after_their_grace() {
    let api = Harness::start().await;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = |name: &str| {
        json!({"metadata": {"name": name},
               "spec": {"terminationGracePeriodSeconds": 30, "containers": [{"name": "c", "image": "i"}]}})
    };
    api.ask("POST", pods, pod("unbound")).await;
    let (_, gone) = api.ask("DELETE", &format!("{pods}/unbound"), Value::Null).await;
    assert_eq!(gone["metadata"]["name"], "unbound", "what is gone is shown");
    assert_eq!(api.ask("GET", &format!("{pods}/unbound"), Value::Null).await.0, 404);

    let (code, created) = api.ask("POST", pods, pod("bound")).await;
    assert_eq!(code, 201, "{created}");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"},
                         "target": {"kind": "Node", "name": "one"}});
    let (code, bound) = api.ask("POST", &format!("{pods}/bound/binding"), binding).await;
    assert_eq!(code, 201, "{bound}");
    let path = format!("{pods}/bound");
    let (_, marked) = api.ask("DELETE", &path, Value::Null).await;
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30, "{marked}");
    // A second deletion may shorten the time, not lengthen it.
    for (asked, left) in [(60, 30), (5, 5)] {
        let options = json!({"gracePeriodSeconds": asked});
        let (_, marked) = api.ask("DELETE", &path, options).await;
        assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], left);
    }
    api.ask("DELETE", &path, json!({"gracePeriodSeconds": 0})).await;
    assert_eq!(api.ask("GET", &path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec() {
    let api = Harness::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({"metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let (code, created) = api.ask("POST", deployments, deployment).await;
    assert_eq!((code, &created["metadata"]["generation"]), (201, &json!(1)), "{created}");
    let path = format!("{deployments}/web");
    let merge = "application/merge-patch+json";
    let (_, scaled) = api.ask_as("PATCH", &path, merge, json!({"spec": {"replicas": 3}})).await;
    assert_eq!(scaled["metadata"]["generation"], 2);
    let (_, labelled) =
        api.ask_as("PATCH", &path, merge, json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(labelled["metadata"]["generation"], 2);
    let status =
        json!({"status": {"replicas": 3, "observedGeneration": 2}, "spec": {"replicas": 9}});
    let (code, written) = api.ask_as("PATCH", &format!("{path}/status"), merge, status).await;
    assert_eq!((code, &written["spec"]["replicas"]), (200, &json!(3)));
    assert_eq!(written["metadata"]["generation"], 2);

    let scale = api.get(&format!("{path}/scale")).await;
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
    assert_eq!(scale["status"], json!({"replicas": 3, "selector": "a=b"}));
    let (code, scale) = api
        .ask_as("PATCH", &format!("{path}/scale"), merge, json!({"spec": {"replicas": 5}}))
        .await;
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(5)));
    assert_eq!(api.get(&path).await["metadata"]["generation"], 3);
}

#[tokio::test]
async fn reads_strictly() {
    let api = Harness::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let strict = format!("{deployments}?fieldValidation=Strict");
    let sent = |spec: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let (code, refused) = api
        .ask(
            "POST",
            &strict,
            sent(json!({"selector": {"matchLabels": {"a": "b"}}, "template": template, "foo": 1})),
        )
        .await;
    assert_eq!(code, 400);
    assert_eq!(
        refused["message"],
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.foo\""
    );
    let (code, refused) = api.ask("POST", &strict, sent(json!({"replicas": "x"}))).await;
    assert_eq!(code, 400, "{refused}");
    let (code, refused) = api.ask("POST", &strict, sent(json!({"template": template}))).await;
    assert_eq!(code, 422);
    let causes = refused["details"]["causes"].as_array().unwrap();
    assert!(causes.iter().any(|cause| cause["field"] == "spec.selector"), "{refused}");

    // Without strictness the answer warns.
    let request = api
        .request("POST", MAPS)
        .body(json!({"metadata": {"name": "w"}, "x": 1}).to_string().into());
    let response = api.full(request.unwrap()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["warning"], "299 - \"unknown field \\\"x\\\"\"");
    // YAML is read as well.
    let request = api.request("POST", MAPS).header("content-type", "application/yaml");
    let yaml = "metadata:\n  name: y\ndata: {k: v}\n";
    assert_eq!(api.full(request.body(yaml.into()).unwrap()).await.status(), 201);
}

#[tokio::test]
async fn services_claim_addresses_and_ports() {
    let api = Harness::start().await;
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let ports = json!([{"port": 80}]);
    let (code, first) =
        api.ask("POST", services, service("a", json!({"type": "NodePort", "ports": ports}))).await;
    assert_eq!(code, 201, "{first}");
    let ip = first["spec"]["clusterIP"].as_str().unwrap();
    let port = first["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    assert!(ip.starts_with("10.43.") && (30000..=32767).contains(&port), "{first}");

    let same_ip = service("b", json!({"clusterIP": ip, "ports": ports}));
    let (code, refused) = api.ask("POST", services, same_ip.clone()).await;
    assert_eq!(code, 422, "{refused}");
    assert!(
        refused["message"].as_str().unwrap().contains("provided IP is already allocated"),
        "{refused}"
    );
    let same_port = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]});
    let (code, refused) = api.ask("POST", services, service("b", same_port)).await;
    assert_eq!(code, 422);
    assert!(
        refused["message"].as_str().unwrap().contains("provided port is already allocated"),
        "{refused}"
    );

    // The claims go with the service.
    api.ask("DELETE", &format!("{services}/a"), Value::Null).await;
    assert_eq!(api.ask("POST", services, same_ip).await.0, 201);
    let claims = api.get("/apis/networking.k8s.io/v1/ipaddresses").await;
    assert_eq!(claims["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_created_where_no_namespace_is() {
    let api = Harness::start().await;
    let maps = "/api/v1/namespaces/nope/configmaps";
    let (code, refused) = api.ask("POST", maps, config_map("a", "1")).await;
    assert_eq!((code, &refused["message"]), (404, &json!("namespaces \"nope\" not found")));
    let (code, _) =
        api.ask("POST", "/api/v1/namespaces", json!({"metadata": {"name": "nope"}})).await;
    assert_eq!(code, 201);
    assert_eq!(api.ask("POST", maps, config_map("a", "1")).await.0, 201);
    // A deleted namespace stays until it is finalized.
    let (_, marked) = api.ask("DELETE", "/api/v1/namespaces/nope", Value::Null).await;
    assert_eq!(marked["status"]["phase"], "Terminating", "{marked}");
    let (code, refused) = api.ask("POST", maps, config_map("b", "1")).await;
    assert_eq!(
        (code, &refused["details"]["causes"][0]["reason"]),
        (403, &json!("NamespaceTerminating"))
    );
    let mut finalized = marked.clone();
    finalized["spec"]["finalizers"] = json!([]);
    let (code, _) = api.ask("PUT", "/api/v1/namespaces/nope/finalize", finalized).await;
    assert_eq!(code, 200);
    assert_eq!(api.ask("GET", "/api/v1/namespaces/nope", Value::Null).await.0, 404);
}

#[tokio::test]
async fn waits_for_rollouts() {
    let api = Harness::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({"metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    api.ask("POST", deployments, deployment).await;
    let rollout = format!("{deployments}/web/rollout?timeoutSeconds=0");
    let (code, waiting) = api.ask("GET", &rollout, Value::Null).await;
    assert_eq!(code, 504, "{waiting}");
    let rollout = format!("{deployments}/web/rollout?timeoutSeconds=30");
    let done = async {
        let status = json!({"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}});
        let path = format!("{deployments}/web/status");
        api.ask_as("PATCH", &path, "application/merge-patch+json", status).await
    };
    let ((code, waited), _) = futures::join!(api.ask("GET", &rollout, Value::Null), done);
    assert_eq!(
        (code, &waited["message"]),
        (200, &json!("deployment \"web\" successfully rolled out"))
    );
}

#[tokio::test]
async fn serves_openapi_under_hashes() {
    let api = Harness::start().await;
    let index = api.get("/openapi/v3").await;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
    let request = api.request("GET", url).body(bytes::Bytes::new()).unwrap();
    let response = api.full(request).await;
    assert_eq!(response.headers()["cache-control"], "public, immutable");
    assert!(response.headers()["expires"].to_str().unwrap().ends_with(" GMT"));
    let document: Value = serde_json::from_slice(response.body()).unwrap();
    let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    assert!(document["paths"][path]["patch"].is_object());
    let tag = response.headers()["etag"].clone();
    let again = api.request("GET", url).header("if-none-match", tag);
    assert_eq!(api.full(again.body(bytes::Bytes::new()).unwrap()).await.status(), 304);
}

#[tokio::test]
async fn applies_by_ownership() {
    let api = Harness::start().await;
    let path = |manager: &str| format!("{MAPS}/a?fieldManager={manager}&fieldValidation=Strict");
    let apply = async |manager: &str, more: &str, data: Value| {
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
        let path = format!("{}{more}", path(manager));
        api.ask_as("PATCH", &path, "application/apply-patch+yaml", config).await
    };
    let (code, created) = apply("one", "", json!({"k": "1", "l": "1"})).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["metadata"]["managedFields"][0]["manager"], "one");
    let (code, same) = apply("one", "", json!({"k": "1", "l": "1"})).await;
    assert_eq!(code, 200);
    assert_eq!(same, created, "applying the same again changes nothing");

    let (code, conflict) = apply("two", "", json!({"k": "2"})).await;
    assert_eq!((code, &conflict["reason"]), (409, &json!("Conflict")), "{conflict}");
    assert_eq!(conflict["details"]["causes"][0]["field"], ".data.k");
    let (code, forced) = apply("two", "&force=true", json!({"k": "2"})).await;
    assert_eq!((code, &forced["data"]), (200, &json!({"k": "2", "l": "1"})));
    // What the first no longer applies goes, as nobody else owns it.
    let (_, shrunk) = apply("one", "", json!({"m": "1"})).await;
    assert_eq!(shrunk["data"], json!({"k": "2", "m": "1"}));

    let (code, refused) =
        api.ask_as("PATCH", &format!("{MAPS}/a"), "application/apply-patch+yaml", json!({})).await;
    assert_eq!(code, 422);
    assert!(refused["message"].as_str().unwrap().contains("fieldManager: Required value"));
}

#[tokio::test]
async fn notes_who_changed_what() {
    let api = Harness::start().await;
    let request = api.request("POST", MAPS).header("user-agent", "maker/1.0 (x)");
    api.full(request.body(config_map("a", "1").to_string().into()).unwrap()).await;
    let path = format!("{MAPS}/a?fieldManager=changer");
    let merge = "application/merge-patch+json";
    let (_, changed) =
        api.ask_as("PATCH", &path, merge, json!({"data": {"k": "2", "l": "3"}})).await;
    let entries = changed["metadata"]["managedFields"].as_array().unwrap();
    let of = |manager: &str| entries.iter().find(|entry| entry["manager"] == manager);
    assert_eq!(of("changer").unwrap()["fieldsV1"]["f:data"], json!({"f:k": {}, "f:l": {}}));
    assert_eq!(of("maker").unwrap()["fieldsV1"]["f:data"], json!({}));
    let (_, same) = api.ask_as("PATCH", &path, merge, json!({"data": {"k": "2"}})).await;
    assert_eq!(same, changed);
}

#[tokio::test]
async fn keeps_what_no_update_changes() {
    let api = Harness::start().await;
    let (_, created) = api.ask("POST", MAPS, config_map("a", "1")).await;
    let path = format!("{MAPS}/a");
    let mut bare = config_map("a", "2");
    let (code, updated) = api.ask("PUT", &path, bare.clone()).await;
    assert_eq!(code, 200);
    for field in ["uid", "creationTimestamp"] {
        assert_eq!(updated["metadata"][field], created["metadata"][field]);
    }
    bare["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
    let (code, refused) = api.ask("PUT", &path, bare.clone()).await;
    assert_eq!(
        (code, &refused["details"]["causes"][0]["field"]),
        (422, &json!("metadata.creationTimestamp"))
    );
    bare["metadata"] = json!({"name": "a", "uid": "other"});
    let (code, refused) = api.ask("PUT", &path, bare).await;
    assert_eq!(code, 409);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("Precondition failed: UID in precondition: other")
    );
}

/// A pod gets its node by a binding too that is posted beside it; its resources change by `resize`
/// alone.
#[tokio::test]
async fn binds_and_resizes_pods() {
    let api = Harness::start().await;
    let pods = "/api/v1/namespaces/default/pods";
    let resources = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let pod = json!({"metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "image": "x", "resources": resources("1")}]}});
    assert_eq!(api.ask("POST", pods, pod).await.0, 201);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
        "target": {"kind": "Node", "name": "one"}});
    let (code, bound) = api.ask("POST", "/api/v1/namespaces/default/bindings", binding).await;
    assert_eq!((code, &bound["status"]), (201, &json!("Success")), "{bound}");
    let one = format!("{pods}/a");
    assert_eq!(api.get(&one).await["spec"]["nodeName"], "one");

    let media = "application/strategic-merge-patch+json";
    let patch = json!({"spec": {"containers": [{"name": "c", "resources": resources("2")}]}});
    let (code, refused) = api.ask_as("PATCH", &one, media, patch.clone()).await;
    assert_eq!(code, 422, "{refused}");
    let (code, resized) = api.ask_as("PATCH", &format!("{one}/resize"), media, patch).await;
    assert_eq!(code, 200, "{resized}");
    assert_eq!(resized["spec"]["containers"][0]["resources"], resources("2"));
}

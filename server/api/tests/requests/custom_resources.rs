//! Kinds that users define: served as soon as they are established, and held to their schemas.

use serde_json::{Value, json};

use crate::{
    definitions::{DEFINITIONS, define, establish},
    harness::Harness,
};

const CRONTABS: &str = "/apis/stable.example.com/v1/namespaces/default/crontabs";

fn definition(versions: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com", "scope": "Namespaced",
            "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"], "categories": ["all"]},
            "versions": versions,
        },
    })
}

fn version(name: &str, storage: bool) -> Value {
    json!({
        "name": name, "served": true, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "required": ["cronSpec"], "properties": {
                "cronSpec": {"type": "string", "pattern": "^[^ ]+ [^ ]+$", "description": "when"},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
                "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"}, "port": {"type": "integer"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }},
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
        }}},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
        "additionalPrinterColumns": [
            {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
        "selectableFields": [{"jsonPath": ".spec.cronSpec"}],
    })
}

fn crontab(name: &str) -> Value {
    json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name},
        "spec": {"cronSpec": "* *"}})
}

const MERGE: &str = "application/merge-patch+json";

async fn start() -> Harness {
    let api = Harness::start().await;
    define(&api, definition(json!([version("v1", true)]))).await;
    api
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin]
/// Simple CustomResourceDefinition creating/deleting custom resource definition objects works
/// [Conformance]
#[tokio::test]
async fn creating_and_deleting_custom_resource_definition_objects_works() {
    let api = Harness::start().await;
    let (code, none) = api.ask("GET", CRONTABS, Value::Null).await;
    assert_eq!(
        (code, &none["message"]),
        (404, &json!("the server could not find the requested resource"))
    );
    let (code, created) =
        api.ask("POST", DEFINITIONS, definition(json!([version("v1", true)]))).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["spec"]["names"]["listKind"], "CronTabList");
    assert_eq!(created["spec"]["names"]["singular"], "crontab");
    assert_eq!(created["spec"]["conversion"]["strategy"], "None");
    assert_eq!(created["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(api.ask("GET", CRONTABS, Value::Null).await.0, 404, "not before it is established");
    establish(&api, "crontabs.stable.example.com").await;
    assert_eq!(api.get(CRONTABS).await["kind"], "CronTabList");

    let path = format!("{DEFINITIONS}/crontabs.stable.example.com");
    let (code, marked) = api.ask("DELETE", &path, Value::Null).await;
    assert_eq!(code, 200);
    assert_eq!(
        marked["metadata"]["finalizers"],
        json!(["customresourcecleanup.apiextensions.k8s.io"])
    );
    let (code, refused) = api.ask("POST", CRONTABS, crontab("late")).await;
    assert_eq!((code, &refused["reason"]), (405, &json!("MethodNotAllowed")));
    let free = json!({"metadata": {"finalizers": null}});
    api.ask_as("PATCH", &path, MERGE, free).await;
    assert_eq!(api.ask("GET", CRONTABS, Value::Null).await.0, 404);
}

#[tokio::test]
async fn custom_objects_live_as_built_in_ones_do() {
    let api = start().await;
    let (code, created) = api.ask("POST", CRONTABS, crontab("a")).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["spec"]["replicas"], 1, "a default");
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["metadata"]["managedFields"][0]["apiVersion"], "stable.example.com/v1");
    let path = format!("{CRONTABS}/a");
    assert_eq!(api.get(&path).await, created);

    let (code, status) = api
        .ask_as(
            "PATCH",
            &format!("{path}/status"),
            MERGE,
            json!({"status": {"replicas": 2, "selector": "a=b"}, "spec": {"replicas": 5}}),
        )
        .await;
    assert_eq!((code, &status["status"]["replicas"]), (200, &json!(2)));
    assert_eq!(
        (&status["spec"]["replicas"], &status["metadata"]["generation"]),
        (&json!(1), &json!(1))
    );
    let scale = api.get(&format!("{path}/scale")).await;
    assert_eq!(scale["status"], json!({"replicas": 2, "selector": "a=b"}));
    let (code, scaled) = api
        .ask_as("PATCH", &format!("{path}/scale"), MERGE, json!({"spec": {"replicas": 3}}))
        .await;
    assert_eq!((code, &scaled["spec"]["replicas"]), (200, &json!(3)), "{scaled}");
    let now = api.get(&path).await;
    assert_eq!((&now["spec"]["replicas"], &now["metadata"]["generation"]), (&json!(3), &json!(2)));

    let (code, refused) = api
        .ask_as("PATCH", &path, "application/strategic-merge-patch+json", json!({"spec": {}}))
        .await;
    assert_eq!((code, &refused["reason"]), (415, &json!("UnsupportedMediaType")));
    let (code, _) = api.ask("DELETE", &path, Value::Null).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn custom_objects_are_held_to_their_schema() {
    let api = start().await;
    for (spec, message) in [
        (json!({}), "spec.cronSpec: Required value"),
        (
            json!({"cronSpec": 1}),
            "spec.cronSpec: Invalid value: \"integer\": spec.cronSpec in body must be of type string: \"integer\"",
        ),
        (
            json!({"cronSpec": "*"}),
            "spec.cronSpec: Invalid value: \"*\": spec.cronSpec in body should match '^[^ ]+ [^ ]+$'",
        ),
        (
            json!({"cronSpec": "* *", "replicas": 11}),
            "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
        ),
        (
            json!({"cronSpec": "* *", "ports": [{"name": "a"}, {"name": "a"}]}),
            "spec.ports[1]: Duplicate value: {\"name\":\"a\"}",
        ),
    ] {
        let mut bad = crontab("bad");
        bad["spec"] = spec;
        let (code, refused) = api.ask("POST", CRONTABS, bad).await;
        assert_eq!(code, 422, "{refused}");
        assert_eq!(
            refused["message"],
            format!("CronTab.stable.example.com \"bad\" is invalid: {message}")
        );
    }
}

/// Conformance: [sig-api-machinery] FieldValidation should create/apply an invalid CR with extra
/// properties for CRD with validation schema [Conformance]
#[tokio::test]
async fn field_validation_should_refuse_an_invalid_cr_with_extra_properties() {
    let api = start().await;
    let mut odd = crontab("a");
    odd["spec"]["foo"] = 1.into();
    odd["metadata"]["unknownMeta"] = 1.into();
    odd["spec"]["free"] = json!({"anything": {"goes": 1}});
    let (code, refused) =
        api.ask("POST", &format!("{CRONTABS}?fieldValidation=Strict"), odd.clone()).await;
    assert_eq!(code, 400, "{refused}");
    let message = refused["message"].as_str().unwrap();
    assert!(message.ends_with("strict decoding error: unknown field \"metadata.unknownMeta\", unknown field \"spec.foo\""), "{message}");
    let request = api.request("POST", &format!("{CRONTABS}?fieldValidation=Warn"));
    let response = api.full(request.body(odd.to_string().into()).unwrap()).await;
    assert_eq!(response.status(), 201);
    let warnings: Vec<_> = response.headers().get_all("warning").iter().collect();
    assert_eq!(warnings.len(), 2);
    let stored = api.get(&format!("{CRONTABS}/a")).await;
    assert_eq!(
        (&stored["spec"]["foo"], &stored["spec"]["free"]["anything"]["goes"]),
        (&Value::Null, &json!(1))
    );

    let twice = r#"{"metadata":{"name":"b"},"spec":{"cronSpec":"* *","cronSpec":"a b"}}"#;
    let request = api.request("POST", &format!("{CRONTABS}?fieldValidation=Strict"));
    let response = api.full(request.body(twice.into()).unwrap()).await;
    assert_eq!(response.status(), 400);
    let body = String::from_utf8_lossy(response.body()).into_owned();
    assert!(body.contains(r#"duplicate field \"spec.cronSpec\""#), "{body}");

    let apply = json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": "c"},
        "spec": {"cronSpec": "* *", "nope": 1}});
    let path = format!("{CRONTABS}/c?fieldManager=me&fieldValidation=Strict");
    let (code, refused) = api.ask_as("PATCH", &path, "application/apply-patch+yaml", apply).await;
    assert_eq!(code, 400, "{refused}");
    assert!(
        refused["message"].as_str().unwrap().contains(".spec.nope: field not declared in schema"),
        "{refused}"
    );
}

#[tokio::test]
async fn applied_lists_merge_by_their_keys() {
    let api = start().await;
    let port = |name: &str, port: i32| {
        json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab",
        "metadata": {"name": "a"}, "spec": {"cronSpec": "* *", "ports": [{"name": name, "port": port}]}})
    };
    let apply = "application/apply-patch+yaml";
    let path = format!("{CRONTABS}/a");
    let (code, made) =
        api.ask_as("PATCH", &format!("{path}?fieldManager=one"), apply, port("a", 1)).await;
    assert_eq!(code, 201, "{made}");
    let (code, merged) =
        api.ask_as("PATCH", &format!("{path}?fieldManager=two"), apply, port("b", 2)).await;
    assert_eq!(code, 200, "{merged}");
    assert_eq!(
        merged["spec"]["ports"],
        json!([{"name": "a", "port": 1}, {"name": "b", "port": 2}])
    );
    let (code, conflict) =
        api.ask_as("PATCH", &format!("{path}?fieldManager=two"), apply, port("a", 3)).await;
    assert_eq!(code, 409, "{conflict}");
    assert!(
        conflict["message"].as_str().unwrap().contains(".spec.ports[name=\"a\"].port"),
        "{conflict}"
    );
}

#[tokio::test]
async fn tables_have_the_columns_of_the_definition() {
    let api = start().await;
    api.ask("POST", CRONTABS, crontab("a")).await;
    let request = api
        .request("GET", CRONTABS)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let response = api.full(request.body("".into()).unwrap()).await;
    let table: Value = serde_json::from_slice(response.body()).unwrap();
    let names: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Name", "Spec", "Replicas", "Age"]);
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells[..3], [json!("a"), json!("* *"), json!(1)]);
    assert!(cells[3].as_str().unwrap().ends_with('s'), "{cells:?}");
}

/// Conformance: [sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin]
/// CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector
/// [Conformance]
#[tokio::test]
async fn custom_resource_field_selectors_must_list_and_watch() {
    let api = start().await;
    for (name, spec) in [("a", "* *"), ("b", "1 1")] {
        let mut object = crontab(name);
        object["spec"]["cronSpec"] = spec.into();
        assert_eq!(api.ask("POST", CRONTABS, object).await.0, 201);
    }
    let listed = api.get(&format!("{CRONTABS}?fieldSelector=spec.cronSpec%3D1%201")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["metadata"]["name"], "b");
    let (code, refused) =
        api.ask("GET", &format!("{CRONTABS}?fieldSelector=spec.replicas%3D1"), Value::Null).await;
    assert_eq!(code, 400, "{refused}");
    let mut watch =
        api.watch(&format!("{CRONTABS}?watch=1&fieldSelector=spec.cronSpec%3D1%201")).await;
    assert_eq!(watch.next().await["object"]["metadata"]["name"], "b");
    let patch = json!({"spec": {"cronSpec": "1 1"}});
    api.ask_as("PATCH", &format!("{CRONTABS}/a"), MERGE, patch).await;
    let seen = watch.next().await;
    assert_eq!(
        (&seen["type"], &seen["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("a"))
    );
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin]
/// custom resource defaulting for requests and from storage works [Conformance]
#[tokio::test]
async fn custom_resource_defaulting_for_requests_and_from_storage_works() {
    let api = start().await;
    api.ask("POST", CRONTABS, crontab("a")).await;
    let path = format!("{DEFINITIONS}/crontabs.stable.example.com");
    let mut stored = api.get(&path).await;
    let spec =
        &mut stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["zone"] = json!({"type": "string", "default": "UTC"});
    spec["properties"]["replicas"]["default"] = 2.into();
    let (code, changed) = api.ask("PUT", &path, stored).await;
    assert_eq!(code, 200, "{changed}");
    let old = api.get(&format!("{CRONTABS}/a")).await;
    assert_eq!((&old["spec"]["zone"], &old["spec"]["replicas"]), (&json!("UTC"), &json!(1)));
    let (_, new) = api.ask("POST", CRONTABS, crontab("b")).await;
    assert_eq!((&new["spec"]["zone"], &new["spec"]["replicas"]), (&json!("UTC"), &json!(2)));
    let listed = api.get(CRONTABS).await;
    assert!(listed["items"].as_array().unwrap().iter().all(|item| item["spec"]["zone"] == "UTC"));
}

#[tokio::test]
async fn several_versions_show_the_same_objects() {
    let api = Harness::start().await;
    let mut second = version("v2", false);
    second["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["zone"] =
        json!({"type": "string"});
    second["deprecated"] = true.into();
    define(&api, definition(json!([version("v1", true), second]))).await;
    let two = CRONTABS.replace("/v1/", "/v2/");
    let mut object = crontab("a");
    object["apiVersion"] = "stable.example.com/v2".into();
    object["spec"]["zone"] = "UTC".into();
    let (code, created) = api.ask("POST", &two, object.clone()).await;
    assert_eq!(
        (code, &created["apiVersion"], &created["spec"]["zone"]),
        (201, &json!("stable.example.com/v2"), &json!("UTC")),
        "{created}"
    );
    let one = api.get(&format!("{CRONTABS}/a")).await;
    assert_eq!(
        (&one["apiVersion"], &one["spec"]["zone"]),
        (&json!("stable.example.com/v1"), &Value::Null)
    );
    assert_eq!(api.get(&format!("{two}/a")).await["spec"]["zone"], "UTC");
    let (code, refused) = api.ask("POST", CRONTABS, object).await;
    assert_eq!(code, 400, "{refused}");
    let request = api.request("GET", &two).body("".into()).unwrap();
    let warning = api.full(request).await.headers()["warning"].to_str().unwrap().to_owned();
    assert_eq!(warning, "299 - \"stable.example.com/v2 CronTab is deprecated\"");
    let mut watch = api.watch(&format!("{CRONTABS}?watch=1")).await;
    assert_eq!(watch.next().await["object"]["apiVersion"], "stable.example.com/v1");
}

#[tokio::test]
async fn refuses_definitions_that_are_not_structural() {
    let api = Harness::start().await;
    for (change, message) in [
        (
            json!({"schema": null}),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
        (
            json!({"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {}}}}}),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"schema": {"openAPIV3Schema": {"type": "string"}}}),
            "spec.versions[0].schema.openAPIV3Schema.type: Invalid value: \"string\": must be object at the root",
        ),
        (json!({"storage": false}), "must have exactly one version marked as storage version"),
        (
            json!({"schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}}}),
            "spec.versions[0].schema.openAPIV3Schema.properties[a].default: Invalid value: \"string\"",
        ),
        (
            json!({"schema": {"openAPIV3Schema": {"type": "object", "anyOf": [{"properties": {"a": {"minimum": 1}}}]}}}),
            "spec.versions[0].schema.openAPIV3Schema.properties[a]: Required value: because it is defined in spec.versions[0].schema.openAPIV3Schema.anyOf[0].properties[a]",
        ),
    ] {
        let mut one = version("v1", true);
        one.as_object_mut().unwrap().remove("subresources");
        one.as_object_mut().unwrap().remove("selectableFields");
        one.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (code, refused) = api.ask("POST", DEFINITIONS, definition(json!([one]))).await;
        assert_eq!(code, 422, "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(message), "{message}\n{refused}");
    }
    let mut misnamed = definition(json!([version("v1", true)]));
    misnamed["metadata"]["name"] = "x.example.com".into();
    let (_, refused) = api.ask("POST", DEFINITIONS, misnamed).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("must be spec.names.plural+\\\".\\\"+spec.group")
            || refused["message"]
                .as_str()
                .unwrap()
                .contains("must be spec.names.plural+\".\"+spec.group"),
        "{refused}"
    );
}

#[tokio::test]
async fn custom_objects_are_updated_by_who_has_seen_them() {
    let api = start().await;
    let (_, made) = api.ask("POST", CRONTABS, crontab("a")).await;
    let path = format!("{CRONTABS}/a");
    let (code, refused) = api.ask("PUT", &path, crontab("a")).await;
    let message = "CronTab.stable.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update";
    assert_eq!((code, &refused["message"]), (422, &json!(message)));
    assert_eq!(api.ask("PUT", &format!("{path}/status"), crontab("a")).await.0, 422);
    let mut changed = made.clone();
    changed["spec"]["cronSpec"] = "1 1".into();
    assert_eq!(api.ask("PUT", &path, changed.clone()).await.0, 200);
    assert_eq!(api.ask("PUT", &path, changed).await.0, 409, "somebody was faster");
    // What is not there has no revision to be named.
    assert_eq!(api.ask("PUT", &format!("{CRONTABS}/b"), crontab("b")).await.0, 404);
}

#[tokio::test]
async fn refuses_rules_that_could_cost_too_much() {
    let api = Harness::start().await;
    let define = async |properties: Value, at: Value| {
        let mut one = version("v1", true);
        one.as_object_mut()
            .unwrap()
            .retain(|name, _| ["name", "served", "storage"].contains(&name.as_str()));
        let mut schema = json!({"type": "object", "properties": {"spec": {
            "type": "object", "properties": properties}}});
        schema["properties"]["spec"]["x-kubernetes-validations"] = at;
        one["schema"] = json!({"openAPIV3Schema": schema});
        let path = format!("{DEFINITIONS}?dryRun=All");
        api.ask("POST", &path, definition(json!([one]))).await
    };
    let text = json!({"type": "string"});
    let free = json!({"names": {"type": "array", "items": text}});
    let twice = json!([{"rule": "self.names.all(x, self.names.exists_one(y, x == y))"}]);
    let (code, refused) = define(free.clone(), twice.clone()).await;
    let cause = &refused["details"]["causes"][0];
    let rule =
        "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule";
    assert_eq!((code, &cause["field"]), (422, &json!(rule)), "{refused}");
    assert_eq!(
        cause["message"],
        "Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    );
    let total = &refused["details"]["causes"][1];
    assert_eq!(total["field"], "spec.versions[0].schema.openAPIV3Schema");
    assert!(total["message"].as_str().unwrap().starts_with("Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x"));
    // What is bounded, or goes through its list once, is taken.
    let short = json!({"names": {"type": "array", "maxItems": 100, "items": text}});
    assert_eq!(define(short, twice).await.0, 201);
    let once = json!([{"rule": "self.names.all(x, x != '')"}]);
    let (code, made) = define(free, once).await;
    assert_eq!(code, 201, "{made}");
    // A rule of each of many items counts as often as they can be.
    let pattern =
        json!({"type": "string", "x-kubernetes-validations": [{"rule": "self.matches('a+')"}]});
    let (code, refused) =
        define(json!({"names": {"type": "array", "items": pattern}}), json!([])).await;
    assert_eq!(code, 422, "{refused}");
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin]
/// should include custom resource definition resources in discovery documents [Conformance]
#[tokio::test]
async fn custom_kinds_stand_in_discovery() {
    let api = start().await;
    let groups = api.get("/apis").await;
    let group =
        groups["groups"].as_array().unwrap().iter().find(|g| g["name"] == "stable.example.com");
    assert_eq!(group.unwrap()["preferredVersion"]["version"], "v1");
    let listed = api.get("/apis/stable.example.com/v1").await;
    let names: Vec<&str> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["crontabs", "crontabs/scale", "crontabs/status"]);
    assert_eq!(listed["resources"][0]["shortNames"], json!(["ct"]));
    assert_eq!(listed["resources"][0]["categories"], json!(["all"]));
    assert_eq!(listed["resources"][1]["kind"], "Scale");
}

/// Conformance: [sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin]
/// CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]
#[tokio::test]
async fn watch_on_custom_resource_definition_objects() {
    let api = start().await;
    let mut watch = api.watch(&format!("{CRONTABS}?watch=1")).await;
    api.ask("POST", CRONTABS, crontab("a")).await;
    api.ask_as("PATCH", &format!("{CRONTABS}/a"), MERGE, json!({"spec": {"replicas": 4}})).await;
    api.ask("DELETE", &format!("{CRONTABS}/a"), Value::Null).await;
    for kind in ["ADDED", "MODIFIED", "DELETED"] {
        let seen = watch.next().await;
        assert_eq!((&seen["type"], &seen["object"]["kind"]), (&json!(kind), &json!("CronTab")));
    }
}

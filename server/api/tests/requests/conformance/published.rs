//! The schemas of custom kinds in the published documents.

use serde_json::{Value, json};

use crate::{
    definitions::{DEFINITIONS, define, definition, version},
    harness::Harness,
};

/// A schema with a bit of everything.
fn foo() -> Value {
    let texts = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object", "description": "Foos for tests",
        "properties": {
            "spec": {
                "type": "object", "description": "What a Foo is to be",
                "properties": {"bars": {
                    "type": "array", "description": "Bars and what each is to be.",
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": texts("The bar's name."), "age": texts("The bar's age."),
                        "feeling": {"type": "string", "enum": ["Great", "Down"]},
                        "bazs": {"type": "array", "items": {"type": "string"}},
                    }},
                }},
            },
            "status": {
                "type": "object", "description": "How a Foo is",
                "properties": {
                    "available": {"type": "boolean"},
                    "quxType": {"type": "string", "pattern": "in-tree|out-of-tree"},
                },
            },
        },
    })
}

fn waldo() -> Value {
    json!({"type": "object", "description": "Waldos for tests", "properties": {
        "spec": {"type": "object", "properties": {"dummy": {"type": "string"}}},
        "status": {"type": "object", "properties": {"bars": {"type": "array", "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}},
        }}}},
    }})
}

/// The name of a definition: `com.example.GROUP.VERSION.KIND`.
fn name(group: &str, version: &str, kind: &str) -> String {
    format!("com.example.{group}.{version}.{kind}")
}

async fn published(api: &Harness, name: &str) -> Option<Value> {
    let document = api.get("/openapi/v2").await;
    let mut schema = document["definitions"].get(name)?.clone();
    let gvk = schema.as_object_mut().unwrap().remove("x-kubernetes-group-version-kind").unwrap();
    let [version, kind] = name.rsplitn(3, '.').collect::<Vec<_>>()[..2] else { unreachable!() };
    assert_eq!((&gvk[0]["kind"], &gvk[0]["version"]), (&json!(version), &json!(kind)));
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return Some(schema);
    };
    for added in ["apiVersion", "kind", "metadata"] {
        assert!(properties.remove(added).is_some(), "{added}: {schema}");
    }
    Some(schema)
}

async fn is_published(api: &Harness, name: &str, schema: &Value) {
    let found = published(api, name).await;
    assert_eq!(found.as_ref(), Some(schema), "{name}");
}

/// Defines a kind of a group with a schema in versions, of which the first is stored.
async fn publish(api: &Harness, group: &str, kind: &str, schema: &Value, versions: &[&str]) {
    let versions = versions.iter().enumerate();
    let versions: Vec<_> = versions.map(|(i, name)| version(name, i == 0, schema)).collect();
    let plural = format!("{}s", kind.to_lowercase());
    let domain = format!("{group}.example.com");
    define(api, definition(&domain, &plural, kind, versions.into())).await;
}

/// A definition's path.
fn path(group: &str, kind: &str) -> String {
    format!("{DEFINITIONS}/{}s.{group}.example.com", kind.to_lowercase())
}

async fn create(api: &Harness, group: &str, kind: &str, fields: Value) -> (u16, Value) {
    let mut object = json!({
        "apiVersion": format!("{group}.example.com/v1"), "kind": kind, "metadata": {"name": "test"},
    });
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let plural = format!("{}s", kind.to_lowercase());
    let objects = format!("/apis/{group}.example.com/v1/namespaces/default/{plural}");
    api.ask("POST", &format!("{objects}?fieldValidation=Strict&dryRun=All"), object).await
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema [Conformance]
#[tokio::test]
async fn a_validation_schema_is_published_and_validated_by() {
    let api = Harness::start().await;
    publish(&api, "foo", "Foo", &foo(), &["v1"]).await;
    is_published(&api, &name("foo", "v1", "Foo"), &foo()).await;
    for (bar, code, part) in [
        (json!({"name": "bar"}), 201, ""),
        (json!({"name": "bar", "feeling": "Odd"}), 422, "Unsupported value: \"Odd\""),
        (json!({"name": "bar", "foo": true}), 400, "unknown field \"spec.bars[0].foo\""),
        (json!({"age": "10"}), 422, "spec.bars[0].name: Required value"),
    ] {
        let (answered, status) = create(&api, "foo", "Foo", json!({"spec": {"bars": [bar]}})).await;
        assert_eq!(answered, code, "{status}");
        assert!(status["message"].as_str().unwrap_or_default().contains(part), "{status}");
    }
    // `kubectl explain` reads the newer form.
    let document = api.get("/openapi/v3/apis/foo.example.com/v1").await;
    let schema = &document["components"]["schemas"]["com.example.foo.v1.Foo"];
    assert_eq!(schema["description"], "Foos for tests");
    assert_eq!(schema["properties"]["apiVersion"]["type"], "string");
    let bars = &schema["properties"]["spec"]["properties"]["bars"];
    assert_eq!(bars["items"]["properties"]["name"]["description"], "The bar's name.");
    let meta = &schema["properties"]["metadata"]["allOf"][0]["$ref"];
    let meta = meta.as_str().unwrap().rsplit('/').next().unwrap();
    let meta = &document["components"]["schemas"][meta]["properties"]["creationTimestamp"];
    assert!(meta["description"].as_str().unwrap().starts_with("CreationTimestamp is a timestamp"));
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema [Conformance]
#[tokio::test]
async fn a_definition_without_a_schema_takes_everything() {
    let api = Harness::start().await;
    let empty = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    publish(&api, "empty", "Empty", &empty, &["v1"]).await;
    is_published(&api, &name("empty", "v1", "Empty"), &json!({"type": "object"})).await;
    let (code, made) = create(&api, "empty", "Empty", json!({"a": {"b": [{"c": "d"}]}})).await;
    assert_eq!((code, &made["a"]), (201, &json!({"b": [{"c": "d"}]})));
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root [Conformance]
#[tokio::test]
async fn unknown_fields_are_preserved_at_the_root() {
    let api = Harness::start().await;
    let mut root = foo();
    root["x-kubernetes-preserve-unknown-fields"] = true.into();
    publish(&api, "root", "Root", &root, &["v1"]).await;
    is_published(&api, &name("root", "v1", "Root"), &json!({"type": "object"})).await;
    let fields = json!({"a": {"b": [{"c": "d"}]}, "spec": {"bars": [{"name": "bar"}]}});
    let (code, made) = create(&api, "root", "Root", fields).await;
    assert_eq!((code, &made["a"]), (201, &json!({"b": [{"c": "d"}]})));
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object [Conformance]
#[tokio::test]
async fn unknown_fields_are_preserved_in_an_embedded_object() {
    let api = Harness::start().await;
    let free = |properties: Value| {
        json!({"type": "object", "description": "Takes all", "properties": properties,
            "x-kubernetes-preserve-unknown-fields": true})
    };
    let nested = json!({"type": "object", "description": "Nested", "properties": {
        "spec": free(json!({"held": {"type": "string"}})),
        "status": free(json!({"bars": {"type": "array", "items": {"type": "string"}}})),
        "some": {"type": "object", "x-kubernetes-embedded-resource": true,
            "properties": {"spec": {"type": "object"}}},
        "maybe": {"type": "array", "nullable": true, "items": {"type": "string"}},
        "port": {"x-kubernetes-int-or-string": true},
    }});
    publish(&api, "nested", "Nested", &nested, &["v1"]).await;
    // Old clients refuse what they do not find among properties, so none are told.
    let found = published(&api, &name("nested", "v1", "Nested")).await.unwrap();
    let untyped = json!({"description": "Takes all", "x-kubernetes-preserve-unknown-fields": true});
    assert_eq!(
        (&found["properties"]["spec"], &found["properties"]["status"]),
        (&untyped, &untyped)
    );
    assert_eq!(found["properties"]["maybe"], json!({}));
    assert_eq!(found["properties"]["port"], json!({"x-kubernetes-int-or-string": true}));
    let embedded = &found["properties"]["some"];
    assert!(embedded["properties"]["metadata"]["$ref"].is_string(), "{embedded}");
    assert_eq!(embedded["required"], json!(["kind", "apiVersion"]));
    let fields = json!({"spec": {"a": null, "b": [{"c": "d"}]}});
    let (code, made) = create(&api, "nested", "Nested", fields.clone()).await;
    assert_eq!((code, &made["spec"]), (201, &fields["spec"]));
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups [Conformance]
#[tokio::test]
async fn definitions_of_different_groups_are_published() {
    let api = Harness::start().await;
    publish(&api, "foo", "Foo", &foo(), &["v1"]).await;
    publish(&api, "waldo", "Waldo", &waldo(), &["v1beta1"]).await;
    is_published(&api, &name("waldo", "v1beta1", "Waldo"), &waldo()).await;
    is_published(&api, &name("foo", "v1", "Foo"), &foo()).await;
    // They go with their definitions.
    for (group, version, kind) in [("foo", "v1", "Foo"), ("waldo", "v1beta1", "Waldo")] {
        api.ask("DELETE", &path(group, kind), Value::Null).await;
        let free = json!({"metadata": {"finalizers": null}});
        api.ask_as("PATCH", &path(group, kind), "application/merge-patch+json", free).await;
        assert_eq!(published(&api, &name(group, version, kind)).await, None);
    }
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions [Conformance]
#[tokio::test]
async fn different_versions_of_a_group_are_published() {
    let api = Harness::start().await;
    publish(&api, "multi-ver", "Foo", &foo(), &["v2", "v3"]).await;
    for version in ["v2", "v3"] {
        is_published(&api, &name("multi-ver", version, "Foo"), &foo()).await;
    }
    publish(&api, "common", "Foo", &foo(), &["v4"]).await;
    publish(&api, "common", "Waldo", &waldo(), &["v5"]).await;
    is_published(&api, &name("common", "v4", "Foo"), &foo()).await;
    is_published(&api, &name("common", "v5", "Waldo"), &waldo()).await;
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds [Conformance]
#[tokio::test]
async fn different_kinds_of_a_version_are_published() {
    let api = Harness::start().await;
    publish(&api, "common", "Foo", &foo(), &["v6"]).await;
    publish(&api, "common", "Waldo", &waldo(), &["v6"]).await;
    is_published(&api, &name("common", "v6", "Foo"), &foo()).await;
    is_published(&api, &name("common", "v6", "Waldo"), &waldo()).await;
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed [Conformance]
#[tokio::test]
async fn a_renamed_version_is_published_under_its_new_name() {
    let api = Harness::start().await;
    publish(&api, "multi-ver", "Foo", &foo(), &["v2", "v3"]).await;
    let patch = json!([
        {"op": "test", "path": "/spec/versions/1/name", "value": "v3"},
        {"op": "replace", "path": "/spec/versions/1/name", "value": "v4"},
    ]);
    let media = "application/json-patch+json";
    let (code, patched) = api.ask_as("PATCH", &path("multi-ver", "Foo"), media, patch).await;
    assert_eq!(code, 200, "{patched}");
    is_published(&api, &name("multi-ver", "v4", "Foo"), &foo()).await;
    assert_eq!(published(&api, &name("multi-ver", "v3", "Foo")).await, None);
    is_published(&api, &name("multi-ver", "v2", "Foo"), &foo()).await;
}

/// Conformance: [sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served [Conformance]
#[tokio::test]
async fn a_version_that_is_not_served_is_not_published() {
    let api = Harness::start().await;
    publish(&api, "single", "Foo", &foo(), &["v5", "v6alpha1"]).await;
    is_published(&api, &name("single", "v6alpha1", "Foo"), &foo()).await;
    let mut stored = api.get(&path("single", "Foo")).await;
    stored["spec"]["versions"][1]["served"] = false.into();
    let (code, updated) = api.ask("PUT", &path("single", "Foo"), stored).await;
    assert_eq!(code, 200, "{updated}");
    assert_eq!(published(&api, &name("single", "v6alpha1", "Foo")).await, None);
    is_published(&api, &name("single", "v5", "Foo"), &foo()).await;
}

//! `fieldValidation` of custom resources.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    definitions::{define, definition, version},
    harness::Harness,
};

const NOXUS: &str = "/apis/mygroup.example.com/v1beta1/noxus";

/// What the fixtures' schema says of a `spec`.
fn properties() -> Value {
    let port = json!({
        "type": "object", "required": ["containerPort", "protocol"],
        "properties": {
            "containerPort": {"type": "integer", "format": "int32"},
            "hostIP": {"type": "string"}, "hostPort": {"type": "integer", "format": "int32"},
            "name": {"type": "string"}, "protocol": {"type": "string"},
        },
    });
    json!({
        "foo": {"type": "string"},
        "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
        "ports": {
            "type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"], "items": port,
        },
    })
}

async fn start(schema: Value) -> Harness {
    let api = Harness::start().await;
    let versions = json!([version("v1beta1", true, &schema), version("v1", false, &schema)]);
    let mut noxus = definition("mygroup.example.com", "noxus", "WishIHadChosenNoxu", versions);
    noxus["spec"]["scope"] = "Cluster".into();
    define(&api, noxus).await;
    api
}

/// An object with lines among its metadata, at its root and in its `spec`.
fn noxu(metadata: &str, root: &str, spec: &str) -> String {
    format!(
        "\napiVersion: mygroup.example.com/v1beta1\nkind: WishIHadChosenNoxu\nmetadata:\n  name: mytest\n{metadata}  finalizers:\n  - test-finalizer\n{root}spec:\n{spec}  cronSpec: \"* * * * */5\"\n  ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP"
    )
}

/// Applies and creates with strict validation: the codes and the answers as text.
async fn write(api: &Harness, body: &str) -> [(u16, String); 2] {
    let strict = "fieldManager=field_validation_mgr&fieldValidation=Strict";
    let mut answers = Vec::new();
    for (method, path, media) in [
        ("PATCH", format!("{NOXUS}/mytest?{strict}"), "application/apply-patch+yaml"),
        ("POST", format!("{NOXUS}?{strict}&dryRun=All"), "application/yaml"),
    ] {
        let body = match method {
            "PATCH" => body.to_owned(),
            _ => body.replace("name: mytest", "name: another"),
        };
        let request = api.request(method, &path).header("content-type", media);
        let response = api.full(request.body(Bytes::from(body)).unwrap()).await;
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        answers.push((response.status().as_u16(), text));
    }
    answers.try_into().unwrap()
}

/// Conformance: [sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]
#[tokio::test]
async fn a_valid_cr_is_created_and_applied() {
    let spec = json!({"type": "object", "properties": properties()});
    let api = start(json!({"type": "object", "properties": {"spec": spec}})).await;
    for (code, answer) in write(&api, &noxu("", "", "  foo: foo1\n")).await {
        assert_eq!(code, 201, "{answer}");
    }
}

/// Conformance: [sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]
#[tokio::test]
async fn a_cr_with_unknown_fields_is_created_and_applied_without_a_schema() {
    let api = start(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})).await;
    for (code, answer) in write(&api, &noxu("", "", "  unknown: uk1\n")).await {
        assert_eq!(code, 201, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["spec"]["unknown"], "uk1");
    }
}

/// Conformance: [sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]
#[tokio::test]
async fn an_invalid_cr_with_extra_properties_is_refused() {
    let spec = json!({"type": "object", "properties": properties()});
    let api = start(json!({"type": "object", "properties": {"spec": spec}})).await;
    let [applied, created] = write(&api, &noxu("", "unknownField: unknown\n", "")).await;
    assert!(applied.1.contains(".unknownField: field not declared in schema"), "{applied:?}");
    assert!(created.1.contains(r#"unknown field \"unknownField\""#), "{created:?}");
    assert!(applied.0 >= 400 && created.0 == 400);
}

fn with_template() -> Value {
    let template = json!({
        "type": "object", "x-kubernetes-embedded-resource": true,
        "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": {"type": "object"},
        },
    });
    let mut properties = properties();
    properties["template"] = template;
    json!({"type": "object", "properties": {"spec": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties,
    }}})
}

/// Conformance: [sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]
#[tokio::test]
async fn unknown_metadata_of_a_cr_and_of_what_it_embeds_is_refused() {
    let api = start(with_template()).await;
    let template = |metadata: &str| {
        format!(
            "  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n{metadata}        name: subobject\n        namespace: default\n  foo: foo1\n"
        )
    };
    let unknown = "        unknownSubMeta: unknown\n";
    let body = noxu("  unknownMeta: unknown\n", "", &template(unknown));
    let [applied, created] = write(&api, &body).await;
    let about_metadata = ".metadata.unknownMeta: field not declared in schema";
    assert!(applied.1.contains(about_metadata), "{applied:?}");
    for field in ["metadata.unknownMeta", "spec.template.metadata.unknownSubMeta"] {
        assert!(created.1.contains(&format!(r#"unknown field \"{field}\""#)), "{created:?}");
    }
    // Each alone.
    let [applied, _] = write(&api, &noxu("", "", &template(unknown))).await;
    let embedded = ".spec.template.metadata.unknownSubMeta: field not declared in schema";
    assert!(applied.1.contains(embedded), "{applied:?}");
    for (code, answer) in write(&api, &noxu("", "", &template(""))).await {
        assert_eq!(code, 201, "{answer}");
    }
}

/// Conformance: [sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]
#[tokio::test]
async fn duplicates_in_a_cr_are_refused() {
    let api = start(with_template()).await;
    let body = noxu("", "", "  unknown: uk1\n  foo: foo1\n  foo: foo2\n");
    for (code, answer) in write(&api, &body).await {
        assert_eq!(code, 400, "{answer}");
        assert!(answer.contains(r#"line 11: key \"foo\" already set in map"#), "{answer}");
    }
}

//! `fieldValidation`: what a body may not say, and how that is told.

use bytes::Bytes;
use serde_json::Value;

use crate::harness::Harness;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// A deployment with `extra` lines among its fields.
fn deployment(metadata: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {{"name": "web", {metadata} "labels": {{"app": "web"}}}},
            "spec": {{{spec} "selector": {{"matchLabels": {{"app": "web"}}}},
                "template": {{"metadata": {{"labels": {{"app": "web"}}}},
                    "spec": {{"containers": [{{"name": "web", "image": "x"}}]}}}}}}}}"#
    )
}

/// The code, the message and the warnings of a write.
async fn write(
    api: &Harness,
    method: &str,
    path: &str,
    body: &str,
    media: &str,
) -> (u16, String, Vec<String>) {
    let request = api.request(method, path).header("content-type", media);
    let response = api.full(request.body(Bytes::from(body.to_owned())).unwrap()).await;
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.map(|value| value.to_str().unwrap().to_owned()).collect();
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    (response.status().as_u16(), message, warnings)
}

const JSON: &str = "application/json";
const APPLY: &str = "application/apply-patch+yaml";

/// Conformance: [sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]
#[tokio::test]
async fn field_validation_detects_unknown_and_duplicate_fields_of_a_typed_object() {
    let api = Harness::start().await;
    let body = deployment(
        "",
        r#""unknown1": "val", "unknownDupe": "a", "unknownDupe": "b", "paused": true, "paused": false,"#,
    );
    let strict = format!("{DEPLOYMENTS}?fieldValidation=Strict");
    let (code, message, _) = write(&api, "POST", &strict, &body, JSON).await;
    assert_eq!(code, 400, "{message}");
    for part in [
        "strict decoding error",
        r#"unknown field "spec.unknown1""#,
        r#"duplicate field "spec.paused""#,
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let warn = format!("{DEPLOYMENTS}?fieldValidation=Warn&dryRun=All");
    let (code, message, warnings) = write(&api, "POST", &warn, &body, JSON).await;
    assert_eq!(code, 201, "{message}");
    let told = warnings.join("\n");
    for part in [r#"unknown field \"spec.unknown1\""#, r#"duplicate field \"spec.paused\""#] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let ignore = format!("{DEPLOYMENTS}?fieldValidation=Ignore&dryRun=All");
    let (code, message, warnings) = write(&api, "POST", &ignore, &body, JSON).await;
    assert_eq!((code, warnings.len()), (201, 0), "{message}");
    let apply = format!("{DEPLOYMENTS}/web?fieldManager=me&fieldValidation=Strict");
    let unknown = deployment("", r#""unknown1": "val","#);
    let (code, message, _) = write(&api, "PATCH", &apply, &unknown, APPLY).await;
    assert!(code == 400 || code == 500, "{code} {message}");
    assert!(message.contains("spec.unknown1") || message.contains(".spec.unknown1"), "{message}");
}

/// Conformance: [sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]
#[tokio::test]
async fn field_validation_detects_unknown_metadata_fields_of_a_typed_object() {
    let api = Harness::start().await;
    let body = deployment(r#""unknownMeta": "x","#, "");
    let strict = format!("{DEPLOYMENTS}?fieldValidation=Strict");
    let (code, message, _) = write(&api, "POST", &strict, &body, JSON).await;
    assert_eq!(code, 400);
    assert!(message.contains(r#"unknown field "metadata.unknownMeta""#), "{message}");
    let warn = format!("{DEPLOYMENTS}?fieldValidation=Warn");
    let (code, message, warnings) = write(&api, "POST", &warn, &body, JSON).await;
    assert_eq!(code, 201, "{message}");
    assert_eq!(warnings, [r#"299 - "unknown field \"metadata.unknownMeta\"""#]);
}

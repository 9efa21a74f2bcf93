//! Conversion by the webhook of a definition: `ConversionReview` in the first version that both know.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::WebhookConversion;
use kinds::{KindDef, custom_resource_definition::REVIEW_VERSIONS};
use object::{ApiError, Reason};
use serde_json::{Value, json};

use crate::Api;

const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "ConversionReview";

impl Api {
    pub(super) async fn convert_by_webhook(
        &self,
        def: &KindDef,
        objects: Vec<Value>,
        to: &str,
        webhook: &WebhookConversion,
    ) -> Result<Vec<Value>, ApiError> {
        let from = objects.first().map(|object| object["apiVersion"].clone());
        let from = from.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let wrong = |why: String| {
            let told = format!("conversion webhook for {from}, Kind={} {why}", def.kind);
            ApiError::new(Reason::Coded(500), told)
        };
        let failed = |error: ApiError| wrong(format!("failed: {}", error.message));
        let uid = uuid::Uuid::new_v4().to_string();
        let known = webhook.conversion_review_versions.iter();
        let known = known.map(String::as_str).find(|version| REVIEW_VERSIONS.contains(version));
        let api_version = format!("{GROUP}/{}", known.unwrap_or("v1"));
        let review = json!({
            "apiVersion": api_version, "kind": KIND,
            "request": {"uid": uid, "desiredAPIVersion": to, "objects": objects},
        });
        let client = webhook.client_config.clone().unwrap_or_default();
        let hook = self.hook(&client).map_err(failed)?;
        let mut answer = self.call_hook(&hook, &review).await.map_err(failed)?;
        let converted = objects_of(&mut answer, &uid, &api_version)
            .map_err(|why| wrong(format!("failed: {why}")))?;
        check(converted, &objects, to).map_err(wrong)
    }
}

/// What the webhook says that the objects are now.
fn objects_of(answer: &mut Value, uid: &str, asked: &str) -> Result<Vec<Value>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&answer["apiVersion"]), text(&answer["kind"]));
    if version != asked || kind != KIND {
        return Err(format!(
            "expected webhook response of {asked}, Kind={KIND}, got {version}, Kind={kind}"
        ));
    }
    let response = &mut answer["response"];
    if !response.is_object() {
        return Err("no response provided".to_owned());
    }
    if response["uid"] != uid {
        let sent = text(&response["uid"]);
        return Err(format!("expected response.uid={uid:?}, got {sent:?}"));
    }
    let result = &response["result"];
    if result["status"] != "Success" {
        return Err(match text(&result["message"]) {
            none if none.is_empty() => {
                let status = text(&result["status"]);
                format!("response.result.status was '{status}', not 'Success'")
            }
            message => message,
        });
    }
    match response["convertedObjects"].take() {
        Value::Array(objects) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

/// Holds the converted objects against those that were sent: as many, in their order, of the
/// version that was asked for.
fn check(converted: Vec<Value>, sent: &[Value], to: &str) -> Result<Vec<Value>, String> {
    if converted.len() != sent.len() {
        return Err(format!("returned {} objects, expected {}", converted.len(), sent.len()));
    }
    let is_one = sent.len() == 1;
    let mut objects = Vec::with_capacity(converted.len());
    for (index, (mut object, sent)) in converted.into_iter().zip(sent).enumerate() {
        let is_own = check_version(&object, sent, to);
        is_own.map_err(|why| match is_one {
            true => format!("returned invalid object at index 0: {why}"),
            false => format!("returned invalid converted object at index {index}: {why}"),
        })?;
        check_identity(&object, sent).map_err(|why| match is_one {
            true => format!("returned invalid object: {why}"),
            false => format!("returned invalid converted object at index {index}: {why}"),
        })?;
        object["metadata"] = restored(&object["metadata"], &sent["metadata"]);
        objects.push(object);
    }
    Ok(objects)
}

fn check_version(object: &Value, sent: &Value, to: &str) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let expected = text(&sent["kind"]);
    if version != to {
        return Err(format!("invalid groupVersion (expected {to}, received {version})"));
    }
    if kind != expected {
        return Err(format!("invalid kind (expected {expected}, received {kind})"));
    }
    Ok(())
}

fn check_identity(object: &Value, sent: &Value) -> Result<(), String> {
    for (field, called) in [("name", "name"), ("namespace", "namespace"), ("uid", "UID")] {
        let [was, is] =
            [sent, object].map(|one| one["metadata"][field].as_str().unwrap_or_default());
        if was != is {
            return Err(format!("must have the same {called}: {was} != {is}"));
        }
    }
    Ok(())
}

/// Labels and annotations alone are the webhook's to change.
fn restored(converted: &Value, sent: &Value) -> Value {
    let mut metadata = sent.clone();
    for field in ["labels", "annotations"] {
        match converted.get(field).filter(|value| !value.is_null()) {
            Some(value) => metadata[field] = value.clone(),
            None => drop(metadata.as_object_mut().and_then(|fields| fields.remove(field))),
        }
    }
    metadata
}

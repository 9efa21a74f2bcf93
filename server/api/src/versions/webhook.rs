//! Conversion by the webhook of a definition: `ConversionReview`, version 1.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::WebhookConversion;
use kinds::KindDef;
use object::ApiError;
use serde_json::{Value, json};

use crate::Api;

impl Api {
    pub(super) async fn convert_by_webhook(
        &self,
        def: &KindDef,
        objects: Vec<Value>,
        to: &str,
        webhook: &WebhookConversion,
    ) -> Result<Vec<Value>, ApiError> {
        let failed = |why: String| {
            let from = objects.first().map(|object| object["apiVersion"].clone());
            let from = from.as_ref().and_then(Value::as_str).unwrap_or_default();
            ApiError::internal(format!(
                "conversion webhook for {from}, Kind={} failed: {why}",
                def.kind
            ))
        };
        let uid = uuid::Uuid::new_v4().to_string();
        let review = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "request": {"uid": uid, "desiredAPIVersion": to, "objects": objects},
        });
        let client = webhook.client_config.clone().unwrap_or_default();
        let hook = self.hook(&client).map_err(|error| failed(error.message))?;
        let answer = self.call_hook(&hook, &review).await.map_err(|e| failed(e.message))?;
        read(&answer["response"], &uid, &objects, to).map_err(failed)
    }
}

/// The converted objects: as many as were sent, in their order, of the version that was asked for.
fn read(response: &Value, uid: &str, sent: &[Value], to: &str) -> Result<Vec<Value>, String> {
    if response["uid"] != uid {
        return Err("response uid does not match the request's".to_owned());
    }
    if response["result"]["status"] != "Success" {
        let why = response["result"]["message"].as_str().unwrap_or("it gave no reason");
        return Err(why.to_owned());
    }
    let converted = response["convertedObjects"].as_array().cloned().unwrap_or_default();
    if converted.len() != sent.len() {
        return Err(format!("it returned {} objects, expected {}", converted.len(), sent.len()));
    }
    let mut objects = Vec::with_capacity(converted.len());
    for (index, (mut object, sent)) in converted.into_iter().zip(sent).enumerate() {
        if object["apiVersion"] != to || object["kind"] != sent["kind"] {
            return Err(format!(
                "it returned an invalid converted object at index {index}: expected {to}, Kind={}",
                sent["kind"].as_str().unwrap_or_default()
            ));
        }
        let (new, old) = (&object["metadata"], &sent["metadata"]);
        for field in ["name", "namespace", "uid"] {
            if new[field] != old[field] {
                return Err(format!(
                    "it returned an invalid converted object at index {index}: metadata.{field} must not change"
                ));
            }
        }
        // Labels and annotations alone are the webhook's to change.
        let mut metadata = old.clone();
        for field in ["labels", "annotations"] {
            match new.get(field).filter(|value| !value.is_null()) {
                Some(value) => metadata[field] = value.clone(),
                None => drop(metadata.as_object_mut().and_then(|fields| fields.remove(field))),
            }
        }
        object["metadata"] = metadata;
        objects.push(object);
    }
    Ok(objects)
}

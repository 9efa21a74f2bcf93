//! `AdmissionReview`: what a webhook is asked, and what its answer means.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use kinds::KindDef;
use object::{ApiError, Reason};
use serde_json::{Value, json};

use super::{attempt::Attempt, webhook::Webhook};

const CODE_MIN: u64 = 400;

/// What a webhook answered.
#[derive(Debug)]
pub struct Answer {
    /// The refusal, if it is one.
    pub verdict: Result<(), ApiError>,
    /// A JSON patch.
    pub patch: Option<Vec<u8>>,
    pub warnings: Vec<String>,
    /// For the audit, each with the webhook's name before its key.
    pub annotations: BTreeMap<String, String>,
}

impl Webhook {
    /// What it is asked about an attempt, whose kind it wants to see in a version.
    ///
    /// # Errors
    /// When an object cannot be shown in that version.
    pub fn question(
        &self,
        attempt: &Attempt<'_>,
        def: &KindDef,
        uid: &str,
    ) -> Result<Value, ApiError> {
        let (object, old) = attempt.in_version(def)?;
        let mut request = attempt.request(def);
        request["uid"] = uid.into();
        request["object"] = object.unwrap_or_default();
        request["oldObject"] = old.unwrap_or_default();
        Ok(json!({
            "kind": "AdmissionReview",
            "apiVersion": self.review_api_version(),
            "request": request,
        }))
    }

    fn review_api_version(&self) -> String {
        format!("admission.k8s.io/{}", self.review_version)
    }

    /// Reads what it answered.
    ///
    /// # Errors
    /// Why that is no answer to the question.
    pub fn answer(&self, body: &[u8], uid: &str) -> Result<Answer, String> {
        let review: Value = serde_json::from_slice(body)
            .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
        self.read(&review, uid).map_err(|why| format!("received invalid webhook response: {why}"))
    }

    fn read(&self, review: &Value, uid: &str) -> Result<Answer, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
        let expected = self.review_api_version();
        if (version.as_str(), kind.as_str()) != (expected.as_str(), "AdmissionReview") {
            return Err(format!(
                "expected webhook response of {expected}, Kind=AdmissionReview, got {version}, Kind={kind}"
            ));
        }
        let response = &review["response"];
        if !response.is_object() {
            return Err("webhook response was absent".to_owned());
        }
        let answered = text(&response["uid"]);
        if answered != uid {
            return Err(format!("expected response.uid={uid:?}, got {answered:?}"));
        }
        let patch = read_patch(response)?;
        let warnings = response["warnings"].as_array().into_iter().flatten();
        let annotations = response["auditAnnotations"].as_object().into_iter().flatten();
        let verdict = match response["allowed"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(self.refusal(&response["status"])),
        };
        Ok(Answer {
            verdict,
            patch,
            warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
            annotations: annotations
                .map(|(key, value)| (format!("{}/{key}", self.name), text(value)))
                .collect(),
        })
    }

    /// A refusal with code, reason and message that the webhook chose.
    fn refusal(&self, status: &Value) -> ApiError {
        let text = |field: &str| status[field].as_str().unwrap_or_default();
        let denied = format!("admission webhook {:?} denied the request", self.name);
        let message = match (text("message"), text("reason")) {
            ("", "") => format!("{denied} without explanation"),
            ("", reason) => format!("{denied}: {reason}"),
            (message, _) => format!("{denied}: {message}"),
        };
        let code = status["code"].as_u64().unwrap_or_default().max(CODE_MIN);
        let code = u16::try_from(code).ok().filter(|code| *code < 600).unwrap_or(400);
        let named = Reason::from_name(text("reason"));
        let reason = named.filter(|reason| reason.code_and_name().0 == code);
        let details = status.get("details").filter(|details| details.is_object());
        ApiError {
            details: details.map(|details| Box::new(details.clone())),
            ..ApiError::new(reason.unwrap_or(Reason::Coded(code)), message)
        }
    }

    /// The failure of asking.
    pub fn failed(&self, why: &str) -> ApiError {
        ApiError::internal(format!(
            "Internal error occurred: failed calling webhook {:?}: {why}",
            self.name
        ))
    }
}

fn read_patch(response: &Value) -> Result<Option<Vec<u8>>, String> {
    let patch = response["patch"].as_str().filter(|patch| !patch.is_empty());
    let Some(patch) = patch else { return Ok(None) };
    match response["patchType"].as_str() {
        Some("JSONPatch") => {}
        None | Some("") => {
            return Err("webhook returned response.patch but not response.patchType".to_owned());
        }
        Some(other) => {
            return Err(format!("invalid response.patchType={other:?}, expected \"JSONPatch\""));
        }
    }
    BASE64_STANDARD.decode(patch).map(Some).map_err(|error| format!("illegal base64 data: {error}"))
}

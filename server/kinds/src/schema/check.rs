//! What becomes of unknown and duplicate fields, as the request's `fieldValidation` says.

use object::{ApiError, FieldErrors};
use serde_json::Value;

use super::{Body, conform, conform::missing as find_missing, of, of_posted};
use crate::KindDef;

/// `fieldValidation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

impl FieldValidation {
    /// Reads the parameter; an empty one means `Warn`.
    ///
    /// # Errors
    /// 422 with the values that there are. `options` is whose parameter it is: `CreateOptions`.
    pub fn parse(text: &str, options: &str) -> Result<Self, ApiError> {
        match text {
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            "Strict" => Ok(Self::Strict),
            _ => {
                let mut errors = FieldErrors::default();
                errors.not_supported("fieldValidation", text, &["Ignore", "Strict", "Warn"]);
                Err(ApiError::invalid(&format!("{options}.meta.k8s.io"), "", &errors))
            }
        }
    }

    /// The warnings to send, or the error of a strict request.
    fn judge(self, wrong: Vec<String>) -> Result<Vec<String>, String> {
        match self {
            Self::Ignore => Ok(Vec::new()),
            Self::Warn => Ok(wrong),
            Self::Strict if wrong.is_empty() => Ok(wrong),
            Self::Strict => Err(format!("strict decoding error: {}", together(wrong))),
        }
    }
}

/// All that is wrong as one text; what stands on lines of YAML comes first.
fn together(mut wrong: Vec<String>) -> String {
    let (lines, others): (Vec<_>, Vec<_>) =
        wrong.drain(..).partition(|told| told.starts_with("line "));
    let lines = (!lines.is_empty()).then(|| yaml_errors(&lines));
    lines.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

/// What Kubernetes' YAML reader says of several lines.
pub fn yaml_errors(lines: &[String]) -> String {
    format!("yaml: unmarshal errors:\n  {}", lines.join("\n  "))
}

fn conform_to(def: &KindDef, value: &mut Value) -> Result<Vec<String>, String> {
    match &def.custom {
        Some(custom) => custom.conform(value),
        None => conform(value, of(def)),
    }
}

/// The required fields that an object lacks, where its type alone tells them.
pub fn missing(def: &KindDef, value: &Value) -> FieldErrors {
    match &def.custom {
        Some(_) => FieldErrors::default(),
        None => find_missing(value, of(def)),
    }
}

/// Holds a whole object that a client sent against its kind's type. Gives it in the form that the
/// kind decodes, and the warnings to answer with it.
///
/// # Errors
/// 400 with Kubernetes' wording for a wrong type, and for unknown and duplicate fields when they
/// are to be refused.
pub fn check_body(
    def: &KindDef,
    body: Body,
    validation: FieldValidation,
) -> Result<(Value, Vec<String>), ApiError> {
    held(body, validation, (&def.version, &def.kind), |value| conform_to(def, value))
}

/// As [`check_body`], for what a subresource takes instead of the kind: group, version and kind.
///
/// # Errors
/// As [`check_body`].
pub fn check_posted(
    posted: (&str, &str, &str),
    body: Body,
    validation: FieldValidation,
) -> Result<(Value, Vec<String>), ApiError> {
    held(body, validation, (posted.1, posted.2), |value| conform(value, of_posted(posted)))
}

fn held(
    body: Body,
    validation: FieldValidation,
    (version, kind): (&str, &str),
    conform: impl FnOnce(&mut Value) -> Result<Vec<String>, String>,
) -> Result<(Value, Vec<String>), ApiError> {
    let Body { mut value, mut duplicates } = body;
    let warnings = conform(&mut value).and_then(|unknown| {
        duplicates.extend(unknown);
        validation.judge(duplicates)
    });
    let warnings = warnings.map_err(|why| {
        ApiError::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        ))
    })?;
    Ok((value, warnings))
}

/// Holds a patched object against its kind's type, bringing it into the form that the kind
/// decodes. `duplicates` are those of the patch. Gives the warnings to answer.
///
/// # Errors
/// 422 with Kubernetes' wording, quoting the patch.
pub fn check_patched(
    def: &KindDef,
    name: &str,
    patched: &mut Value,
    patch: &str,
    mut duplicates: Vec<String>,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let warnings = conform_to(def, patched).and_then(|unknown| {
        duplicates.extend(unknown);
        validation.judge(duplicates)
    });
    warnings.map_err(|why| misfit(&def.group_kind(), name, patch, why))
}

/// As [`check_patched`], for what a subresource shows instead of the kind.
///
/// # Errors
/// As [`check_patched`].
pub fn check_patched_posted(
    posted: (&str, &str, &str),
    name: &str,
    patched: &mut Value,
    patch: &str,
    mut duplicates: Vec<String>,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let warnings = conform(patched, of_posted(posted)).and_then(|unknown| {
        duplicates.extend(unknown);
        validation.judge(duplicates)
    });
    warnings.map_err(|why| misfit(&format!("{}.{}", posted.2, posted.0), name, patch, why))
}

fn misfit(group_kind: &str, name: &str, patch: &str, why: String) -> ApiError {
    let mut errors = FieldErrors::default();
    errors.invalid("patch", patch, why);
    ApiError::invalid(group_kind, name, &errors)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{find, schema::read_json};

    const BODY: &[u8] = br#"{"metadata":{"name":"a"},"spec":{"foo":1,"replicas":1,"replicas":2}}"#;

    #[test]
    fn refuses_warns_or_ignores() {
        let def = find("deployments.apps").unwrap();
        let check = |validation| check_body(def, read_json(BODY).unwrap(), validation);
        let wrong = ["duplicate field \"spec.replicas\"", "unknown field \"spec.foo\""];
        let (value, warnings) = check(FieldValidation::Warn).unwrap();
        assert_eq!(warnings, wrong);
        assert_eq!(value["spec"], json!({"replicas": 2}));
        assert_eq!(check(FieldValidation::Ignore).unwrap().1, [""; 0]);
        let error = check(FieldValidation::Strict).unwrap_err();
        assert_eq!(error.code(), 400);
        assert_eq!(
            error.message,
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: duplicate field \"spec.replicas\", unknown field \"spec.foo\""
        );
    }

    #[test]
    fn quotes_the_patch() {
        let def = find("deployments.apps").unwrap();
        let mut patched = json!({"spec": {"replicas": "x"}});
        let patch = r#"{"spec":{"replicas":"x"}}"#;
        let error = check_patched(def, "web", &mut patched, patch, vec![], FieldValidation::Strict);
        let error = error.unwrap_err();
        assert_eq!(error.code(), 422);
        assert!(
            error.message.starts_with("Deployment.apps \"web\" is invalid: patch: Invalid value")
        );
        assert!(error.message.ends_with("DeploymentSpec.spec.replicas of type int32"));
    }

    #[test]
    fn reads_the_parameter() {
        assert_eq!(FieldValidation::parse("", "CreateOptions").unwrap(), FieldValidation::Warn);
        assert_eq!(
            FieldValidation::parse("strict", "CreateOptions").unwrap_err().message,
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"strict\": supported values: \"Ignore\", \"Strict\", \"Warn\""
        );
    }
}

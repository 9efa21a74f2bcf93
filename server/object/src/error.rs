//! The API's errors: a reason, a message and details, rendered as Kubernetes' `Status`.

use std::fmt;

use serde_json::{Value, json};
use thiserror::Error;

/// The machine-readable reason of a failure, as Kubernetes names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    AlreadyExists,
    Conflict,
    Expired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
    /// A code that somebody else chose, as a webhook, without a reason that Kubernetes knows.
    Coded(u16),
}

impl Reason {
    /// HTTP code and `reason` of each failure: the only place that pairs them.
    pub fn code_and_name(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "BadRequest"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "NotFound"),
            Self::MethodNotAllowed => (405, "MethodNotAllowed"),
            Self::NotAcceptable => (406, "NotAcceptable"),
            Self::AlreadyExists => (409, "AlreadyExists"),
            Self::Conflict => (409, "Conflict"),
            Self::Expired => (410, "Expired"),
            Self::RequestEntityTooLarge => (413, "RequestEntityTooLarge"),
            Self::UnsupportedMediaType => (415, "UnsupportedMediaType"),
            Self::Invalid => (422, "Invalid"),
            Self::TooManyRequests => (429, "TooManyRequests"),
            Self::InternalError => (500, "InternalError"),
            Self::ServiceUnavailable => (503, "ServiceUnavailable"),
            Self::Timeout => (504, "Timeout"),
            Self::Coded(code) => (code, ""),
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Reason; 16] = [
            Reason::BadRequest,
            Reason::Unauthorized,
            Reason::Forbidden,
            Reason::NotFound,
            Reason::MethodNotAllowed,
            Reason::NotAcceptable,
            Reason::AlreadyExists,
            Reason::Conflict,
            Reason::Expired,
            Reason::RequestEntityTooLarge,
            Reason::UnsupportedMediaType,
            Reason::Invalid,
            Reason::TooManyRequests,
            Reason::InternalError,
            Reason::ServiceUnavailable,
            Reason::Timeout,
        ];
        ALL.into_iter().find(|reason| reason.code_and_name().1 == name)
    }
}

/// A failed request, at the API's boundary.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct ApiError {
    pub reason: Reason,
    pub message: String,
    /// `status.details`: whose failure it is (`name`, `group`, `kind`), `causes`, `retryAfterSeconds`.
    pub details: Option<Box<Value>>,
}

impl ApiError {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), details: None }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Reason::InternalError, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Reason::ServiceUnavailable, message)
    }

    /// `pods "nope" not found`; `kind` is the kind's name as in `deployments.apps`.
    pub fn not_found(kind: &str, name: &str) -> Self {
        Self::about(Reason::NotFound, format!("{kind} \"{name}\" not found"), kind, name)
    }

    pub fn already_exists(kind: &str, name: &str) -> Self {
        Self::about(Reason::AlreadyExists, format!("{kind} \"{name}\" already exists"), kind, name)
    }

    /// `Operation cannot be fulfilled on deployments.apps "web": …`
    pub fn conflict(kind: &str, name: &str, why: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}");
        Self::about(Reason::Conflict, message, kind, name)
    }

    /// A write whose precondition was stale, as Kubernetes words it.
    pub fn modified(kind: &str, name: &str) -> Self {
        const WHY: &str = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, WHY)
    }

    pub fn forbidden(kind: &str, name: &str, why: impl fmt::Display) -> Self {
        let message = if name.is_empty() {
            format!("{kind} is forbidden: {why}")
        } else {
            format!("{kind} \"{name}\" is forbidden: {why}")
        };
        Self::about(Reason::Forbidden, message, kind, name)
    }

    /// `Deployment.apps "web" is invalid: spec.replicas: Invalid value: …`; `group_kind` is the
    /// kind with its group, as in `Deployment.apps` or `Pod`.
    pub fn invalid(group_kind: &str, name: &str, errors: &FieldErrors) -> Self {
        let message = format!("{group_kind} \"{name}\" is invalid: {errors}");
        let (kind, group) = group_kind.split_once('.').unwrap_or((group_kind, ""));
        let causes: Vec<Value> = errors.0.iter().map(FieldError::cause).collect();
        let mut details = json!({"name": name, "kind": kind, "causes": causes});
        if !group.is_empty() {
            details["group"] = group.into();
        }
        Self { reason: Reason::Invalid, message, details: Some(Box::new(details)) }
    }

    fn about(reason: Reason, message: String, kind: &str, name: &str) -> Self {
        let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
        let mut details = json!({"name": name, "kind": plural});
        if !group.is_empty() {
            details["group"] = group.into();
        }
        Self { reason, message, details: Some(Box::new(details)) }
    }

    pub fn code(&self) -> u16 {
        self.reason.code_and_name().0
    }

    pub fn is_not_found(&self) -> bool {
        self.reason == Reason::NotFound
    }

    pub fn is_conflict(&self) -> bool {
        self.reason == Reason::Conflict
    }

    pub fn is_already_exists(&self) -> bool {
        self.reason == Reason::AlreadyExists
    }

    /// The `Status` object that a client gets.
    pub fn to_status(&self) -> Value {
        let (code, reason) = self.reason.code_and_name();
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": code,
        });
        if !reason.is_empty() {
            status["reason"] = reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = (**details).clone();
        }
        status
    }

    /// Reads a `Status` back, for clients; `None` when the value is no failure that we know.
    pub fn from_status(status: &Value) -> Option<Self> {
        let reason = match status["reason"].as_str().filter(|reason| !reason.is_empty()) {
            Some(reason) => Reason::from_name(reason)?,
            None if status["status"] == "Failure" => {
                Reason::Coded(status["code"].as_u64().and_then(|code| u16::try_from(code).ok())?)
            }
            None => return None,
        };
        let message = status["message"].as_str().unwrap_or_default().to_owned();
        let details = status.get("details").map(|details| Box::new(details.clone()));
        Some(Self { reason, message, details })
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// The field's path: `spec.template.spec.containers[0].image`.
    pub path: String,
    pub problem: Problem,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    Required,
    Duplicate(Value),
    Invalid(Value),
    /// A value of the wrong type.
    TypeInvalid(Value),
    NotFound(Value),
    NotSupported(Value),
    Forbidden,
    TooLong,
    TooMany,
}

impl FieldError {
    fn cause_reason(&self) -> &'static str {
        match self.problem {
            Problem::Required => "FieldValueRequired",
            Problem::Duplicate(_) => "FieldValueDuplicate",
            Problem::Invalid(_) => "FieldValueInvalid",
            Problem::TypeInvalid(_) => "FieldValueTypeInvalid",
            Problem::NotFound(_) => "FieldValueNotFound",
            Problem::NotSupported(_) => "FieldValueNotSupported",
            Problem::Forbidden => "FieldValueForbidden",
            Problem::TooLong => "FieldValueTooLong",
            Problem::TooMany => "FieldValueTooMany",
        }
    }

    fn message(&self) -> String {
        let detail = &self.detail;
        match &self.problem {
            Problem::Required if detail.is_empty() => "Required value".to_owned(),
            Problem::Required => format!("Required value: {detail}"),
            Problem::Duplicate(value) => format!("Duplicate value: {value}"),
            Problem::Invalid(value) | Problem::TypeInvalid(value) => {
                format!("Invalid value: {value}: {detail}")
            }
            Problem::NotFound(value) => format!("Not found: {value}"),
            Problem::NotSupported(value) => format!("Unsupported value: {value}: {detail}"),
            Problem::Forbidden => format!("Forbidden: {detail}"),
            Problem::TooLong => format!("Too long: {detail}"),
            Problem::TooMany => format!("Too many: {detail}"),
        }
    }

    fn cause(&self) -> Value {
        json!({"reason": self.cause_reason(), "message": self.message(), "field": self.path})
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message())
    }
}

/// All that is wrong with an object, gathered so that a user sees it at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    pub fn push(&mut self, path: impl Into<String>, problem: Problem, detail: impl Into<String>) {
        self.0.push(FieldError { path: path.into(), problem, detail: detail.into() });
    }

    pub fn required(&mut self, path: impl Into<String>, detail: impl Into<String>) {
        self.push(path, Problem::Required, detail);
    }

    pub fn invalid(
        &mut self,
        path: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) {
        self.push(path, Problem::Invalid(value.into()), detail);
    }

    pub fn duplicate(&mut self, path: impl Into<String>, value: impl Into<Value>) {
        self.push(path, Problem::Duplicate(value.into()), "");
    }

    /// `Unsupported value: "X": supported values: "A", "B"`.
    pub fn not_supported(
        &mut self,
        path: impl Into<String>,
        value: impl Into<Value>,
        supported: &[&str],
    ) {
        let listed: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        self.push(
            path,
            Problem::NotSupported(value.into()),
            format!("supported values: {}", listed.join(", ")),
        );
    }

    pub fn forbidden(&mut self, path: impl Into<String>, detail: impl Into<String>) {
        self.push(path, Problem::Forbidden, detail);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One error plainly, several as Kubernetes joins them: `[a, b]`.
impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "{one}"),
            many => {
                let listed: Vec<String> = many.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", listed.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_errors_as_kubernetes_does() {
        let mut errors = FieldErrors::default();
        errors.invalid("spec.replicas", -1, "must be greater than or equal to 0");
        let error = ApiError::invalid("Deployment.apps", "web", &errors);
        assert_eq!(
            error.message,
            "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
        );
        let status = error.to_status();
        assert_eq!(status["code"], 422);
        assert_eq!(status["details"]["causes"][0]["field"], "spec.replicas");
        assert_eq!(ApiError::from_status(&status).unwrap().reason, Reason::Invalid);
        assert_eq!(ApiError::not_found("pods", "nope").message, "pods \"nope\" not found");
    }
}

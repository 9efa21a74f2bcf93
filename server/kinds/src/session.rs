//! Session: a log-in. Answered at its creation with a token, never kept.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use object::FieldErrors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Answered, Kind, Verb};

/// Who logs in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSpec {
    #[serde(default)]
    pub user: String,
    /// Taken in, never shown.
    #[serde(default, skip_serializing)]
    pub password: String,
}

/// The token that the log-in gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatus {
    pub token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_timestamp: Option<Time>,
}

crate::parts::longshore::object! {
    /// A log-in with user and password, answered with a token.
    Session, "sessions", SessionSpec, SessionStatus
}

impl Kind for Session {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::Session);

    fn prepare_create(session: &mut Self) {
        session.status = None;
    }

    fn validate(session: &Self, errors: &mut FieldErrors) {
        if session.spec.user.is_empty() {
            errors.required("spec.user", "");
        }
        if session.spec.password.is_empty() {
            errors.required("spec.password", "");
        }
    }
}

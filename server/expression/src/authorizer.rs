//! `authorizer`: lets a condition ask what its user may do. The caller answers.

use std::{fmt, sync::Arc};

use crate::{opaque::Opaque, types::Type, value::Value};

/// Answers what the user of a request, or a service account, may do.
pub trait Authorizer: Send + Sync {
    fn check(&self, question: &Question) -> Decision;
}

/// What somebody may or may not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Namespace and name of the service account that it is about, instead of the request's user.
    pub service_account: Option<(String, String)>,
    /// A path beside the resources; then the rest is empty.
    pub path: String,
    pub verb: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub field_selector: String,
    pub label_selector: String,
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub reason: String,
    pub error: Option<String>,
}

/// Whom an `authorizer` asks, and about whom.
#[derive(Clone)]
pub struct Asking {
    authorizer: Arc<dyn Authorizer>,
    question: Question,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.question.fmt(f)
    }
}

impl Asking {
    /// The question with a part changed.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Question)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.question);
        changed
    }

    pub(crate) fn ask(&self) -> Decision {
        self.authorizer.check(&self.question)
    }
}

impl Value {
    /// The value of the variable `authorizer`.
    pub fn authorizer(authorizer: Arc<dyn Authorizer>) -> Self {
        Self::opaque(Opaque::Authorizer(Asking { authorizer, question: Question::default() }))
    }

    /// The value of `authorizer.requestResource`: a check that lacks its verb.
    pub fn resource_check(authorizer: Arc<dyn Authorizer>, question: Question) -> Self {
        Self::opaque(Opaque::ResourceCheck(Asking { authorizer, question }))
    }
}

impl Type {
    /// The type of the variable `authorizer`.
    pub const AUTHORIZER: Self = Self::Opaque(crate::opaque::AUTHORIZER);
    /// The type of the variable `authorizer.requestResource`.
    pub const RESOURCE_CHECK: Self = Self::Opaque(crate::opaque::RESOURCE_CHECK);
}

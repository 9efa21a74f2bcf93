//! What roles and bindings share.

use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use serde_json::Value;

/// `ClusterRole/view`: the column ROLE of bindings.
pub(crate) fn role_cell(role: &RoleRef) -> Value {
    format!("{}/{}", role.kind, role.name).into()
}

/// The subjects of one kind, for a wide column; accounts with their namespace.
pub(crate) fn subjects_cell(subjects: Option<&Vec<Subject>>, kind: &str) -> Value {
    let named = subjects.into_iter().flatten().filter(|subject| subject.kind == kind);
    let texts: Vec<String> = named
        .map(|subject| match &subject.namespace {
            Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{}", subject.name),
            _ => subject.name.clone(),
        })
        .collect();
    texts.join(", ").into()
}

//! What reviews of access must say.

use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
use object::FieldErrors;

use super::check;

/// Exactly one of a resource and a path.
pub(crate) fn validate_one(
    resource: Option<&ResourceAttributes>,
    path: Option<&NonResourceAttributes>,
    errors: &mut FieldErrors,
) {
    match (resource, path) {
        (Some(_), Some(path)) => errors.invalid(
            "spec.nonResourceAttributes",
            check::shown(path),
            "cannot be specified in combination with resourceAttributes",
        ),
        (None, None) => errors.invalid(
            "spec.resourceAttributes",
            serde_json::Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        _ => {}
    }
}

pub(crate) fn validate_subject(spec: &SubjectAccessReviewSpec, errors: &mut FieldErrors) {
    validate_one(spec.resource_attributes.as_ref(), spec.non_resource_attributes.as_ref(), errors);
    if check::is_blank(spec.user.as_deref()) && spec.groups.as_ref().is_none_or(Vec::is_empty) {
        errors.invalid("spec.user", "", "at least one of user or group must be specified");
    }
}

//! Role.

use k8s_openapi::api::rbac::v1;
use object::FieldErrors;

use crate::{Kind, parts::rbac};

pub struct Role;

impl Kind for Role {
    type Object = v1::Role;

    fn validate(role: &v1::Role, errors: &mut FieldErrors) {
        rbac::validate_rules(role.rules.as_ref(), true, errors);
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

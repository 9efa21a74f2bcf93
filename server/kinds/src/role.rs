//! Role.

use k8s_openapi::api::rbac::v1;

use crate::Kind;

pub struct Role;

impl Kind for Role {
    type Object = v1::Role;

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

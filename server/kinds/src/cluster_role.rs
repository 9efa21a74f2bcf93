//! ClusterRole.

use k8s_openapi::api::rbac::v1;

use crate::Kind;

pub struct ClusterRole;

impl Kind for ClusterRole {
    type Object = v1::ClusterRole;

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

//! ClusterRoleBinding.

use k8s_openapi::api::rbac::v1;

use crate::{
    Column, Kind, column,
    parts::{cells, rbac},
};

pub struct ClusterRoleBinding;

impl Kind for ClusterRoleBinding {
    type Object = v1::ClusterRoleBinding;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Role", |binding: &v1::ClusterRoleBinding, _| rbac::role_cell(&binding.role_ref)),
        cells::age(),
        column("Users", |binding: &v1::ClusterRoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "User")
        })
        .wide(),
        column("Groups", |binding: &v1::ClusterRoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "Group")
        })
        .wide(),
        column("ServiceAccounts", |binding: &v1::ClusterRoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "ServiceAccount")
        })
        .wide(),
    ];

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

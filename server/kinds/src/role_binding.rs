//! RoleBinding.

use k8s_openapi::api::rbac::v1;

use crate::{
    Column, Kind, column,
    parts::{cells, rbac},
};

pub struct RoleBinding;

impl Kind for RoleBinding {
    type Object = v1::RoleBinding;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Role", |binding: &v1::RoleBinding, _| rbac::role_cell(&binding.role_ref)),
        cells::age(),
        column("Users", |binding: &v1::RoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "User")
        })
        .wide(),
        column("Groups", |binding: &v1::RoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "Group")
        })
        .wide(),
        column("ServiceAccounts", |binding: &v1::RoleBinding, _| {
            rbac::subjects_cell(binding.subjects.as_ref(), "ServiceAccount")
        })
        .wide(),
    ];

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

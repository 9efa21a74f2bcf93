//! ClusterRoleBinding.

use k8s_openapi::api::rbac::v1;
use object::FieldErrors;

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

    fn set_defaults(binding: &mut v1::ClusterRoleBinding) {
        rbac::set_binding_defaults(&mut binding.role_ref, binding.subjects.as_mut());
    }

    fn validate(binding: &v1::ClusterRoleBinding, errors: &mut FieldErrors) {
        let subjects = binding.subjects.as_ref();
        rbac::validate_binding(&binding.role_ref, subjects, &["ClusterRole"], errors);
    }

    fn validate_update(
        new: &v1::ClusterRoleBinding,
        old: &v1::ClusterRoleBinding,
        errors: &mut FieldErrors,
    ) {
        rbac::keep_role(&new.role_ref, &old.role_ref, errors);
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

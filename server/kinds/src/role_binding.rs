//! RoleBinding.

use k8s_openapi::api::rbac::v1;
use object::FieldErrors;

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

    fn set_defaults(binding: &mut v1::RoleBinding) {
        rbac::set_binding_defaults(&mut binding.role_ref, binding.subjects.as_mut());
    }

    fn validate(binding: &v1::RoleBinding, errors: &mut FieldErrors) {
        let subjects = binding.subjects.as_ref();
        rbac::validate_binding(&binding.role_ref, subjects, &["Role", "ClusterRole"], errors);
    }

    fn validate_update(new: &v1::RoleBinding, old: &v1::RoleBinding, errors: &mut FieldErrors) {
        rbac::keep_role(&new.role_ref, &old.role_ref, errors);
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

//! ClusterRole.

use k8s_openapi::api::rbac::v1;
use object::FieldErrors;

use crate::{
    Kind,
    parts::{rbac, selector},
};

pub struct ClusterRole;

impl Kind for ClusterRole {
    type Object = v1::ClusterRole;

    fn validate(role: &v1::ClusterRole, errors: &mut FieldErrors) {
        rbac::validate_rules(role.rules.as_ref(), false, errors);
        let Some(rule) = &role.aggregation_rule else { return };
        let selectors = rule.cluster_role_selectors.as_deref().unwrap_or_default();
        if selectors.is_empty() {
            errors.required(
                "aggregationRule.clusterRoleSelectors",
                "at least one clusterRoleSelector required if aggregationRule is non-nil",
            );
        }
        for (index, one) in selectors.iter().enumerate() {
            let path = format!("aggregationRule.clusterRoleSelectors[{index}]");
            selector::validate(one, &path, errors);
        }
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

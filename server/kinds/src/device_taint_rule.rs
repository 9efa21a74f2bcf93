//! DeviceTaintRule.

use k8s_openapi::api::resource::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource,
    parts::{cells, devices},
};

pub struct DeviceTaintRule;

impl Kind for DeviceTaintRule {
    type Object = v1::DeviceTaintRule;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::DeviceTaintRule, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[cells::age()];
    const GENERATION: bool = true;

    fn set_defaults(rule: &mut v1::DeviceTaintRule) {
        // When a device was tainted is told from when its rule was made.
        if rule.spec.taint.time_added.is_none() {
            rule.spec.taint.time_added.clone_from(&rule.metadata.creation_timestamp);
        }
    }

    fn prepare_create(rule: &mut v1::DeviceTaintRule) {
        rule.status = Some(v1::DeviceTaintRuleStatus::default());
    }

    fn validate(rule: &v1::DeviceTaintRule, errors: &mut FieldErrors) {
        devices::validate_taint(&rule.spec.taint, "spec.taint", errors);
    }
}

//! PriorityClass.

use k8s_openapi::api::scheduling::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

const POLICIES: [&str; 2] = ["Never", "PreemptLowerPriority"];
/// Above it are the classes of the system.
const VALUE_MAX: i32 = 1_000_000_000;
/// The classes of the system and their values.
pub const SYSTEM: [(&str, i32); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

pub struct PriorityClass;

impl Kind for PriorityClass {
    type Object = v1::PriorityClass;
    const SHORT_NAMES: &'static [&'static str] = &["pc"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Value", |class: &v1::PriorityClass, _| class.value.unwrap_or_default().into())
            .integer(),
        column("Global-Default", |class: &v1::PriorityClass, _| {
            class.global_default.unwrap_or_default().into()
        })
        .boolean(),
        cells::age(),
        column("PreemptionPolicy", |class: &v1::PriorityClass, _| {
            cells::text(class.preemption_policy.as_deref())
        }),
    ];
    const GENERATION: bool = true;

    fn set_defaults(class: &mut v1::PriorityClass) {
        check::default_text(&mut class.preemption_policy, "PreemptLowerPriority");
    }

    fn validate(class: &v1::PriorityClass, errors: &mut FieldErrors) {
        let name = class.metadata.name.as_deref().unwrap_or_default();
        let value = class.value.unwrap_or_default();
        if name.starts_with("system-") {
            if let Err(why) = check_system(name, value, class.global_default == Some(true)) {
                errors.forbidden("metadata.name", format!("priority class names with 'system-' prefix are reserved for system use only. error: {why}"));
            }
        } else if value > VALUE_MAX {
            errors.forbidden(
                "value",
                format!("maximum allowed value of a user defined priority is {VALUE_MAX}"),
            );
        }
        if let Some(policy) = class.preemption_policy.as_deref() {
            check::one_of(Some(policy), "preemptionPolicy", &POLICIES, errors);
        }
    }

    fn validate_update(new: &v1::PriorityClass, old: &v1::PriorityClass, errors: &mut FieldErrors) {
        if new.value.unwrap_or_default() != old.value.unwrap_or_default() {
            errors.forbidden("value", "may not be changed in an update.");
        }
        let policy = &new.preemption_policy;
        check::immutable(policy, &old.preemption_policy, "preemptionPolicy", errors);
    }
}

/// Whether a class of the system's prefix is one of the system.
fn check_system(name: &str, value: i32, is_default: bool) -> Result<(), String> {
    let Some((_, expected)) = SYSTEM.iter().find(|(known, _)| *known == name) else {
        return Err(format!("{name} is not a known system priority class"));
    };
    if value != *expected {
        return Err(format!("value of {name} PriorityClass must be {expected}"));
    }
    if is_default {
        return Err(format!("globalDefault of {name} PriorityClass must be false"));
    }
    Ok(())
}

//! How the pods of a DaemonSet are replaced.

use k8s_openapi::{
    api::apps::v1::{DaemonSetUpdateStrategy, RollingUpdateDaemonSet},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::parts::check;

const PATH: &str = "spec.updateStrategy.rollingUpdate";

pub(super) fn validate(strategy: Option<&DaemonSetUpdateStrategy>, errors: &mut FieldErrors) {
    let Some(strategy) = strategy else { return };
    match (strategy.type_.as_deref().unwrap_or_default(), &strategy.rolling_update) {
        ("OnDelete", _) => {}
        ("RollingUpdate", Some(rolling)) => validate_rolling(rolling, errors),
        ("RollingUpdate", None) => errors.required(PATH, ""),
        _ => errors.not_supported(
            "spec.updateStrategy",
            check::shown(strategy),
            &["OnDelete", "RollingUpdate"],
        ),
    }
}

fn validate_rolling(rolling: &RollingUpdateDaemonSet, errors: &mut FieldErrors) {
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    for (field, amount) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
        let path = format!("{PATH}.{field}");
        check::int_or_percent(amount, &path, errors);
        check::at_most_all(amount, &path, errors);
    }
    match (check::amount(unavailable) > 0, check::amount(surge) > 0) {
        (true, true) => errors.invalid(
            format!("{PATH}.maxSurge"),
            check::shown(surge),
            "may not be set when maxUnavailable is non-zero",
        ),
        (false, false) => {
            errors.required(format!("{PATH}.maxUnavailable"), "cannot be 0 when maxSurge is 0");
        }
        _ => {}
    }
}

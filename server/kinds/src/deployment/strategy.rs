//! How a deployment goes from one template to the next.

use k8s_openapi::{
    api::apps::v1::{DeploymentStrategy, RollingUpdateDeployment},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::parts::check;

const ROLLING: &str = "RollingUpdate";
const RECREATE: &str = "Recreate";

pub(super) fn set_defaults(strategy: &mut DeploymentStrategy) {
    if check::is_blank(strategy.type_.as_deref()) {
        strategy.type_ = Some(ROLLING.to_owned());
    }
    if strategy.type_.as_deref() == Some(ROLLING) {
        let quarter = || IntOrString::String("25%".to_owned());
        let rolling = strategy.rolling_update.get_or_insert_default();
        rolling.max_unavailable.get_or_insert_with(quarter);
        rolling.max_surge.get_or_insert_with(quarter);
    }
}

pub(super) fn validate(strategy: Option<&DeploymentStrategy>, errors: &mut FieldErrors) {
    let Some(strategy) = strategy else { return };
    let type_ = strategy.type_.as_deref();
    check::one_of(type_, "spec.strategy.type", &[RECREATE, ROLLING], errors);
    match (type_, &strategy.rolling_update) {
        (Some(RECREATE), Some(_)) => errors.forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ),
        (Some(ROLLING), Some(rolling)) => validate_rolling(rolling, errors),
        _ => {}
    }
}

fn validate_rolling(rolling: &RollingUpdateDeployment, errors: &mut FieldErrors) {
    const UNAVAILABLE: &str = "spec.strategy.rollingUpdate.maxUnavailable";
    const SURGE: &str = "spec.strategy.rollingUpdate.maxSurge";
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    let found = errors.0.len();
    check::int_or_percent(unavailable, UNAVAILABLE, errors);
    check::int_or_percent(surge, SURGE, errors);
    if errors.0.len() == found && check::amount(unavailable) == 0 && check::amount(surge) == 0 {
        let why = "may not be 0 when `maxSurge` is 0";
        errors.invalid(UNAVAILABLE, check::shown(unavailable), why);
    }
    check::at_most_all(unavailable, UNAVAILABLE, errors);
}

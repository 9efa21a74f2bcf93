//! PodDisruptionBudget.

use k8s_openapi::api::policy::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check, selector},
};

const POLICIES: [&str; 2] = ["AlwaysAllow", "IfHealthyBudget"];

pub struct PodDisruptionBudget;

impl Kind for PodDisruptionBudget {
    type Object = v1::PodDisruptionBudget;
    const SHORT_NAMES: &'static [&'static str] = &["pdb"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::PodDisruptionBudget, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Min Available", |budget: &v1::PodDisruptionBudget, _| {
            cells::amount(budget.spec.as_ref().and_then(|spec| spec.min_available.as_ref()))
        })
        .described("The minimum number of pods that must be available."),
        column("Max Unavailable", |budget: &v1::PodDisruptionBudget, _| {
            cells::amount(budget.spec.as_ref().and_then(|spec| spec.max_unavailable.as_ref()))
        })
        .described("The maximum number of pods that may be unavailable."),
        column("Allowed Disruptions", |budget: &v1::PodDisruptionBudget, _| {
            let allowed = budget.status.as_ref().and_then(|status| status.disruptions_allowed);
            allowed.unwrap_or_default().into()
        })
        .integer()
        .described("Calculated number of pods that may be disrupted at this time."),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(budget: &mut v1::PodDisruptionBudget) {
        budget.status = Some(v1::PodDisruptionBudgetStatus {
            current_healthy: Some(0),
            desired_healthy: Some(0),
            disruptions_allowed: Some(0),
            expected_pods: Some(0),
            ..Default::default()
        });
    }

    fn validate(budget: &v1::PodDisruptionBudget, errors: &mut FieldErrors) {
        if let Some(spec) = &budget.spec {
            validate(spec, errors);
        }
        let Some(status) = &budget.status else { return };
        for (field, value) in [
            ("disruptionsAllowed", status.disruptions_allowed),
            ("currentHealthy", status.current_healthy),
            ("desiredHealthy", status.desired_healthy),
            ("expectedPods", status.expected_pods),
        ] {
            check::nonnegative(value, &format!("status.{field}"), errors);
        }
    }
}

fn validate(spec: &v1::PodDisruptionBudgetSpec, errors: &mut FieldErrors) {
    let (least, most) = (&spec.min_available, &spec.max_unavailable);
    if least.is_some() && most.is_some() {
        let why = "minAvailable and maxUnavailable cannot be both set";
        errors.invalid("spec", check::shown(spec), why);
    }
    for (field, amount) in [("minAvailable", least), ("maxUnavailable", most)] {
        if let Some(amount) = amount {
            let path = format!("spec.{field}");
            check::int_or_percent(amount, &path, errors);
            check::at_most_all(amount, &path, errors);
        }
    }
    if let Some(policy) = spec.unhealthy_pod_eviction_policy.as_deref()
        && !POLICIES.contains(&policy)
    {
        errors.not_supported("spec.unhealthyPodEvictionPolicy", policy, &POLICIES);
    }
    if let Some(labels) = &spec.selector {
        selector::validate(labels, "spec.selector", errors);
    }
}

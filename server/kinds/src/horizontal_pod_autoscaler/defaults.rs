//! What an autoscaler does when it is told little.

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};

use crate::parts::check;

pub(super) fn set(spec: &mut HorizontalPodAutoscalerSpec) {
    spec.min_replicas.get_or_insert(1);
    if spec.metrics.as_ref().is_none_or(Vec::is_empty) {
        spec.metrics = Some(vec![cpu()]);
    }
    let Some(behavior) = &mut spec.behavior else { return };
    let up = behavior.scale_up.get_or_insert_default();
    up.stabilization_window_seconds.get_or_insert(0);
    set_rules(up, &[("Pods", 4), ("Percent", 100)]);
    set_rules(behavior.scale_down.get_or_insert_default(), &[("Percent", 100)]);
}

/// 80 percent of the CPU that pods request.
fn cpu() -> MetricSpec {
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(80),
        ..Default::default()
    };
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource { name: "cpu".to_owned(), target }),
        ..Default::default()
    }
}

fn set_rules(rules: &mut HPAScalingRules, policies: &[(&str, i32)]) {
    check::default_text(&mut rules.select_policy, "Max");
    if let Some(tolerance) = &mut rules.tolerance {
        check::canonicalize_one(tolerance);
    }
    if rules.policies.is_none() {
        let policy = |(type_, value): &(&str, i32)| HPAScalingPolicy {
            type_: (*type_).to_owned(),
            value: *value,
            period_seconds: 15,
        };
        rules.policies = Some(policies.iter().map(policy).collect());
    }
}

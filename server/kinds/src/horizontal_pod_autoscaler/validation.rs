//! What an autoscaler must say.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingRules, HorizontalPodAutoscalerSpec, MetricIdentifier,
    MetricSpec, MetricTarget,
};
use object::{FieldErrors, name};

use crate::parts::{check, selector};

const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const TARGET_TYPES: [&str; 3] = ["AverageValue", "Utilization", "Value"];
const POLICY_TYPES: [&str; 2] = ["Percent", "Pods"];
const SELECTS: [&str; 3] = ["Disabled", "Max", "Min"];
const PERIOD_SECONDS_MAX: i32 = 1800;
const WINDOW_SECONDS_MAX: i32 = 3600;

pub(super) fn validate(spec: &HorizontalPodAutoscalerSpec, errors: &mut FieldErrors) {
    let least = spec.min_replicas.unwrap_or(1);
    if least < 1 {
        errors.invalid("spec.minReplicas", least, "must be greater than or equal to 1");
    }
    if spec.max_replicas < 1 {
        errors.invalid("spec.maxReplicas", spec.max_replicas, "must be greater than 0");
    }
    if spec.max_replicas < least {
        errors.invalid(
            "spec.maxReplicas",
            spec.max_replicas,
            "must be greater than or equal to `minReplicas`",
        );
    }
    validate_reference(&spec.scale_target_ref, "spec.scaleTargetRef", errors);
    for (index, metric) in spec.metrics.iter().flatten().enumerate() {
        validate_metric(metric, &format!("spec.metrics[{index}]"), errors);
    }
    let Some(behavior) = &spec.behavior else { return };
    for (field, rules) in [("scaleUp", &behavior.scale_up), ("scaleDown", &behavior.scale_down)] {
        if let Some(rules) = rules {
            validate_rules(rules, &format!("spec.behavior.{field}"), errors);
        }
    }
}

fn validate_reference(
    reference: &CrossVersionObjectReference,
    path: &str,
    errors: &mut FieldErrors,
) {
    check::name(&reference.kind, &format!("{path}.kind"), name::path_segment, errors);
    check::name(&reference.name, &format!("{path}.name"), name::path_segment, errors);
    let version = reference.api_version.as_deref().unwrap_or_default();
    if version.matches('/').count() > 1 {
        let why = format!("unexpected GroupVersion string: {version}");
        errors.invalid(format!("{path}.apiVersion"), version, why);
    }
}

fn validate_metric(metric: &MetricSpec, path: &str, errors: &mut FieldErrors) {
    check::one_of(Some(&metric.type_), &format!("{path}.type"), &TYPES, errors);
    let parts = [
        ("ContainerResource", "containerResource", metric.container_resource.is_some()),
        ("External", "external", metric.external.is_some()),
        ("Object", "object", metric.object.is_some()),
        ("Pods", "pods", metric.pods.is_some()),
        ("Resource", "resource", metric.resource.is_some()),
    ];
    for (type_, field, is_set) in parts {
        let at = format!("{path}.{field}");
        match (type_ == metric.type_, is_set) {
            (true, false) => {
                errors.required(at, "must populate information for the given metric source");
            }
            (false, true) => {
                errors.forbidden(at, "must populate the given metric source only");
            }
            _ => {}
        }
    }
    if let Some(object) = &metric.object {
        let path = format!("{path}.object");
        validate_reference(&object.described_object, &format!("{path}.describedObject"), errors);
        validate_identifier(&object.metric, &path, errors);
        validate_target(&object.target, &path, errors);
        validate_value(&object.target, &path, errors);
    }
    if let Some(external) = &metric.external {
        let path = format!("{path}.external");
        validate_identifier(&external.metric, &path, errors);
        validate_target(&external.target, &path, errors);
        validate_value(&external.target, &path, errors);
    }
    if let Some(pods) = &metric.pods {
        let path = format!("{path}.pods");
        validate_identifier(&pods.metric, &path, errors);
        validate_target(&pods.target, &path, errors);
        if pods.target.average_value.is_none() {
            errors.required(
                format!("{path}.target.averageValue"),
                "must specify a positive target averageValue",
            );
        }
    }
    if let Some(resource) = &metric.resource {
        validate_usage(&resource.name, &resource.target, &format!("{path}.resource"), errors);
    }
    if let Some(resource) = &metric.container_resource {
        let path = format!("{path}.containerResource");
        if resource.container.is_empty() {
            errors.required(format!("{path}.container"), "must specify a container");
        }
        validate_usage(&resource.name, &resource.target, &path, errors);
    }
}

fn validate_identifier(metric: &MetricIdentifier, path: &str, errors: &mut FieldErrors) {
    check::name(&metric.name, &format!("{path}.metric.name"), name::path_segment, errors);
    if let Some(labels) = &metric.selector {
        selector::validate(labels, &format!("{path}.metric.selector"), errors);
    }
}

fn validate_target(target: &MetricTarget, path: &str, errors: &mut FieldErrors) {
    let path = format!("{path}.target");
    if target.type_.is_empty() {
        errors.required(format!("{path}.type"), "must specify a metric target type");
    } else if !TARGET_TYPES.contains(&target.type_.as_str()) {
        errors.invalid(
            format!("{path}.type"),
            target.type_.as_str(),
            "must be either Utilization, Value, or AverageValue",
        );
    }
    for (field, value) in [("value", &target.value), ("averageValue", &target.average_value)] {
        let Some(value) = value else { continue };
        let at = format!("{path}.{field}");
        let parsed = check::quantity(value, &at, errors);
        if parsed.is_some_and(|parsed| parsed.is_zero() || parsed.is_negative()) {
            errors.invalid(at, value.0.as_str(), "must be positive");
        }
    }
    if let Some(percent) = target.average_utilization.filter(|percent| *percent < 1) {
        errors.invalid(format!("{path}.averageUtilization"), percent, "must be greater than 0");
    }
}

/// An amount is a sum or an average.
fn validate_value(target: &MetricTarget, path: &str, errors: &mut FieldErrors) {
    if target.value.is_none() && target.average_value.is_none() {
        errors.required(
            format!("{path}.target.averageValue"),
            "must set either a target value for metric or a per-pod target",
        );
    }
    if target.value.is_some() && target.average_value.is_some() {
        errors.forbidden(
            format!("{path}.target.value"),
            "may not set both a target value for metric and a per-pod target",
        );
    }
}

fn validate_usage(name: &str, target: &MetricTarget, path: &str, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(format!("{path}.name"), "must specify a resource name");
    }
    validate_target(target, path, errors);
    match (target.average_utilization, &target.average_value) {
        (None, None) => errors.required(
            format!("{path}.target.averageUtilization"),
            "must set either a target raw value or a target utilization",
        ),
        (Some(_), Some(_)) => errors.forbidden(
            format!("{path}.target.averageValue"),
            "may not set both a target raw value and a target utilization",
        ),
        _ => {}
    }
}

fn validate_rules(rules: &HPAScalingRules, path: &str, errors: &mut FieldErrors) {
    let at = format!("{path}.stabilizationWindowSeconds");
    check::nonnegative(rules.stabilization_window_seconds, &at, errors);
    if let Some(window) = rules.stabilization_window_seconds.filter(|w| *w > WINDOW_SECONDS_MAX) {
        let why = format!("must be less than or equal to {WINDOW_SECONDS_MAX}");
        errors.invalid(at, window, why);
    }
    let select = rules.select_policy.as_deref();
    check::maybe_one_of(select, &format!("{path}.selectPolicy"), &SELECTS, errors);
    let policies = rules.policies.as_deref().unwrap_or_default();
    let at = format!("{path}.policies");
    if policies.is_empty() {
        errors.required(&*at, "must specify at least one Policy");
    }
    for (index, policy) in policies.iter().enumerate() {
        let path = format!("{at}[{index}]");
        if !POLICY_TYPES.contains(&policy.type_.as_str()) {
            errors.not_supported(format!("{path}.type"), policy.type_.as_str(), &POLICY_TYPES);
        }
        for (field, value) in [("value", policy.value), ("periodSeconds", policy.period_seconds)] {
            if value <= 0 {
                errors.invalid(format!("{path}.{field}"), value, "must be greater than zero");
            }
        }
        if policy.period_seconds > PERIOD_SECONDS_MAX {
            let why = format!("must be less than or equal to {PERIOD_SECONDS_MAX}");
            errors.invalid(format!("{path}.periodSeconds"), policy.period_seconds, why);
        }
    }
    if let Some(tolerance) = &rules.tolerance {
        check::nonnegative_quantity(tolerance, &format!("{path}.tolerance"), errors);
    }
}

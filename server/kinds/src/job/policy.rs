//! When a Job has failed and when it has succeeded.

use k8s_openapi::api::batch::v1::{JobSpec, PodFailurePolicy, PodFailurePolicyRule, SuccessPolicy};
use object::{FieldErrors, error::Problem};

use crate::parts::check;

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];

pub(super) fn set_defaults(spec: &mut JobSpec) {
    let replaces = if spec.pod_failure_policy.is_some() { "Failed" } else { "TerminatingOrFailed" };
    check::default_text(&mut spec.pod_replacement_policy, replaces);
    let rules = spec.pod_failure_policy.iter_mut().flat_map(|policy| &mut policy.rules);
    for pattern in rules.flat_map(|rule| rule.on_pod_conditions.iter_mut().flatten()) {
        check::default_text(&mut pattern.status, "True");
    }
}

pub(super) fn validate(spec: &JobSpec, path: &str, errors: &mut FieldErrors) {
    if let Some(policy) = &spec.pod_failure_policy {
        validate_failure(policy, spec, &format!("{path}.podFailurePolicy.rules"), errors);
    }
    if let Some(policy) = &spec.success_policy {
        let path = format!("{path}.successPolicy");
        if spec.completion_mode.as_deref() == Some("Indexed") {
            validate_success(policy, spec, &format!("{path}.rules"), errors);
        } else {
            let shown = check::shown(policy);
            errors.invalid(path, shown, "requires indexed completion mode");
        }
    }
    let replaces = spec.pod_replacement_policy.as_deref().unwrap_or_default();
    let at = format!("{path}.podReplacementPolicy");
    match (spec.pod_failure_policy.is_some(), replaces) {
        (_, "" | "Failed") | (false, "TerminatingOrFailed") => {}
        (true, other) => errors.not_supported(at, other, &["Failed"]),
        (false, other) => errors.not_supported(at, other, &["Failed", "TerminatingOrFailed"]),
    }
}

fn validate_failure(
    policy: &PodFailurePolicy,
    spec: &JobSpec,
    path: &str,
    errors: &mut FieldErrors,
) {
    if policy.rules.len() > 20 {
        errors.push(
            path,
            Problem::TooMany,
            format!("{}: must have at most 20 items", policy.rules.len()),
        );
    }
    let pod = spec.template.spec.as_ref();
    let containers = pod
        .into_iter()
        .flat_map(|pod| pod.containers.iter().chain(pod.init_containers.iter().flatten()));
    let names: Vec<&str> = containers.map(|container| container.name.as_str()).collect();
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let at = format!("{path}.action");
        let by_index = spec.backoff_limit_per_index.is_some();
        match rule.action.as_str() {
            "" => errors.required(at, format!("valid values: {ACTIONS:?}")),
            "FailIndex" if !by_index => {
                errors.invalid(at, "FailIndex", "requires the backoffLimitPerIndex to be set")
            }
            action if ACTIONS.contains(&action) => {}
            action => errors.not_supported(at, action, &ACTIONS),
        }
        match (&rule.on_exit_codes, &rule.on_pod_conditions) {
            (Some(_), Some(conditions)) if !conditions.is_empty() => errors.invalid(
                path.as_str(),
                "",
                "specifying both OnExitCodes and OnPodConditions is not supported",
            ),
            (None, None) => errors.invalid(
                path.as_str(),
                "",
                "specifying one of OnExitCodes and OnPodConditions is required",
            ),
            _ => {}
        }
        validate_exit_codes(rule, &names, &path, errors);
        for (at, pattern) in rule.on_pod_conditions.iter().flatten().enumerate() {
            let path = format!("{path}.onPodConditions[{at}]");
            check::name(&pattern.type_, &format!("{path}.type"), object::name::qualified, errors);
            check::one_of(pattern.status.as_deref(), &format!("{path}.status"), &STATUSES, errors);
        }
    }
}

fn validate_exit_codes(
    rule: &PodFailurePolicyRule,
    names: &[&str],
    path: &str,
    errors: &mut FieldErrors,
) {
    let Some(codes) = &rule.on_exit_codes else { return };
    let at = |field: &str| format!("{path}.onExitCodes.{field}");
    check::one_of(Some(&codes.operator), &at("operator"), &OPERATORS, errors);
    if let Some(name) = codes.container_name.as_deref().filter(|name| !names.contains(name)) {
        errors.invalid(
            at("containerName"),
            name,
            "must be one of the container or initContainer names in the pod template",
        );
    }
    if codes.values.is_empty() {
        errors.invalid(at("values"), check::shown(&codes.values), "at least one value is required");
    } else if codes.values.len() > 255 {
        let why = format!("{}: must have at most 255 items", codes.values.len());
        errors.push(at("values"), Problem::TooMany, why);
    }
    for (index, code) in codes.values.iter().enumerate() {
        let at = at(&format!("values[{index}]"));
        if codes.operator == "In" && *code == 0 {
            errors.invalid(&*at, *code, "must not be 0 for the In operator");
        }
        if codes.values[..index].contains(code) {
            errors.duplicate(at, *code);
        }
    }
    if !codes.values.is_sorted() {
        errors.invalid(at("values"), check::shown(&codes.values), "must be ordered");
    }
}

fn validate_success(policy: &SuccessPolicy, spec: &JobSpec, path: &str, errors: &mut FieldErrors) {
    if policy.rules.is_empty() {
        errors.required(
            path,
            "at least one rules must be specified when the successPolicy is specified",
        );
    }
    if policy.rules.len() > 20 {
        errors.push(
            path,
            Problem::TooMany,
            format!("{}: must have at most 20 items", policy.rules.len()),
        );
    }
    let completions = spec.completions.unwrap_or_default();
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
            errors.required(
                &*path,
                "at least one of succeededCount or succeededIndexes must be specified",
            );
        }
        let mut indexes = None;
        if let Some(text) = &rule.succeeded_indexes {
            match count_indexes(text, completions) {
                Ok(count) => indexes = Some(count),
                Err(why) => {
                    let at = format!("{path}.succeededIndexes");
                    errors.invalid(
                        at,
                        text.as_str(),
                        format!("error parsing succeededIndexes: {why}"),
                    );
                }
            }
        }
        let Some(count) = rule.succeeded_count else { continue };
        let at = format!("{path}.succeededCount");
        check::nonnegative(Some(count), &at, errors);
        if count > completions {
            let why = format!(
                "must be less than or equal to {completions} (the number of specified completions)"
            );
            errors.invalid(&*at, count, why);
        }
        if let Some(indexes) = indexes.filter(|indexes| count > *indexes) {
            let why = format!(
                "must be less than or equal to {indexes} (the number of indexes in the specified succeededIndexes field)"
            );
            errors.invalid(at, count, why);
        }
    }
}

/// How many indexes `1,3-5` names; they rise and stay below `completions`.
fn count_indexes(text: &str, completions: i32) -> Result<i32, String> {
    let mut count = 0;
    let mut last = -1;
    if text.is_empty() {
        return Ok(0);
    }
    for interval in text.split(',') {
        let (first, end) = interval.split_once('-').unwrap_or((interval, interval));
        let parse = |part: &str| {
            part.parse::<i32>()
                .map_err(|_| format!("cannot convert string to integer for index: {part:?}"))
        };
        let (first, end) = (parse(first)?, parse(end)?);
        if first > end || (interval.contains('-') && first == end) {
            return Err(format!("non-increasing order, first: {first}, second: {end}"));
        }
        if first <= last {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        if end >= completions {
            return Err(format!("too large index: {interval:?}"));
        }
        count += end - first + 1;
        last = end;
    }
    Ok(count)
}

//! What a Job must say, and what may change while it runs.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::PodTemplateSpec,
};
use object::FieldErrors;

use super::{policy, selector};
use crate::parts::{self, check, template};

const PARALLELISM_MAX: i32 = 100_000;
const RESTART_POLICIES: [&str; 2] = ["Never", "OnFailure"];

pub(super) fn validate(job: &Job, errors: &mut FieldErrors) {
    let Some(spec) = &job.spec else { return errors.required("spec", "") };
    validate_generated(job, spec, errors);
    validate_spec(spec, "spec", errors);
    let Some(wanted) = &spec.selector else { return errors.required("spec.selector", "") };
    parts::selector::validate(wanted, "spec.selector", errors);
    let labels = labels(&spec.template).cloned().unwrap_or_default();
    let parsed = object::selector::LabelSelector::from_json(&check::shown(wanted));
    if parsed.is_ok_and(|selector| !selector.matches(&labels)) {
        let why = "`selector` does not match template `labels`";
        errors.invalid("spec.template.metadata.labels", check::shown(&labels), why);
    }
}

fn labels(template: &PodTemplateSpec) -> Option<&BTreeMap<String, String>> {
    template.metadata.as_ref()?.labels.as_ref()
}

/// The generated labels and selector are the job's own.
fn validate_generated(job: &Job, spec: &JobSpec, errors: &mut FieldErrors) {
    if spec.manual_selector == Some(true) {
        return;
    }
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let labels = labels(&spec.template);
    for (key, expected) in [
        (selector::OLD_UID, uid),
        (selector::OLD_NAME, name),
        (selector::UID, uid),
        (selector::NAME, name),
    ] {
        let value = labels.and_then(|labels| labels.get(key)).map(String::as_str);
        let path = format!("spec.template.metadata.labels[{key}]");
        match value {
            None => errors.required(path, format!("must be '{expected}'")),
            Some(value) if value != expected => {
                errors.invalid(
                    "metadata.labels",
                    check::shown(&labels),
                    format!("must be '{expected}'"),
                );
            }
            Some(_) => {}
        }
    }
    let selected = spec.selector.as_ref().and_then(|one| one.match_labels.as_ref());
    let selected = selected.and_then(|selected| selected.get(selector::UID));
    if spec.selector.is_some() && selected.map(String::as_str) != Some(uid) {
        errors.invalid(
            "spec.selector",
            check::shown(&spec.selector),
            "`selector` not auto-generated",
        );
    }
}

/// The spec of a Job, or of the jobs of a CronJob, at `path`.
pub(crate) fn validate_spec(spec: &JobSpec, path: &str, errors: &mut FieldErrors) {
    let at = |field: &str| format!("{path}.{field}");
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ] {
        check::nonnegative(value, &at(field), errors);
    }
    validate_indexes(spec, path, errors);
    let manager = spec.managed_by.as_deref().unwrap_or_default();
    check::domain_path(manager, &at("managedBy"), errors);
    policy::validate(spec, path, errors);
    template::validate_any_template(&spec.template, &at("template"), errors);
    let policy = spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    let path = at("template.spec.restartPolicy");
    match policy.unwrap_or_default() {
        "" | "Always" => errors.required(path, "valid values: \"OnFailure\", \"Never\""),
        policy if !RESTART_POLICIES.contains(&policy) => {
            errors.not_supported(path, policy, &["OnFailure", "Never"]);
        }
        policy if spec.pod_failure_policy.is_some() && policy != "Never" => errors.invalid(
            path,
            policy,
            "only \"Never\" is supported when podFailurePolicy is specified",
        ),
        _ => {}
    }
}

fn validate_indexes(spec: &JobSpec, path: &str, errors: &mut FieldErrors) {
    let at = |field: &str| format!("{path}.{field}");
    let mode = spec.completion_mode.as_deref().unwrap_or("NonIndexed");
    match mode {
        "Indexed" => {
            if spec.completions.is_none() {
                errors.required(at("completions"), "when completion mode is Indexed");
            }
            if let Some(width) = spec.parallelism.filter(|width| *width > PARALLELISM_MAX) {
                let why = format!(
                    "must be less than or equal to {PARALLELISM_MAX} when completion mode is Indexed"
                );
                errors.invalid(at("parallelism"), width, why);
            }
        }
        "NonIndexed" => {}
        other => errors.not_supported(at("completionMode"), other, &["Indexed", "NonIndexed"]),
    }
    if let Some(limit) = spec.backoff_limit_per_index.filter(|_| mode != "Indexed") {
        errors.invalid(at("backoffLimitPerIndex"), limit, "requires indexed completion mode");
    }
    if let Some(most) = spec.max_failed_indexes {
        if spec.completions.is_some_and(|completions| most > completions) {
            errors.invalid(
                at("maxFailedIndexes"),
                most,
                "must be less than or equal to completions",
            );
        }
        if spec.backoff_limit_per_index.is_none() {
            errors.required(at("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
        }
    }
}

pub(super) fn validate_update(new: &Job, old: &Job, errors: &mut FieldErrors) {
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else { return };
    validate_completions(new_spec, old_spec, errors);
    check::immutable(&new_spec.selector, &old_spec.selector, "spec.selector", errors);
    validate_template(old, new_spec, old_spec, errors);
    let (path, mode) = ("spec.completionMode", &new_spec.completion_mode);
    check::immutable(mode, &old_spec.completion_mode, path, errors);
    let (path, policy) = ("spec.podFailurePolicy", &new_spec.pod_failure_policy);
    check::immutable(policy, &old_spec.pod_failure_policy, path, errors);
    let (path, limit) = ("spec.backoffLimitPerIndex", &new_spec.backoff_limit_per_index);
    check::immutable(limit, &old_spec.backoff_limit_per_index, path, errors);
    check::immutable(&new_spec.managed_by, &old_spec.managed_by, "spec.managedBy", errors);
    let (path, policy) = ("spec.successPolicy", &new_spec.success_policy);
    check::immutable(policy, &old_spec.success_policy, path, errors);
}

/// An indexed job may grow and shrink as a whole.
fn validate_completions(new: &JobSpec, old: &JobSpec, errors: &mut FieldErrors) {
    let is_indexed = |spec: &JobSpec| spec.completion_mode.as_deref() == Some("Indexed");
    if new.completions == old.completions {
        return;
    }
    if !is_indexed(new) || !is_indexed(old) || old.completions.is_none() {
        errors.invalid("spec.completions", check::shown(&new.completions), check::IMMUTABLE);
    } else if new.completions != new.parallelism || new.parallelism == old.parallelism {
        errors.invalid(
            "spec.completions",
            check::shown(&new.completions),
            "can only be modified in tandem with spec.parallelism such that spec.completions == spec.parallelism",
        );
    }
}

/// The template stays; where its pods may run can change before the first of them starts.
fn validate_template(old_job: &Job, new: &JobSpec, old: &JobSpec, errors: &mut FieldErrors) {
    let mut kept = new.template.clone();
    let started = old_job.status.as_ref().is_some_and(|status| status.start_time.is_some());
    if old.suspend == Some(true)
        && !started
        && let (Some(new), Some(old)) = (&mut kept.spec, &old.template.spec)
    {
        new.node_selector.clone_from(&old.node_selector);
        new.tolerations.clone_from(&old.tolerations);
        new.scheduling_gates.clone_from(&old.scheduling_gates);
        new.affinity.clone_from(&old.affinity);
        for (new, old) in new.containers.iter_mut().zip(&old.containers) {
            new.resources.clone_from(&old.resources);
        }
        let old_metadata = old_job.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
        if let (Some(new), Some(old)) = (&mut kept.metadata, old_metadata) {
            new.labels.clone_from(&old.labels);
            new.annotations.clone_from(&old.annotations);
        }
    }
    if kept != old.template {
        errors.invalid("spec.template", check::shown(&new.template), check::IMMUTABLE);
    }
}

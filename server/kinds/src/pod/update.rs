//! What may change in a pod once it is there.

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod, PodSpec, Toleration};
use object::FieldErrors;

const WHY: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn validate(new: &Pod, old: &Pod, errors: &mut FieldErrors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    if new.containers.len() != old.containers.len() {
        errors.forbidden("spec.containers", "pod updates may not add or remove containers");
        return;
    }
    let count = |spec: &PodSpec| spec.init_containers.as_ref().map_or(0, Vec::len);
    if count(new) != count(old) {
        errors.forbidden("spec.initContainers", "pod updates may not add or remove containers");
        return;
    }
    validate_deadline(new, old, errors);
    validate_tolerations(new, old, errors);
    if with_changeable_parts_of(old, new) != *old {
        errors.forbidden("spec", WHY);
    }
}

/// The new spec with what may differ set back to the old one's.
fn with_changeable_parts_of(old: &PodSpec, new: &PodSpec) -> PodSpec {
    let mut spec = new.clone();
    for (new, old) in spec.containers.iter_mut().zip(&old.containers) {
        new.image.clone_from(&old.image);
    }
    let old_init = old.init_containers.iter().flatten();
    for (new, old) in spec.init_containers.iter_mut().flatten().zip(old_init) {
        new.image.clone_from(&old.image);
    }
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.tolerations.clone_from(&old.tolerations);
    if old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0)
        && spec.termination_grace_period_seconds == Some(1)
    {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    // A pod gets its node once, by its binding.
    if old.node_name.as_deref().is_none_or(str::is_empty) {
        spec.node_name.clone_from(&old.node_name);
    }
    // Gates may go, none may come.
    let gates = |spec: &PodSpec| spec.scheduling_gates.clone().unwrap_or_default();
    if gates(&spec).iter().all(|gate| gates(old).contains(gate)) {
        spec.scheduling_gates.clone_from(&old.scheduling_gates);
    }
    spec
}

fn validate_deadline(new: &PodSpec, old: &PodSpec, errors: &mut FieldErrors) {
    let path = "spec.activeDeadlineSeconds";
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(new), Some(old)) if new > old => {
            errors.invalid(
                path,
                new,
                format!("must be less than or equal to previous value {old}"),
            );
        }
        (None, Some(_)) => {
            errors.invalid(
                path,
                serde_json::Value::Null,
                "must not update from a positive integer to nil value",
            );
        }
        _ => {}
    }
}

/// The old tolerations stay; only how long they last may change.
fn validate_tolerations(new: &PodSpec, old: &PodSpec, errors: &mut FieldErrors) {
    let timeless =
        |toleration: &Toleration| Toleration { toleration_seconds: None, ..toleration.clone() };
    let has: Vec<Toleration> = new.tolerations.iter().flatten().map(timeless).collect();
    if !old.tolerations.iter().flatten().all(|toleration| has.contains(&timeless(toleration))) {
        errors.forbidden(
            "spec.tolerations",
            "existing toleration can not be modified except its tolerationSeconds",
        );
    }
}

/// Ephemeral containers are added; they neither go nor change.
pub(super) fn validate_ephemeral(new: &Pod, old: &Pod, errors: &mut FieldErrors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let has: Vec<&EphemeralContainer> = new.ephemeral_containers.iter().flatten().collect();
    for container in old.ephemeral_containers.iter().flatten() {
        let name = &container.name;
        match has.iter().find(|other| other.name == *name) {
            None => errors.forbidden(
                "spec.ephemeralContainers",
                format!("existing ephemeral containers {name:?} may not be removed\n"),
            ),
            Some(other) if *other != container => errors.forbidden(
                "spec.ephemeralContainers",
                format!("existing ephemeral containers {name:?} may not be changed\n"),
            ),
            Some(_) => {}
        }
    }
}

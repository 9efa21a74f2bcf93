//! Which objects the scopes of a quota mean.

use k8s_openapi::api::core::v1::{
    Pod, PodAffinityTerm, ResourceQuotaSpec, ScopedResourceSelectorRequirement,
};

use super::usage::{Counted, Subject};
use crate::node::qos_class;

/// Plain scopes and the scope selector, in one form.
pub(super) fn requirements(spec: &ResourceQuotaSpec) -> Vec<ScopedResourceSelectorRequirement> {
    let plain = spec.scopes.iter().flatten().map(|name| ScopedResourceSelectorRequirement {
        scope_name: name.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selector = spec.scope_selector.as_ref().and_then(|one| one.match_expressions.as_ref());
    plain.chain(selector.into_iter().flatten().cloned()).collect()
}

pub(super) fn matches(scope: &ScopedResourceSelectorRequirement, counted: &Counted<'_>) -> bool {
    match &counted.subject {
        Subject::Pod(pod) => matches_pod(scope, pod),
        Subject::Claim(claim) if scope.scope_name == "VolumeAttributesClass" => {
            let spec = claim.spec.as_ref();
            let wanted = spec.and_then(|spec| spec.volume_attributes_class_name.as_deref());
            let status = claim.status.as_ref();
            let current =
                status.and_then(|status| status.current_volume_attributes_class_name.as_deref());
            let target = status
                .and_then(|status| status.modify_volume_status.as_ref())
                .and_then(|modify| modify.target_volume_attributes_class_name.as_deref());
            // What is asked for, what is there and what is under way all count.
            let all: Vec<&str> =
                [wanted, current, target].into_iter().flatten().filter(|n| !n.is_empty()).collect();
            if all.is_empty() {
                return selects(scope, None);
            }
            all.into_iter().any(|class| selects(scope, Some(class)))
        }
        _ => false,
    }
}

fn matches_pod(scope: &ScopedResourceSelectorRequirement, pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let is_terminating = spec.active_deadline_seconds.is_some_and(|seconds| seconds >= 0);
    let is_best_effort = qos_class(spec) == "BestEffort";
    match scope.scope_name.as_str() {
        "Terminating" => is_terminating,
        "NotTerminating" => !is_terminating,
        "BestEffort" => is_best_effort,
        "NotBestEffort" => !is_best_effort,
        "PriorityClass" => {
            let class = spec.priority_class_name.as_deref().filter(|name| !name.is_empty());
            selects(scope, class)
        }
        "CrossNamespacePodAffinity" => reaches_other_namespaces(pod),
        _ => false,
    }
}

/// Whether an operator with its values picks a class, or that there is none.
fn selects(scope: &ScopedResourceSelectorRequirement, class: Option<&str>) -> bool {
    let is_listed = || {
        let mut values = scope.values.iter().flatten();
        class.is_some_and(|class| values.any(|value| value == class))
    };
    match scope.operator.as_str() {
        "In" => is_listed(),
        "NotIn" => !is_listed(),
        "Exists" => class.is_some(),
        "DoesNotExist" => class.is_none(),
        _ => false,
    }
}

fn reaches_other_namespaces(pod: &Pod) -> bool {
    let Some(affinity) = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()) else {
        return false;
    };
    let reaches = |term: &PodAffinityTerm| {
        term.namespace_selector.is_some()
            || term.namespaces.as_ref().is_some_and(|names| !names.is_empty())
    };
    let near = affinity.pod_affinity.as_ref().map(|one| {
        (
            &one.required_during_scheduling_ignored_during_execution,
            &one.preferred_during_scheduling_ignored_during_execution,
        )
    });
    let far = affinity.pod_anti_affinity.as_ref().map(|one| {
        (
            &one.required_during_scheduling_ignored_during_execution,
            &one.preferred_during_scheduling_ignored_during_execution,
        )
    });
    near.into_iter().chain(far).any(|(required, preferred)| {
        required.iter().flatten().any(reaches)
            || preferred.iter().flatten().any(|weighted| reaches(&weighted.pod_affinity_term))
    })
}

//! Where a pod may run: tolerations, affinity, spreading.

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorTerm, PodAffinityTerm, PodSpec, Toleration, TopologySpreadConstraint,
};
use object::{FieldErrors, name};

use crate::parts::{check, selector};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const HONORS: [&str; 2] = ["Honor", "Ignore"];
const UNSATISFIABLE: [&str; 2] = ["DoNotSchedule", "ScheduleAnyway"];

pub(super) fn validate(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    for (index, toleration) in spec.tolerations.iter().flatten().enumerate() {
        validate_toleration(toleration, &format!("{path}.tolerations[{index}]"), errors);
    }
    let mut spreads = Vec::new();
    for (index, spread) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        let path = format!("{path}.topologySpreadConstraints[{index}]");
        validate_spread(spread, &path, errors);
        let id = (spread.topology_key.as_str(), spread.when_unsatisfiable.as_str());
        if spreads.contains(&id) {
            let path = format!("{path}.{{topologyKey, whenUnsatisfiable}}");
            errors.duplicate(path, format!("{{{}, {}}}", id.0, id.1));
        }
        spreads.push(id);
    }
    validate_node_affinity(spec, &format!("{path}.affinity.nodeAffinity"), errors);
    validate_pod_affinity(spec, &format!("{path}.affinity"), errors);
}

pub(crate) fn validate_toleration(toleration: &Toleration, path: &str, errors: &mut FieldErrors) {
    let key = toleration.key.as_deref().unwrap_or_default();
    let operator = toleration.operator.as_deref().unwrap_or_default();
    let value = toleration.value.as_deref().unwrap_or_default();
    if !key.is_empty() {
        check::name(key, &format!("{path}.key"), name::qualified, errors);
    } else if operator != "Exists" {
        errors.invalid(
            format!("{path}.operator"),
            operator,
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        );
    }
    let effect = toleration.effect.as_deref();
    if toleration.toleration_seconds.is_some() && effect != Some("NoExecute") {
        errors.invalid(
            format!("{path}.effect"),
            effect.unwrap_or_default(),
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        );
    }
    match operator {
        "" | "Equal" => {
            if let Err(why) = name::label_value(value) {
                errors.invalid(format!("{path}.operator"), value, why);
            }
        }
        "Exists" if !value.is_empty() => errors.invalid(
            format!("{path}.operator"),
            check::shown(toleration),
            "value must be empty when `operator` is 'Exists'",
        ),
        "Exists" => {}
        other => errors.not_supported(format!("{path}.operator"), other, &["Equal", "Exists"]),
    }
    check::maybe_one_of(effect, &format!("{path}.effect"), &EFFECTS, errors);
}

fn validate_spread(spread: &TopologySpreadConstraint, path: &str, errors: &mut FieldErrors) {
    if spread.max_skew <= 0 {
        errors.invalid(format!("{path}.maxSkew"), spread.max_skew, "must be greater than zero");
    }
    let key = spread.topology_key.as_str();
    if key.is_empty() {
        errors.required(format!("{path}.topologyKey"), "can not be empty");
    } else {
        check::name(key, &format!("{path}.topologyKey"), name::qualified, errors);
    }
    let action = spread.when_unsatisfiable.as_str();
    if !UNSATISFIABLE.contains(&action) {
        errors.not_supported(format!("{path}.whenUnsatisfiable"), action, &UNSATISFIABLE);
    }
    if let Some(least) = spread.min_domains {
        let path = format!("{path}.minDomains");
        if least <= 0 {
            errors.invalid(&*path, least, "must be greater than zero");
        }
        if action == "ScheduleAnyway" {
            let why =
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway";
            errors.invalid(path, least, why);
        }
    }
    for (field, policy) in [
        ("nodeAffinityPolicy", &spread.node_affinity_policy),
        ("nodeTaintsPolicy", &spread.node_taints_policy),
    ] {
        if let Some(policy) = policy.as_deref().filter(|policy| !HONORS.contains(policy)) {
            errors.not_supported(format!("{path}.{field}"), policy, &HONORS);
        }
    }
    if let Some(labels) = &spread.label_selector {
        selector::validate(labels, &format!("{path}.labelSelector"), errors);
    } else if spread.match_label_keys.as_ref().is_some_and(|keys| !keys.is_empty()) {
        let why = "must not be specified when labelSelector is not set";
        errors.forbidden(format!("{path}.matchLabelKeys"), why);
    }
}

fn validate_node_affinity(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let Some(affinity) = affinity else { return };
    if let Some(required) = &affinity.required_during_scheduling_ignored_during_execution {
        let path = format!("{path}.requiredDuringSchedulingIgnoredDuringExecution");
        validate_node_selector(required, &path, errors);
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
    for (index, preference) in preferred.enumerate() {
        let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
        validate_weight(preference.weight, &path, errors);
        validate_term(&preference.preference, &format!("{path}.preference"), errors);
    }
}

pub(crate) fn validate_node_selector(
    selector: &NodeSelector,
    path: &str,
    errors: &mut FieldErrors,
) {
    let path = format!("{path}.nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        errors.required(path.as_str(), "must have at least one node selector term");
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        validate_term(term, &format!("{path}[{index}]"), errors);
    }
}

fn validate_term(term: &NodeSelectorTerm, path: &str, errors: &mut FieldErrors) {
    for (index, one) in term.match_fields.iter().flatten().enumerate() {
        let path = format!("{path}.matchFields[{index}]");
        if !matches!(one.operator.as_str(), "In" | "NotIn") {
            let why = "not a valid selector operator";
            errors.invalid(format!("{path}.operator"), one.operator.as_str(), why);
        } else if one.values.as_ref().map_or(0, Vec::len) != 1 {
            let why =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.required(format!("{path}.values"), why);
        }
        if one.key != "metadata.name" {
            let why = "not a valid field selector key";
            errors.invalid(format!("{path}.key"), one.key.as_str(), why);
        }
    }
    for (index, one) in term.match_expressions.iter().flatten().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        let values = one.values.as_deref().unwrap_or_default();
        match one.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => errors.required(
                format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "Exists" | "DoesNotExist" if !values.is_empty() => errors.forbidden(
                format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "Gt" | "Lt" if values.len() != 1 => errors.required(
                format!("{path}.values"),
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            other => {
                errors.invalid(format!("{path}.operator"), other, "not a valid selector operator")
            }
        }
        if let Err(why) = name::qualified(&one.key) {
            errors.invalid(format!("{path}.key"), one.key.as_str(), why);
        }
    }
}

fn validate_weight(weight: i32, path: &str, errors: &mut FieldErrors) {
    if !(1..=100).contains(&weight) {
        errors.invalid(format!("{path}.weight"), weight, "must be in the range 1-100");
    }
}

fn validate_pod_affinity(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let Some(affinity) = &spec.affinity else { return };
    let near = affinity.pod_affinity.as_ref().map(|near| {
        (
            "podAffinity",
            &near.required_during_scheduling_ignored_during_execution,
            &near.preferred_during_scheduling_ignored_during_execution,
        )
    });
    let far = affinity.pod_anti_affinity.as_ref().map(|far| {
        (
            "podAntiAffinity",
            &far.required_during_scheduling_ignored_during_execution,
            &far.preferred_during_scheduling_ignored_during_execution,
        )
    });
    for (field, required, preferred) in near.into_iter().chain(far) {
        for (index, term) in required.iter().flatten().enumerate() {
            validate_pod_term(term, &format!("{path}.{field}.{REQUIRED}[{index}]"), errors);
        }
        for (index, weighted) in preferred.iter().flatten().enumerate() {
            let path = format!("{path}.{field}.{PREFERRED}[{index}]");
            validate_weight(weighted.weight, &path, errors);
            let term = &weighted.pod_affinity_term;
            validate_pod_term(term, &format!("{path}.podAffinityTerm"), errors);
        }
    }
}

fn validate_pod_term(term: &PodAffinityTerm, path: &str, errors: &mut FieldErrors) {
    for (index, namespace) in term.namespaces.iter().flatten().enumerate() {
        if let Err(why) = name::label(namespace) {
            errors.invalid(format!("{path}.namespaces[{index}]"), namespace.as_str(), why);
        }
    }
    for (field, keys) in [
        ("matchLabelKeys", &term.match_label_keys),
        ("mismatchLabelKeys", &term.mismatch_label_keys),
    ] {
        let used = keys.as_ref().is_some_and(|keys| !keys.is_empty());
        if used && term.label_selector.is_none() {
            let why = "must not be specified when labelSelector is not set";
            errors.forbidden(format!("{path}.{field}"), why);
        }
    }
    if term.topology_key.is_empty() {
        errors.required(format!("{path}.topologyKey"), "can not be empty");
    } else {
        check::name(&term.topology_key, &format!("{path}.topologyKey"), name::qualified, errors);
    }
    for (field, labels) in
        [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)]
    {
        if let Some(labels) = labels {
            selector::validate(labels, &format!("{path}.{field}"), errors);
        }
    }
}

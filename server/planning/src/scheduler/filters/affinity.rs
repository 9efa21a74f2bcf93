//! A pod goes only where its node selector and its required node affinity lead.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};

use super::{Node, Pod, Usage};

pub(super) fn refusals(pod: &Pod, node: &Node, _: &Usage) -> Vec<String> {
    let selected = pod.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let required = pod.affinity.required_during_scheduling_ignored_during_execution.as_ref();
    let wanted = required
        .is_none_or(|required| required.node_selector_terms.iter().any(|t| matches_term(t, node)));
    if selected && wanted {
        return Vec::new();
    }
    vec!["node(s) didn't match Pod's node affinity/selector".to_owned()]
}

/// An empty term matches nothing.
pub(in super::super) fn matches_term(term: &NodeSelectorTerm, node: &Node) -> bool {
    let fields = BTreeMap::from([("metadata.name".to_owned(), node.name.to_string())]);
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let on_fields = term.match_fields.as_deref().unwrap_or_default();
    (!expressions.is_empty() || !on_fields.is_empty())
        && expressions.iter().all(|requirement| holds(requirement, &node.labels))
        && on_fields.iter().all(|requirement| holds(requirement, &fields))
}

fn holds(requirement: &NodeSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = || value.is_some_and(|value| values.contains(value));
    let compare = || Some((value?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare().is_some_and(|(own, bound)| own > bound),
        "Lt" => compare().is_some_and(|(own, bound)| own < bound),
        _ => false,
    }
}

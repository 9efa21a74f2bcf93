//! A pod goes only where its node selector and its required node affinity lead.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};

use super::{Check, Filter, Info, Names, Node, Refusal, Shape, hints};

pub(super) const FILTER: Filter = Filter {
    name: "NodeAffinity",
    check: Check::Node(check),
    helped_by: hints::NODE_ADDED | hints::NODE_LABELS,
};

fn check(shape: &Shape, node: &Node, info: &Info, _: &Names) -> Option<Refusal> {
    let places = &shape.places;
    let is_selected = selects(&places.node_selector, places.required(), &node.name, &info.labels);
    (!is_selected).then(refusal)
}

pub(super) fn refusal() -> Refusal {
    Refusal::lasting("node(s) didn't match Pod's node affinity/selector")
}

/// Whether a pod's node selector and required node affinity allow a node.
pub(crate) fn is_selected(spec: &PodSpec, name: &str, labels: &BTreeMap<String, String>) -> bool {
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    let none = BTreeMap::new();
    selects(spec.node_selector.as_ref().unwrap_or(&none), required, name, labels)
}

pub(in super::super) fn selects(
    selector: &BTreeMap<String, String>,
    required: Option<&NodeSelector>,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        && required.is_none_or(|required| is_in(required, name, labels))
}

/// Whether one of a selector's terms means a node.
pub(crate) fn is_in(
    selector: &NodeSelector,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    selector.node_selector_terms.iter().any(|term| matches_term(term, name, labels))
}

/// An empty term matches nothing.
pub(in super::super) fn matches_term(
    term: &NodeSelectorTerm,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let on_fields = term.match_fields.as_deref().unwrap_or_default();
    (!expressions.is_empty() || !on_fields.is_empty())
        && expressions
            .iter()
            .all(|requirement| holds(requirement, labels.get(&requirement.key).map(|v| &**v)))
        && on_fields.iter().all(|requirement| {
            holds(requirement, (requirement.key == "metadata.name").then_some(name))
        })
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = || value.is_some_and(|value| values.iter().any(|one| one == value));
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

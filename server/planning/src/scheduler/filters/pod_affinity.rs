//! A pod goes only near the pods that it must be near, and not near those that it does not bear or
//! that do not bear it.

use super::{
    super::{outlook::Look, topology::NONE},
    Check, Filter, Refusal, Sight, hints,
};

pub(super) const FILTER: Filter = Filter {
    name: "InterPodAffinity",
    check: Check::Beyond(check),
    helped_by: hints::NODE_ADDED
        | hints::NODE_LABELS
        | hints::POD_REMOVED
        | hints::POD_PLACED
        | hints::NAMESPACES,
};

fn check(sight: &Sight<'_>, node: u32) -> Option<Refusal> {
    let relations = &sight.cluster.relations;
    let domain = |topology| relations.topologies.get(topology).of(node);
    let is_near = |look: &Look| {
        let domain = domain(look.topology);
        domain != NONE && relations.view(look.view).of(domain) > 0
    };
    if let Some(required) = &sight.outlook.required {
        let has_labels = required.looks.iter().all(|look| domain(look.topology) != NONE);
        // The first of those that must be near each other has nobody to be near to.
        if !has_labels || !(required.is_first || required.looks.iter().all(is_near)) {
            return Some(Refusal::lasting("node(s) didn't match pod affinity rules"));
        }
    }
    if sight.outlook.anti.iter().any(is_near) {
        return Some(Refusal::passing("node(s) didn't match pod anti-affinity rules"));
    }
    sight
        .outlook
        .unbearing
        .iter()
        .any(is_near)
        .then(|| Refusal::passing("node(s) didn't satisfy existing pods anti-affinity rules"))
}

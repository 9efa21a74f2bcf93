//! A pod goes only where it does not make its domain fuller than others by more than its spread
//! constraints allow.

use super::{super::topology::NONE, Check, Filter, Refusal, Sight, hints};

pub(super) const FILTER: Filter = Filter {
    name: "PodTopologySpread",
    check: Check::Beyond(check),
    helped_by: hints::NODE_ADDED
        | hints::NODE_REMOVED
        | hints::NODE_LABELS
        | hints::NODE_TAINTS
        | hints::POD_REMOVED
        | hints::POD_PLACED,
};

fn check(sight: &Sight<'_>, node: u32) -> Option<Refusal> {
    let relations = &sight.cluster.relations;
    sight.outlook.hard.iter().find_map(|one| {
        let domain = relations.topologies.get(one.topology).of(node);
        if domain == NONE {
            return Some(Refusal::lasting(
                "node(s) didn't match pod topology spread constraints (missing required label)",
            ));
        }
        let skew = relations.view(one.view).of(domain) + one.itself - one.least;
        (skew > one.skew_max)
            .then(|| Refusal::passing("node(s) didn't match pod topology spread constraints"))
    })
}

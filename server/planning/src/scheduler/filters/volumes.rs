//! A pod goes only where all of its volumes can be.

use super::{Check, Filter, Refusal, Sight, affinity, hints};

pub(super) const FILTER: Filter = Filter {
    name: "VolumeBinding",
    check: Check::Beyond(check),
    helped_by: hints::NODE_ADDED | hints::NODE_LABELS | hints::VOLUMES | hints::POD_REMOVED,
};

fn check(sight: &Sight<'_>, node: u32) -> Option<Refusal> {
    if sight.outlook.volumes.is_empty() {
        return None;
    }
    let node = &sight.cluster.nodes[node];
    let labels = &node.info.as_ref()?.labels;
    let is_there = |place| affinity::is_in(place, &node.name, labels);
    (!sight.outlook.volumes.iter().all(is_there))
        .then(|| Refusal::lasting("node(s) didn't match PersistentVolume's node affinity"))
}

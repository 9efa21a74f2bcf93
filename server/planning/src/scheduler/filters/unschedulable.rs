//! A cordoned node takes no new pods.

use super::{Check, Filter, Info, Names, Node, Refusal, Shape, hints};
use crate::taints;

pub(super) const FILTER: Filter = Filter {
    name: "NodeUnschedulable",
    check: Check::Node(check),
    helped_by: hints::NODE_ADDED | hints::NODE_TAINTS,
};

fn check(shape: &Shape, _: &Node, info: &Info, _: &Names) -> Option<Refusal> {
    if !info.is_unschedulable {
        return None;
    }
    let taint = taints::taint(taints::UNSCHEDULABLE, taints::NO_SCHEDULE);
    taints::tolerated_by(&taint, &shape.places.tolerations)
        .is_none()
        .then(|| Refusal::lasting("node(s) were unschedulable"))
}

//! A pod goes only where what it requests is left.

use super::{Check, Filter, Info, Names, Node, Refusal, Shape, hints};

pub(super) const FILTER: Filter = Filter {
    name: "NodeResourcesFit",
    check: Check::Node(check),
    helped_by: hints::NODE_ADDED | hints::NODE_ROOM | hints::POD_REMOVED,
};

fn check(shape: &Shape, node: &Node, info: &Info, names: &Names) -> Option<Refusal> {
    if info.allocatable.has_room(&node.requested, &shape.requests) {
        return None;
    }
    let lacking = info.allocatable.lacks(&node.requested, &shape.requests, names);
    let is_final = lacking.iter().any(|(_, never)| *never);
    let reason = |(name, _): (String, bool)| match name.as_str() {
        "pods" => "Too many pods".into(),
        name => format!("Insufficient {name}").into(),
    };
    Some(Refusal { filter: 0, reasons: lacking.into_iter().map(reason).collect(), is_final })
}

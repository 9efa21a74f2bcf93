//! A pod goes only where what it requests is left.

use super::{Node, Pod, Usage};

pub(super) fn refusals(pod: &Pod, node: &Node, usage: &Usage) -> Vec<String> {
    let mut reasons = Vec::new();
    if usage.pods + 1 > node.pods_max {
        reasons.push("Too many pods".to_owned());
    }
    for (name, amount) in pod.requests.iter().filter(|(_, amount)| *amount > 0) {
        if amount > node.allocatable.amount(name) - usage.requested.amount(name) {
            reasons.push(format!("Insufficient {name}"));
        }
    }
    reasons
}

//! A cordoned node takes no new pods.

use super::{Node, Pod, Usage};
use crate::taints;

pub(super) fn refusals(pod: &Pod, node: &Node, _: &Usage) -> Vec<String> {
    let taint = taints::taint(taints::UNSCHEDULABLE, taints::NO_SCHEDULE);
    if node.is_unschedulable && taints::tolerated_by(&taint, &pod.tolerations).is_none() {
        return vec!["node(s) were unschedulable".to_owned()];
    }
    Vec::new()
}

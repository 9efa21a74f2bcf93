//! A pod goes only where it tolerates the taints.

use super::{Node, Pod, Usage};
use crate::taints;

pub(super) fn refusals(pod: &Pod, node: &Node, _: &Usage) -> Vec<String> {
    let untolerated = node.taints.iter().find(|taint| {
        matches!(&*taint.effect, taints::NO_SCHEDULE | taints::NO_EXECUTE)
            && taints::tolerated_by(taint, &pod.tolerations).is_none()
    });
    untolerated
        .map(|taint| {
            let value = taint.value.as_deref().unwrap_or_default();
            format!("node(s) had untolerated taint {{{}: {value}}}", taint.key)
        })
        .into_iter()
        .collect()
}

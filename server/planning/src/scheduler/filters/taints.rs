//! A pod goes only where it tolerates the taints.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{Check, Filter, Info, Names, Node, Refusal, Shape, hints};
use crate::taints;

pub(super) const FILTER: Filter = Filter {
    name: "TaintToleration",
    check: Check::Node(check),
    helped_by: hints::NODE_ADDED | hints::NODE_TAINTS,
};

fn check(shape: &Shape, _: &Node, info: &Info, _: &Names) -> Option<Refusal> {
    untolerated(info, &shape.places.tolerations)
        .map(|_| Refusal::lasting("node(s) had untolerated taint(s)"))
}

/// The first taint that keeps pods away and is not tolerated.
pub(in super::super) fn untolerated<'i>(
    info: &'i Info,
    tolerations: &[Toleration],
) -> Option<&'i Taint> {
    info.taints.iter().find(|taint| {
        matches!(&*taint.effect, taints::NO_SCHEDULE | taints::NO_EXECUTE)
            && taints::tolerated_by(taint, tolerations).is_none()
    })
}

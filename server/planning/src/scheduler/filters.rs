//! What a node must fulfil to be given a pod: one file each and one line in the list.

mod affinity;
mod host_ports;
mod resources;
mod taints;
mod unschedulable;

pub(super) use affinity::matches_term;
pub(crate) use affinity::{is_in, is_selected};

use super::{
    node::{Node, Usage},
    pod::Pod,
};

/// Says why a pod can not go to a node, in Kubernetes' words; nothing if it can.
type Filter = fn(&Pod, &Node, &Usage) -> Vec<String>;

const FILTERS: &[Filter] = &[
    unschedulable::refusals,
    taints::refusals,
    affinity::refusals,
    host_ports::refusals,
    resources::refusals,
];

/// The refusals of the first filter that has any.
pub(super) fn check(pod: &Pod, node: &Node, usage: &Usage) -> Result<(), Vec<String>> {
    match FILTERS.iter().map(|filter| filter(pod, node, usage)).find(|why| !why.is_empty()) {
        Some(reasons) => Err(reasons),
        None => Ok(()),
    }
}

//! A port of the host can be had once.

use super::{Check, Filter, Info, Names, Node, Refusal, Shape, hints};
use crate::world::HostPort;

pub(super) const FILTER: Filter = Filter {
    name: "NodePorts",
    check: Check::Node(check),
    helped_by: hints::NODE_ADDED | hints::POD_REMOVED,
};

fn check(shape: &Shape, node: &Node, _: &Info, _: &Names) -> Option<Refusal> {
    let is_taken = |wanted: &HostPort| node.host_ports.iter().any(|taken| clash(wanted, taken));
    shape
        .host_ports
        .iter()
        .any(is_taken)
        .then(|| Refusal::passing("node(s) didn't have free ports for the requested pod ports"))
}

/// An empty address stands for all.
fn clash(a: &HostPort, b: &HostPort) -> bool {
    a.port == b.port
        && a.protocol == b.protocol
        && (a.ip == b.ip || a.ip.is_empty() || b.ip.is_empty())
}

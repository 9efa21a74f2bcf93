//! A port of the host can be had once.

use super::{Node, Pod, Usage};
use crate::world::HostPort;

pub(super) fn refusals(pod: &Pod, _: &Node, usage: &Usage) -> Vec<String> {
    let is_taken = |wanted: &HostPort| usage.host_ports.iter().any(|taken| clash(wanted, taken));
    if pod.host_ports.iter().any(is_taken) {
        return vec!["node(s) didn't have free ports for the requested pod ports".to_owned()];
    }
    Vec::new()
}

/// An empty address stands for all.
fn clash(a: &HostPort, b: &HostPort) -> bool {
    a.port == b.port
        && a.protocol == b.protocol
        && (a.ip == b.ip || a.ip.is_empty() || b.ip.is_empty())
}

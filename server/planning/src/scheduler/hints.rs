//! Which changes may help a pod that no node would have: each filter names those that can change its
//! answer, and a pod that waits is woken by no other.

use super::{cluster::Cluster, filters, peers::Peers, pending::Sort};

pub(super) const NODE_ADDED: u32 = 1;
pub(super) const NODE_REMOVED: u32 = 1 << 1;
pub(super) const NODE_LABELS: u32 = 1 << 2;
pub(super) const NODE_TAINTS: u32 = 1 << 3;
pub(super) const NODE_ROOM: u32 = 1 << 4;
pub(super) const POD_REMOVED: u32 = 1 << 5;
pub(super) const POD_PLACED: u32 = 1 << 6;
pub(super) const VOLUMES: u32 = 1 << 7;
pub(super) const NAMESPACES: u32 = 1 << 8;

/// What changed.
#[derive(Clone, Copy)]
pub(super) struct Happening {
    pub(super) sorts: u32,
    pub(super) node: Option<u32>,
    /// The peers of the pod that came or went.
    pub(super) peers: Option<u32>,
}

impl Happening {
    pub(super) fn of(sorts: u32) -> Self {
        Self { sorts, node: None, peers: None }
    }
}

/// What a change means for pods that wait.
pub(super) enum Help {
    None,
    Wake,
    /// The change helped with what refused them, but another filter refuses them still: from now on
    /// they wait for its changes, too.
    Widen(u32),
}

/// Whether a change may help pods that a set of filters refused.
pub(super) fn help(cluster: &Cluster, sort: Sort, happening: &Happening) -> Help {
    let mut near = None;
    for filter in (0..u32::BITS).filter(|filter| sort.refused_by & (1 << filter) != 0) {
        let filter = filter as usize;
        if filters::get(filter).helped_by & happening.sorts == 0 {
            continue;
        }
        if filters::is_of_node(filter) {
            near = near.or(happening.node);
        } else if concerns(cluster, &cluster.peers[sort.peers], filter, happening) {
            return Help::Wake;
        }
    }
    // What one node alone decides can be asked at once.
    let Some(node) = near.and_then(|node| cluster.nodes.get(node)) else { return Help::None };
    match filters::check_node(&cluster.shapes[sort.shape], node, &cluster.names) {
        _ if node.info.is_none() => Help::None,
        None => Help::Wake,
        Some(refusal) if sort.refused_by & (1 << refusal.filter) == 0 => {
            Help::Widen(1 << refusal.filter)
        }
        Some(_) => Help::None,
    }
}

/// Whether a pod that came or went is one of those that the waiting ones, or it, speak of.
fn concerns(cluster: &Cluster, peers: &Peers, filter: usize, happening: &Happening) -> bool {
    let is_about_pods = happening.sorts & (POD_PLACED | POD_REMOVED) != 0;
    let Some(other) = happening.peers.filter(|_| is_about_pods && filter != filters::VOLUMES)
    else {
        return true;
    };
    let other = &cluster.peers[other];
    let means = |peers: &Peers, identity: u32| {
        let known = &cluster.relations.identities[identity].terms;
        known.iter().any(|term| peers.mentions(*term))
    };
    means(peers, other.identity) || means(other, peers.identity)
}

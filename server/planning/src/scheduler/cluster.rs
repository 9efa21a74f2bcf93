//! What is where: nodes, the pods that stand on them or wait, and what follows from both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object::Key;

use super::{
    groups::Membership,
    node::{Info, Node},
    peers::Peers,
    profiles::{self, PROFILES, Profile},
    read::PodPart,
    relations::Relations,
    shape::Shape,
    slots::{Names, Slots, Table},
    volumes::Volumes,
};
use crate::{Change, Entry};

#[derive(Default)]
pub(super) struct Cluster {
    pub(super) nodes: Slots<Node>,
    by_name: BTreeMap<Arc<str>, u32>,
    /// Of each node: another number whenever it, or what stands on it, is another.
    pub(super) versions: Vec<u64>,
    clock: u64,
    /// The nodes that there are, in the order in which they are looked at.
    order: Vec<u32>,
    order_is_stale: bool,
    pub(super) pods: Slots<Pod>,
    by_key: BTreeMap<Key, u32>,
    pub(super) shapes: Table<Shape>,
    pub(super) peers: Table<Peers>,
    pub(super) relations: Relations,
    pub(super) volumes: Volumes,
    pub(super) names: Names,
    /// How many pods of each priority stand on nodes.
    pub(super) priorities: BTreeMap<i32, usize>,
    /// The pods of each group that is decided about together.
    pub(super) groups: BTreeMap<Arc<str>, BTreeSet<u32>>,
    /// Whether room is being made for any pod.
    pub(super) has_nominated: bool,
    nominated: usize,
}

/// A pod that waits for us, or stands on a node.
pub(super) struct Pod {
    pub(super) entry: Arc<Entry>,
    pub(super) shape: u32,
    pub(super) peers: u32,
    pub(super) profile: &'static Profile,
    pub(super) priority: i32,
    pub(super) never_preempts: bool,
    pub(super) place: Place,
    /// The node on which room is made for it.
    pub(super) nominated: Option<u32>,
    /// The pods that we asked to go for its sake, which the world may not show yet.
    pub(super) victims: Vec<Key>,
    /// Whether it was asked to go for the sake of another.
    pub(super) is_victim: bool,
    pub(super) group: Option<Membership>,
}

impl Pod {
    pub(super) fn is_going(&self) -> bool {
        self.is_victim || self.entry.meta.is_deleting()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    /// We gave it the node and have not seen it there yet.
    Assumed(u32),
    On(u32),
}

impl Place {
    pub(super) fn node(self) -> Option<u32> {
        match self {
            Self::Nowhere => None,
            Self::Assumed(node) | Self::On(node) => Some(node),
        }
    }
}

/// The label that says in which zone a node is.
const ZONE: &str = "topology.kubernetes.io/zone";

impl Cluster {
    pub(super) fn node_of(&mut self, name: &Arc<str>) -> u32 {
        if let Some(node) = self.by_name.get(name) {
            return *node;
        }
        let node = self.nodes.insert(Node::new(name.clone()));
        self.by_name.insert(name.clone(), node);
        self.versions.resize(self.nodes.bound(), 0);
        self.touch(node);
        node
    }

    pub(super) fn find_node(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn find_pod(&self, key: &Key) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    fn touch(&mut self, node: u32) {
        self.clock += 1;
        self.versions[node as usize] = self.clock;
    }

    /// What a node was before; nothing if it is the same.
    pub(super) fn set_node(&mut self, change: &Change) -> Option<(u32, Option<Arc<Info>>)> {
        let name = &change.key.name;
        let new = change.new.as_ref().and_then(|entry| Info::of(entry, &mut self.names));
        if new.is_none() && !self.by_name.contains_key(name) {
            return None;
        }
        let node = self.node_of(name);
        let new = new.map(Arc::new);
        if self.nodes[node].info == new {
            return None;
        }
        let old = std::mem::replace(&mut self.nodes[node].info, new.clone());
        self.touch(node);
        self.order_is_stale |= old.as_deref().map(zone) != new.as_deref().map(zone);
        let is_other = |old: &Info, new: &Info| {
            old.labels != new.labels
                || old.taints != new.taints
                || old.is_unschedulable != new.is_unschedulable
        };
        if old.as_deref().zip(new.as_deref()).is_none_or(|(old, new)| is_other(old, new)) {
            self.relations.set_node(node, name, new.as_ref());
        }
        Some((node, old))
    }

    /// Forgets a node when nothing is known of it any more.
    pub(super) fn sweep(&mut self, node: u32) {
        if self.nodes.get(node).is_some_and(Node::is_forgotten)
            && let Some(node) = self.nodes.remove(node)
        {
            self.by_name.remove(&node.name);
        }
    }

    /// The nodes that there are: by name, and zone after zone in turn, so that any part of them has
    /// nodes of all zones.
    pub(super) fn order(&mut self) -> &[u32] {
        if std::mem::take(&mut self.order_is_stale) {
            let mut zones: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for node in self.by_name.values() {
                if let Some(info) = &self.nodes[*node].info {
                    zones.entry(zone(info)).or_default().push(*node);
                }
            }
            let longest = zones.values().map(Vec::len).max().unwrap_or(0);
            self.order = (0..longest)
                .flat_map(|at| zones.values().filter_map(move |zone| zone.get(at).copied()))
                .collect();
        }
        &self.order
    }

    /// The same, to be lent for a walk over them and given back.
    pub(super) fn order_mut(&mut self) -> &mut Vec<u32> {
        &mut self.order
    }

    pub(super) fn nodes_count(&mut self) -> usize {
        self.order().len()
    }

    /// Takes a pod in that waits for us or stands on a node. `None` if it does neither.
    pub(super) fn insert_pod(&mut self, entry: &Arc<Entry>) -> Option<u32> {
        let part = PodPart::of(entry)?;
        let spec = &part.spec;
        let profile = profiles::find(spec.scheduler_name.as_deref());
        let summary = entry.pod()?;
        let is_placed = !summary.node.is_empty();
        if !is_placed && (profile.is_none() || spec.is_gated()) {
            return None;
        }
        let profile = profile.unwrap_or(0);
        let text = spec.shape(entry, profile);
        let shape = match self.shapes.share(&text) {
            Some(found) => found,
            None => {
                let shape = Shape::of(entry, spec, profile, &mut self.names)?;
                self.shapes.insert(&text, shape)
            }
        };
        let text = spec.peers(entry);
        let peers = match self.peers.share(&text) {
            Some(found) => found,
            None => {
                let peers = Peers::of(entry, spec, &mut self.relations);
                self.peers.insert(&text, peers)
            }
        };
        let pod = self.pods.insert(Pod {
            entry: entry.clone(),
            shape,
            peers,
            profile: &PROFILES[profile],
            priority: spec.priority.unwrap_or(0),
            never_preempts: spec.never_preempts(),
            place: Place::Nowhere,
            nominated: None,
            victims: Vec::new(),
            is_victim: false,
            group: Membership::of(entry),
        });
        if let Some(group) = &self.pods[pod].group {
            self.groups.entry(group.name.clone()).or_default().insert(pod);
        }
        self.by_key.insert(entry.key.clone(), pod);
        if is_placed {
            let node = self.node_of(&summary.node);
            self.put(pod, Place::On(node));
        } else if let Some(name) = part.status.nominated_node_name.filter(|name| !name.is_empty()) {
            self.nominate(pod, Some(&name));
        }
        Some(pod)
    }

    /// Whether a pod that waits would be read as the same.
    pub(super) fn is_read_as(&self, pod: &Pod, new: &Entry) -> bool {
        let Some(part) = PodPart::of(new) else { return false };
        let spec = &part.spec;
        let Some(profile) = profiles::find(spec.scheduler_name.as_deref()) else { return false };
        !spec.is_gated()
            && Membership::of(new) == pod.group
            && spec.priority.unwrap_or(0) == pod.priority
            && spec.shape(new, profile) == self.shapes.text(pod.shape)
            && spec.peers(new) == self.peers.text(pod.peers)
    }

    pub(super) fn remove_pod(&mut self, pod: u32) -> Option<Pod> {
        self.put(pod, Place::Nowhere);
        self.nominate(pod, None);
        let gone = self.pods.remove(pod)?;
        self.by_key.remove(&gone.entry.key);
        if let Some(group) = &gone.group
            && let Some(members) = self.groups.get_mut(&group.name)
        {
            members.remove(&pod);
            if members.is_empty() {
                self.groups.remove(&group.name);
            }
        }
        drop(self.shapes.release(gone.shape));
        if let Some(peers) = self.peers.release(gone.peers) {
            peers.release(&mut self.relations);
        }
        Some(gone)
    }

    /// Moves a pod; all that is counted follows.
    pub(super) fn put(&mut self, pod: u32, place: Place) {
        let old = std::mem::replace(&mut self.pods[pod].place, place);
        if old.node() == place.node() {
            return;
        }
        if let Some(node) = old.node() {
            self.count(pod, node, false);
            self.sweep(node);
        }
        if let Some(node) = place.node() {
            self.count(pod, node, true);
        }
    }

    fn count(&mut self, pod: u32, node: u32, adds: bool) {
        let one = &self.pods[pod];
        let shape = &self.shapes[one.shape];
        let peers = &self.peers[one.peers];
        let priorities = self.priorities.entry(one.priority).or_insert(0);
        if adds {
            self.nodes[node].take(pod, shape);
            *priorities += 1;
        } else {
            self.nodes[node].give_back(pod, shape);
            *priorities -= 1;
            if *priorities == 0 {
                self.priorities.remove(&one.priority);
            }
        }
        self.relations.place(peers.identity, &peers.carries, node, adds);
        self.volumes.use_claims(&one.entry, adds);
        self.clock += 1;
        self.versions[node as usize] = self.clock;
    }

    pub(super) fn nominate(&mut self, pod: u32, name: Option<&str>) {
        let node = name.map(|name| self.node_of(&name.into()));
        let old = std::mem::replace(&mut self.pods[pod].nominated, node);
        if old == node {
            return;
        }
        if let Some(old) = old {
            self.nodes[old].nominated.retain(|one| *one != pod);
            self.nominated -= 1;
            self.sweep(old);
        }
        if let Some(node) = node {
            self.nodes[node].nominated.push(pod);
            self.nominated += 1;
        }
        self.has_nominated = self.nominated > 0;
    }
}

fn zone(info: &Info) -> &str {
    info.labels.get(ZONE).map_or("", String::as_str)
}

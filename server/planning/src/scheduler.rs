//! Gives pods their nodes: one structure that follows the changes of pods and nodes.
//!
//! What it decided counts as done (assumed) until the world shows it or the write was refused, so
//! that the next decision does not give the same room away twice.
//!
//! Nothing is found out twice. Pods of one template share a [`shape::Shape`], whose column keeps what
//! the filters and scores said of each node until that node changes, and [`peers::Peers`], whose
//! tallies by domain follow as pods come and go. A decision looks at so many nodes as are enough to
//! choose from and at no pod but its own.

mod amounts;
mod attempt;
mod budgets;
mod cluster;
mod decision;
mod explain;
mod filters;
mod groups;
mod hints;
mod node;
mod outlook;
mod peers;
mod pending;
mod preemption;
mod profiles;
mod reach;
mod read;
mod relations;
mod scores;
mod shape;
mod slots;
mod tally;
mod term;
mod topology;
mod volumes;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use object::Key;

use crate::{Change, Entry, World};
use attempt::{Misfit, Search};
use budgets::{BUDGETS, Budgets};
use cluster::{Cluster, Place};
pub use decision::{Decision, Preemption, Verdict};
pub use explain::NodeVerdict;
pub(crate) use filters::{is_in, is_selected};
use hints::Happening;
use pending::{Pending, Sort};
use read::PodPart;

#[derive(Default)]
pub struct Scheduler {
    cluster: Cluster,
    pending: Pending,
    search: Search,
    budgets: Budgets,
    /// Decisions that were made together with one that was handed out.
    outbox: VecDeque<Decision>,
}

impl Scheduler {
    /// The scheduler of all that a world holds.
    pub fn of(world: &World) -> Self {
        let mut scheduler = Self::default();
        for kind in KINDS {
            for entry in world.of_kind(kind) {
                let (key, new) = (entry.key.clone(), Some(entry.clone()));
                scheduler.apply(&Change { key, old: None, new });
            }
        }
        scheduler
    }

    /// Takes a change in; those of kinds that it does not know do not concern it.
    pub fn apply(&mut self, change: &Change) {
        match &*change.key.kind {
            "pods" => self.apply_pod(change),
            "nodes" => self.apply_node(change),
            "namespaces" => {
                let (name, new) = (&change.key.name, change.new.as_deref());
                if self.cluster.relations.set_namespace(name, new) {
                    self.hear(&Happening::of(hints::NAMESPACES));
                }
            }
            BUDGETS => self.budgets.apply(change),
            kind => {
                if self.cluster.volumes.apply(kind, change) {
                    self.hear(&Happening::of(hints::VOLUMES));
                }
            }
        }
    }

    fn hear(&mut self, happening: &Happening) {
        self.pending.hear(&self.cluster, happening);
    }

    fn apply_node(&mut self, change: &Change) {
        let Some((node, old)) = self.cluster.set_node(change) else { return };
        let sorts = match (old, self.cluster.nodes[node].info.as_deref()) {
            (None, _) => hints::NODE_ADDED,
            (_, None) => hints::NODE_REMOVED,
            (Some(old), Some(new)) => {
                let sort = |is_other: bool, sort: u32| if is_other { sort } else { 0 };
                let is_other = |a: bool, b: bool| a != b;
                sort(old.labels != new.labels, hints::NODE_LABELS)
                    | sort(old.taints != new.taints, hints::NODE_TAINTS)
                    | sort(is_other(old.is_unschedulable, new.is_unschedulable), hints::NODE_TAINTS)
                    | sort(old.allocatable != new.allocatable, hints::NODE_ROOM)
            }
        };
        self.hear(&Happening { sorts, node: Some(node), peers: None });
        self.cluster.sweep(node);
    }

    fn apply_pod(&mut self, change: &Change) {
        let known = self.cluster.find_pod(&change.key);
        let new = change.new.as_ref().filter(|new| is_of_interest(new));
        match (known, new) {
            (Some(pod), Some(new)) if self.is_same(pod, new) => {
                if self.cluster.pods[pod].place == Place::Nowhere {
                    self.follow_nomination(pod, new);
                }
                self.cluster.pods[pod].entry = new.clone();
            }
            (Some(pod), Some(new)) if self.is_where_we_put_it(pod, new) => {
                self.pending.remove(pod);
                let one = &mut self.cluster.pods[pod];
                one.entry = new.clone();
                if let Some(node) = one.place.node() {
                    one.place = Place::On(node);
                }
                self.cluster.nominate(pod, None);
            }
            (known, new) => {
                if let Some(pod) = known {
                    self.remove(pod);
                }
                if let Some(new) = new {
                    self.insert(new);
                }
            }
        }
    }

    /// Whether nothing that matters here is another than before: our own notes on a pod do not.
    fn is_same(&self, pod: u32, new: &Entry) -> bool {
        let pod = &self.cluster.pods[pod];
        let old = &pod.entry;
        let is_alike = old.meta.uid == new.meta.uid && old.meta.labels == new.meta.labels;
        let (Some(before), Some(now)) = (old.pod(), new.pod()) else { return false };
        if !is_alike || before.node != now.node || before.requests != now.requests {
            return false;
        }
        !now.node.is_empty() || self.cluster.is_read_as(pod, new)
    }

    /// Takes over on which node room is made for a pod, if its status says something new.
    fn follow_nomination(&mut self, pod: u32, new: &Entry) {
        let told = |entry: &Entry| {
            let part = PodPart::of(entry)?;
            part.status.nominated_node_name.map(|name| name.into_owned())
        };
        let now = told(new).filter(|name| !name.is_empty());
        if told(&self.cluster.pods[pod].entry).filter(|name| !name.is_empty()) != now {
            self.cluster.nominate(pod, now.as_deref());
        }
    }

    /// Whether a pod is shown where it was assumed to be.
    fn is_where_we_put_it(&self, pod: u32, new: &Entry) -> bool {
        let pod = &self.cluster.pods[pod];
        let (Place::Assumed(node), Some(summary)) = (pod.place, new.pod()) else { return false };
        pod.entry.meta.uid == new.meta.uid
            && pod.entry.meta.labels == new.meta.labels
            && self.cluster.nodes[node].name == summary.node
    }

    fn insert(&mut self, entry: &Arc<Entry>) {
        let Some(pod) = self.cluster.insert_pod(entry) else { return };
        let one = &self.cluster.pods[pod];
        match one.place.node() {
            Some(node) => {
                let peers = Some(one.peers);
                self.hear(&Happening { sorts: hints::POD_PLACED, node: Some(node), peers });
            }
            None => {
                self.pending.add(pod, one.priority);
                self.wake_group(pod);
            }
        }
    }

    fn remove(&mut self, pod: u32) {
        self.pending.remove(pod);
        let one = &self.cluster.pods[pod];
        let (node, peers) = (one.place.node(), one.peers);
        if node.is_some() {
            self.cluster.put(pod, Place::Nowhere);
            self.hear(&Happening { sorts: hints::POD_REMOVED, node, peers: Some(peers) });
        }
        self.cluster.remove_pod(pod);
    }

    /// The next decision, if a pod waits for one at this time. `now` is a clock that only moves on.
    pub fn next(&mut self, now: Duration) -> Option<Decision> {
        if let Some(decision) = self.outbox.pop_front() {
            return Some(decision);
        }
        let pod = self.pending.pop(now)?;
        if self.decide_together(pod, now) {
            return self.outbox.pop_front();
        }
        Some(match self.search.find(&mut self.cluster, pod) {
            Ok(node) => self.assume(pod, node),
            Err(misfit) => self.put_off(pod, &misfit, now),
        })
    }

    /// No node would have a pod: room is made for it, if that is right, and it waits.
    fn put_off(&mut self, pod: u32, misfit: &Misfit, now: Duration) -> Decision {
        let mut message = decision::say(misfit, &self.search.refusals);
        let mut decision = self.decision(pod, Verdict::Unschedulable { message: String::new() });
        if misfit.nodes > 0 {
            match self.find_victims(pod, misfit) {
                Ok(cost) => decision.preemption = Some(self.preempt(pod, cost)),
                Err(why) => {
                    message = format!("{message} {why}");
                    decision.gives_up = self.gives_up(pod, misfit);
                }
            }
        }
        let one = &self.cluster.pods[pod];
        let refused_by = misfit.refused_by;
        self.pending.park(pod, Sort { shape: one.shape, peers: one.peers, refused_by }, now);
        decision.verdict = Verdict::Unschedulable { message };
        decision
    }

    /// Whether no room is made for a pod any more for which it was.
    fn gives_up(&mut self, pod: u32, misfit: &Misfit) -> bool {
        let Some(node) = self.cluster.pods[pod].nominated else { return false };
        let is_going = |other: &u32| self.cluster.pods[*other].is_going();
        let waits =
            misfit.passing.contains(&node) && self.cluster.nodes[node].pods.iter().any(is_going);
        if !waits {
            self.cluster.nominate(pod, None);
        }
        !waits
    }

    fn preempt(&mut self, pod: u32, cost: preemption::Cost) -> Preemption {
        let cluster = &mut self.cluster;
        let name = cluster.nodes[cost.node].name.clone();
        let priority = cluster.pods[pod].priority;
        let nominated = cluster.nodes[cost.node].nominated.clone();
        let lower = nominated.into_iter().filter(|other| cluster.pods[*other].priority < priority);
        let displaced: Vec<u32> = lower.filter(|other| *other != pod).collect();
        for other in &displaced {
            cluster.nominate(*other, None);
            self.pending.wake(*other);
        }
        for victim in &cost.victims {
            cluster.pods[*victim].is_victim = true;
        }
        let entry = |at: &u32| cluster.pods[*at].entry.clone();
        let victims: Vec<Arc<Entry>> = cost.victims.iter().map(entry).collect();
        let displaced = displaced.iter().map(entry).collect();
        cluster.pods[pod].victims = victims.iter().map(|victim| victim.key.clone()).collect();
        cluster.nominate(pod, Some(&name));
        Preemption { node: name, victims, displaced }
    }

    fn decision(&self, pod: u32, verdict: Verdict) -> Decision {
        let one = &self.cluster.pods[pod];
        Decision {
            pod: one.entry.clone(),
            verdict,
            preemption: None,
            gives_up: false,
            source: one.profile.name,
        }
    }

    fn assume(&mut self, pod: u32, node: u32) -> Decision {
        self.cluster.put(pod, Place::Assumed(node));
        let peers = Some(self.cluster.pods[pod].peers);
        self.hear(&Happening { sorts: hints::POD_PLACED, node: Some(node), peers });
        let node = self.cluster.nodes[node].name.clone();
        self.decision(pod, Verdict::Bind { node })
    }

    /// When the next decision is due, if nothing changes before.
    pub fn wake_at(&self) -> Option<Duration> {
        if self.outbox.is_empty() { self.pending.wake_at() } else { Some(Duration::ZERO) }
    }

    /// The write of a decision failed: the pod waits again, unless the world knows better.
    pub fn refused(&mut self, pod: &Key, _: Duration) {
        let Some(pod) = self.cluster.find_pod(pod) else { return };
        match self.cluster.pods[pod].place {
            Place::Assumed(node) => {
                let peers = Some(self.cluster.pods[pod].peers);
                self.cluster.put(pod, Place::Nowhere);
                self.pending.retry(pod);
                self.hear(&Happening { sorts: hints::POD_REMOVED, node: Some(node), peers });
            }
            // What was refused is the note that no node would have it: that comes again.
            Place::Nowhere => {
                self.spare_victims(pod);
                self.pending.wake(pod);
            }
            Place::On(_) => {}
        }
    }
}

impl Scheduler {
    /// It is not known any more whether those go that were asked to for the sake of a pod.
    fn spare_victims(&mut self, pod: u32) {
        for victim in std::mem::take(&mut self.cluster.pods[pod].victims) {
            if let Some(victim) = self.cluster.find_pod(&victim) {
                self.cluster.pods[victim].is_victim = false;
            }
        }
    }
}

/// The kinds that decisions depend on, those first that others are counted by.
const KINDS: &[&str] = &[
    "namespaces",
    "nodes",
    crate::storage::CLASSES,
    crate::storage::VOLUMES,
    crate::storage::CLAIMS,
    BUDGETS,
    "pods",
];

/// Whether a pod takes room of a node, or may wait for some.
fn is_of_interest(pod: &Entry) -> bool {
    let is_deleting = pod.meta.is_deleting();
    pod.pod().is_some_and(|pod| !(pod.is_finished() || is_deleting && pod.node.is_empty()))
}

#[cfg(test)]
mod tests;

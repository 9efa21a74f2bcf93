//! Gives pods their nodes: one structure that follows the changes of pods and nodes.
//!
//! What it decided counts as done (assumed) until the world shows it or the write was refused, so
//! that the next decision does not give the same room away twice.

mod filters;
mod node;
mod pending;
mod pod;
mod scores;
mod volumes;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use object::Key;
use serde_json::{Value, json};

use crate::{Action, Change, Entry, Event, Severity, conditions};
pub(crate) use filters::{is_in, is_selected};
use node::{Node, Usage};
use pending::Pending;
use pod::Pod;
use volumes::Volumes;

/// Events name it as their source.
const NAME: &str = "default-scheduler";

#[derive(Default)]
pub struct Scheduler {
    nodes: BTreeMap<Arc<str>, Node>,
    /// What pods take of each node, of nodes that are not there (yet), too.
    usage: BTreeMap<Arc<str>, Usage>,
    /// Pods that were given a node by us and are not seen with it yet.
    assumed: BTreeMap<Key, Assumed>,
    pending: Pending,
    volumes: Volumes,
}

struct Assumed {
    node: Arc<str>,
    /// As it was decided about, which is what is accounted for.
    pod: Arc<Entry>,
    latest: Arc<Entry>,
}

/// What was decided about one pod.
pub struct Decision {
    pub pod: Arc<Entry>,
    pub verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Bind {
        node: Arc<str>,
    },
    /// Why no node would have it.
    Unschedulable {
        message: String,
    },
}

impl Scheduler {
    /// Takes a change of a pod or node in; others do not concern it.
    pub fn apply(&mut self, change: &Change) {
        match &*change.key.kind {
            "pods" => self.apply_pod(change),
            "nodes" => self.apply_node(change),
            kind if self.volumes.apply(kind, change) => self.pending.wake(),
            _ => {}
        }
    }

    fn apply_node(&mut self, change: &Change) {
        let name = &change.key.name;
        match change.new.as_ref().and_then(|entry| Node::of(entry)) {
            Some(node) => {
                let same = self.nodes.get(name).is_some_and(|old| *old == node);
                self.nodes.insert(name.clone(), node);
                if !same {
                    self.pending.wake();
                }
            }
            None => drop(self.nodes.remove(name)),
        }
    }

    fn apply_pod(&mut self, change: &Change) {
        if let Some(old) = change.old.as_ref().filter(|old| takes_room(old)) {
            self.take(old, &old_node(old), false);
        }
        // An assumed pod is shown bound, or another pod stands in its place.
        if let Some(assumed) = self.assumed.get_mut(&change.key) {
            match &change.new {
                Some(new) if new.meta.uid == assumed.pod.meta.uid && !is_settled(new) => {
                    assumed.latest = new.clone();
                    return;
                }
                _ => {
                    self.forget(&change.key);
                    self.pending.remove(&change.key);
                }
            }
        }
        if let Some(new) = change.new.as_ref().filter(|new| takes_room(new)) {
            self.take(new, &old_node(new), true);
        }
        let freed = change.old.as_ref().is_some_and(|old| takes_room(old))
            && change.new.as_ref().is_none_or(|new| !takes_room(new));
        if freed {
            self.pending.wake();
        }
        match change.new.as_ref().and_then(Pod::pending) {
            Some(pod) => self.pending.set(pod),
            None => self.pending.remove(&change.key),
        }
    }

    fn take(&mut self, pod: &Arc<Entry>, node: &Arc<str>, adds: bool) {
        let usage = self.usage.entry(node.clone()).or_default();
        usage.take(pod, adds);
        if usage.is_empty() {
            self.usage.remove(node);
        }
    }

    /// Gives back what an assumed pod took; its latest state.
    fn forget(&mut self, pod: &Key) -> Option<Arc<Entry>> {
        let assumed = self.assumed.remove(pod)?;
        self.take(&assumed.pod, &assumed.node, false);
        Some(assumed.latest)
    }

    /// The next decision, if a pod waits for one at this time. `now` is a clock that only moves on.
    pub fn next(&mut self, now: Duration) -> Option<Decision> {
        let pod = self.pending.pop(now)?;
        let entry = pod.entry.clone();
        let verdict = self.place(&pod);
        match &verdict {
            Verdict::Bind { node } => {
                self.take(&entry, node, true);
                let (pod, latest) = (entry.clone(), entry.clone());
                let assumed = Assumed { node: node.clone(), pod, latest };
                self.assumed.insert(entry.key.clone(), assumed);
            }
            Verdict::Unschedulable { .. } => self.pending.park(pod, now),
        }
        Some(Decision { pod: entry, verdict })
    }

    /// When the next decision is due, if nothing changes before.
    pub fn wake_at(&self) -> Option<Duration> {
        self.pending.wake_at()
    }

    /// The write of a decision failed: the pod waits again, unless the world knows better.
    pub fn refused(&mut self, pod: &Key, now: Duration) {
        match self.forget(pod) {
            Some(latest) => {
                if let Some(pod) = Pod::pending(&latest) {
                    self.pending.retry(pod, now);
                }
            }
            // What was refused is the note that no node would have it: that comes again.
            None => self.pending.wake_one(pod),
        }
    }

    fn place(&self, pod: &Pod) -> Verdict {
        let empty = Usage::default();
        let places = match self.volumes.places(&pod.entry) {
            Ok(places) => places,
            Err(message) => {
                let message = format!("0/{} nodes are available: {message}.", self.nodes.len());
                return Verdict::Unschedulable { message };
            }
        };
        let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
        let mut fitting = Vec::new();
        for (name, node) in &self.nodes {
            let usage = self.usage.get(name).unwrap_or(&empty);
            let verdict = places.check(node).and_then(|()| filters::check(pod, node, usage));
            match verdict {
                Ok(()) => fitting.push((node, usage)),
                Err(reasons) => {
                    reasons.into_iter().for_each(|why| *refusals.entry(why).or_insert(0) += 1);
                }
            }
        }
        match scores::best(pod, &fitting) {
            Some(node) => Verdict::Bind { node: node.name.clone() },
            None => Verdict::Unschedulable { message: refusal(self.nodes.len(), &refusals) },
        }
    }
}

/// `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.`
fn refusal(nodes: usize, reasons: &BTreeMap<String, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut listed: Vec<String> =
        reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
    listed.sort();
    format!("0/{nodes} nodes are available: {}.", listed.join(", "))
}

fn old_node(pod: &Entry) -> Arc<str> {
    pod.pod().map(|pod| pod.node.clone()).unwrap_or_default()
}

/// Whether a pod stands on a node and its containers have not ended.
fn takes_room(pod: &Entry) -> bool {
    pod.pod().is_some_and(|pod| !pod.node.is_empty() && !pod.is_finished())
}

fn is_settled(pod: &Entry) -> bool {
    pod.meta.is_deleting() || pod.pod().is_none_or(|pod| !pod.node.is_empty() || pod.is_finished())
}

impl Decision {
    /// What carries the decision out.
    pub fn actions(&self, now: Timestamp) -> Vec<Action> {
        let pod = &self.pod;
        match &self.verdict {
            Verdict::Bind { node } => {
                let message = format!(
                    "Successfully assigned {}/{} to {node}",
                    pod.key.namespace, pod.key.name
                );
                vec![
                    Action::Bind {
                        pod: pod.key.clone(),
                        uid: pod.meta.uid.clone(),
                        node: node.to_string(),
                    },
                    record(pod, Severity::Normal, "Scheduled", message),
                ]
            }
            Verdict::Unschedulable { message } => unschedulable(pod, message, now)
                .into_iter()
                .chain([record(pod, Severity::Warning, "FailedScheduling", message.clone())])
                .collect(),
        }
    }
}

/// Says in the pod's status why it has no node, if that is news.
fn unschedulable(pod: &Entry, message: &str, now: Timestamp) -> Option<Action> {
    let object: Value = serde_json::from_slice(&pod.body).ok()?;
    let mut all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let at = all.iter().position(|condition| condition["type"] == "PodScheduled");
    let old = at.map(|at| all.remove(at)).unwrap_or_default();
    let was_false = old["status"] == "False";
    if was_false && old["reason"] == "Unschedulable" && old["message"] == message {
        return None;
    }
    let since = if was_false { old["lastTransitionTime"].clone() } else { Value::Null };
    let since = if since.is_null() { json!(conditions::time(now)) } else { since };
    all.push(json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": message, "lastProbeTime": null, "lastTransitionTime": since,
    }));
    let patch = json!({
        "metadata": {"uid": pod.meta.uid, "resourceVersion": pod.revision.to_string()},
        "status": {"conditions": all},
    });
    Some(Action::Patch { key: pod.key.clone(), subresource: "status", patch })
}

fn record(pod: &Entry, severity: Severity, reason: &'static str, message: String) -> Action {
    Action::Record(Event {
        regarding: pod.key.clone(),
        regarding_uid: pod.meta.uid.clone(),
        severity,
        reason,
        message,
        source: NAME,
    })
}

#[cfg(test)]
mod tests;

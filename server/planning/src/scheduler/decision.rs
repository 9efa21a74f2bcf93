//! What was decided, in words and as actions.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{attempt::Misfit, filters::Refusals};
use crate::{Action, Entry, Event, Severity, conditions};

/// What was decided about one pod.
pub struct Decision {
    pub pod: Arc<Entry>,
    pub verdict: Verdict,
    /// Room that is made for the pod.
    pub preemption: Option<Preemption>,
    /// Whether no room is made for it any more.
    pub(super) gives_up: bool,
    /// The name of the profile that decided.
    pub(super) source: &'static str,
}

/// Pods that go for the sake of a more important one.
pub struct Preemption {
    pub node: Arc<str>,
    pub victims: Vec<Arc<Entry>>,
    /// Less important pods for which room was being made there: it is not theirs any more.
    pub(super) displaced: Vec<Arc<Entry>>,
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

/// `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.`
pub(super) fn say(misfit: &Misfit, refusals: &Refusals) -> String {
    let nodes = misfit.nodes;
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    if let Some(unready) = &misfit.unready {
        return format!("0/{nodes} nodes are available: {}.", unready.why);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (refusal, count) in &misfit.counts {
        for reason in &refusals.get(*refusal).reasons {
            *counts.entry(reason).or_insert(0) += count;
        }
    }
    list(nodes, &counts)
}

pub(super) fn list(nodes: usize, counts: &BTreeMap<&str, usize>) -> String {
    let mut listed: Vec<String> =
        counts.iter().map(|(why, count)| format!("{count} {why}")).collect();
    listed.sort();
    format!("0/{nodes} nodes are available: {}.", listed.join(", "))
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
                    self.record(pod, Severity::Normal, "Scheduled", message),
                ]
            }
            Verdict::Unschedulable { message } => {
                let mut actions: Vec<Action> = self.note(message, now).into_iter().collect();
                actions.extend(self.preemption.iter().flat_map(|one| self.preempt(one, now)));
                let message = message.clone();
                actions.push(self.record(pod, Severity::Warning, "FailedScheduling", message));
                actions
            }
        }
    }

    fn preempt(&self, preemption: &Preemption, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        for displaced in &preemption.displaced {
            let patch = json!({
                "metadata": {"uid": displaced.meta.uid},
                "status": {"nominatedNodeName": null},
            });
            let key = displaced.key.clone();
            actions.push(Action::Patch { key, subresource: "status", patch });
        }
        for victim in preemption.victims.iter().filter(|victim| !victim.meta.is_deleting()) {
            let message =
                format!("{}: preempting to accommodate a higher priority pod", self.source);
            let condition = json!({"type": "DisruptionTarget", "status": "True",
                "reason": "PreemptionByScheduler", "message": message});
            let status =
                with_condition(victim, condition, now).map(|all| json!({"conditions": all}));
            actions.extend(status.map(|status| patch_status(victim, status)));
            actions.push(Action::Delete {
                key: victim.key.clone(),
                uid: victim.meta.uid.clone(),
                propagation: None,
                grace_seconds: None,
            });
            let (by, node) = (&self.pod.meta.uid, &preemption.node);
            let message = format!("Preempted by pod {by} on node {node}");
            actions.push(self.record(victim, Severity::Normal, "Preempted", message));
        }
        actions
    }

    /// Says in the pod's status why it has no node and where room is made for it, if that is news.
    fn note(&self, message: &str, now: Timestamp) -> Option<Action> {
        let condition = json!({"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": message, "lastProbeTime": null});
        let mut status = json!({});
        if let Some(all) = with_condition(&self.pod, condition, now) {
            status["conditions"] = all.into();
        }
        if let Some(preemption) = &self.preemption {
            status["nominatedNodeName"] = (*preemption.node).into();
        } else if self.gives_up {
            status["nominatedNodeName"] = Value::Null;
        }
        let is_news = status.as_object().is_some_and(|status| !status.is_empty());
        is_news.then(|| patch_status(&self.pod, status))
    }

    fn record(
        &self,
        pod: &Entry,
        severity: Severity,
        reason: &'static str,
        message: String,
    ) -> Action {
        Action::Record(Event {
            regarding: pod.key.clone(),
            regarding_uid: pod.meta.uid.clone(),
            severity,
            reason,
            message,
            source: self.source,
        })
    }
}

fn patch_status(pod: &Entry, status: Value) -> Action {
    let patch = json!({
        "metadata": {"uid": pod.meta.uid, "resourceVersion": pod.revision.to_string()},
        "status": status,
    });
    Action::Patch { key: pod.key.clone(), subresource: "status", patch }
}

/// The pod's conditions with one that is set, if that is news.
fn with_condition(pod: &Entry, mut condition: Value, now: Timestamp) -> Option<Vec<Value>> {
    let object: Value = serde_json::from_slice(&pod.body).ok()?;
    let mut all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let at = all.iter().position(|other| other["type"] == condition["type"]);
    let old = at.map(|at| all.remove(at)).unwrap_or_default();
    let is_as_before = |name: &str| old[name] == condition[name];
    if ["status", "reason", "message"].into_iter().all(is_as_before) {
        return None;
    }
    let since =
        if is_as_before("status") { old["lastTransitionTime"].clone() } else { Value::Null };
    let since = if since.is_null() { json!(conditions::time(now)) } else { since };
    condition["lastTransitionTime"] = since;
    all.push(condition);
    Some(all)
}

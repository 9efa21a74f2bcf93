//! Deletes the pods that do not bear a node's `NoExecute` taints, each after the time that it
//! tolerates them.
//!
//! **What is chosen for a node that is silent:** once its pods' time is over they are deleted, and
//! then removed by force, as nobody is there to end them. Controllers replace them at once. If the
//! node is only cut off, its containers run on until it is back and learns that its pods are gone:
//! for that time a pod may run twice. Whoever must exclude that gives the pod a toleration without
//! a time, and it stays until its node returns or is removed. Pods of StatefulSets are told to go,
//! but never forced: they have no successor until their node is back, removed or said to be out of
//! service. While no node at all is ready nothing
//! is evicted: then the fault is more likely here than with all of them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Taint, Toleration};
use object::Key;
use serde_json::{Value, json};

use super::node_lifecycle::{NODES, PODS, pods_node};
use crate::{
    Action, Change, Controller, Entry, Event, Plan, Round, Severity, World,
    controllers::stateful_set, taints,
};

pub const CONTROLLER: Controller =
    Controller { name: "taint-eviction-controller", watches: &[NODES, PODS], keys_for, plan };

/// For pods that say nothing of silent and unready nodes; the API writes it on those that it
/// creates.
const PATIENCE_DEFAULT: Duration = Duration::from_secs(30);

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == PODS {
        let node = pods_node(change).filter(|key| {
            // Only a node that is tainted, which one that is not ready may be.
            world.entry(key).is_some_and(|node| !evicting_taints(node).is_empty())
        });
        return node.into_iter().collect();
    }
    // The first node that is ready again ends the time in which nothing is evicted.
    let became_ready = is_ready(change.new.as_ref()) && !is_ready(change.old.as_ref());
    if became_ready {
        return world.of_kind(NODES).map(|node| node.key.clone()).collect();
    }
    vec![change.key.clone()]
}

fn is_ready(node: Option<&Arc<Entry>>) -> bool {
    node.and_then(|node| node.node()).is_some_and(|node| node.is_ready)
}

fn evicting_taints(node: &Entry) -> Vec<Taint> {
    // Cheap for the many nodes without taints.
    if !node.body.windows(taints::NO_EXECUTE.len()).any(|w| w == taints::NO_EXECUTE.as_bytes()) {
        return Vec::new();
    }
    let spec = node.decode::<kinds::node::Node>().and_then(|node| node.spec);
    let taints = spec.and_then(|spec| spec.taints).unwrap_or_default();
    taints.into_iter().filter(|taint| taint.effect == taints::NO_EXECUTE).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(node) = round.world.entry(round.key) else { return Plan::default() };
    let taints = evicting_taints(node);
    if taints.is_empty() || !round.world.of_kind(NODES).any(|node| is_ready(Some(node))) {
        return Plan::default();
    }
    let since = noticed(round, &taints);
    let silent_for = taints
        .iter()
        .find(|taint| taint.key == taints::UNREACHABLE)
        .map(|taint| age(round, taint, &since));
    let mut plan = Plan { memory: since.clone(), ..Plan::default() };
    for pod in round.world.with_field(PODS, "spec.nodeName", &node.key.name) {
        match left(round, pod, &taints, &since) {
            _ if pod.pod().is_none_or(crate::world::PodSummary::is_finished) => {}
            Some(left) if left.is_zero() && !pod.meta.is_deleting() => {
                plan.actions.extend(evict(pod));
            }
            Some(left) if !left.is_zero() && !pod.meta.is_deleting() => {
                plan.requeue_after = plan.requeue_after.into_iter().chain([left]).min();
            }
            _ if !pod.meta.is_deleting() => {}
            // It may still run, and its identity must not run twice.
            _ if has_identity(pod) => {}
            _ => {
                let Some(silent_for) = silent_for else { continue };
                let left = PATIENCE_DEFAULT.saturating_sub(silent_for);
                if left.is_zero() {
                    plan.actions.push(delete(pod, Some(0)));
                } else {
                    plan.requeue_after = plan.requeue_after.into_iter().chain([left]).min();
                }
            }
        }
    }
    plan
}

/// Whether a pod has a name and volumes for which a StatefulSet makes another: also when the set has
/// given it up meanwhile, because of its labels.
fn has_identity(pod: &Entry) -> bool {
    pod.meta.controller().is_some_and(|owner| owner.kind == "StatefulSet")
        || pod.meta.labels.contains_key(stateful_set::NAME_LABEL)
}

/// Since when taints are there, as far as this engine saw: some do not say it, and what others say
/// is worth little once the clock was set back.
fn noticed(round: &Round<'_>, taints: &[Taint]) -> Value {
    let mut since = json!({});
    for taint in taints {
        let known = round.memory.get(&taint.key).cloned();
        since[&taint.key] = known.unwrap_or_else(|| round.steady.to_string().into());
    }
    since
}

/// For how long a taint is there.
fn age(round: &Round<'_>, taint: &Taint, noticed: &Value) -> Duration {
    let added = taint.time_added.as_ref().map(|time| round.now.duration_since(time.0));
    let seen: Option<Timestamp> = noticed[&taint.key].as_str().and_then(|text| text.parse().ok());
    let seen = seen.map(|seen| round.steady.duration_since(seen));
    let age = added.into_iter().chain(seen).max().unwrap_or_default();
    Duration::try_from(age).unwrap_or_default()
}

/// How long a pod may stay; `None`: as long as it likes.
fn left(round: &Round<'_>, pod: &Entry, taints: &[Taint], noticed: &Value) -> Option<Duration> {
    let spec = pod.decode::<kinds::pod::Pod>()?.spec?;
    let tolerations = spec.tolerations.unwrap_or_default();
    let patience = |taint: &Taint| -> Option<Duration> {
        let toleration: Option<&Toleration> = taints::tolerated_by(taint, &tolerations);
        let patience = match toleration.map(|toleration| toleration.toleration_seconds) {
            Some(None) => return None,
            Some(Some(seconds)) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
            None if matches!(&*taint.key, taints::NOT_READY | taints::UNREACHABLE) => {
                PATIENCE_DEFAULT
            }
            None => Duration::ZERO,
        };
        Some(patience.saturating_sub(age(round, taint, noticed)))
    };
    taints.iter().filter_map(patience).min()
}

fn evict(pod: &Entry) -> [Action; 2] {
    let key = &pod.key;
    let record = Action::Record(Event {
        regarding: key.clone(),
        regarding_uid: pod.meta.uid.clone(),
        severity: Severity::Normal,
        reason: "TaintManagerEviction",
        message: format!("Marking for deletion Pod {}/{}", key.namespace, key.name),
        source: CONTROLLER.name,
    });
    [record, delete(pod, None)]
}

fn delete(pod: &Entry, grace_seconds: Option<i64>) -> Action {
    Action::Delete {
        key: pod.key.clone(),
        uid: pod.meta.uid.clone(),
        propagation: Some("Background"),
        grace_seconds,
    }
}

#[cfg(test)]
mod tests;

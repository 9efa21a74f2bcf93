//! How silence shows: conditions and taints of the node, readiness of its pods.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use serde_json::{Value, json};

use super::{CONTROLLER, PODS, zones::Pace};
use crate::{Action, Entry, Event, Round, Severity, conditions, taints};

const READY: &str = "Ready";
/// What nobody knows of a silent node.
const UNKNOWN: [&str; 4] = [READY, "MemoryPressure", "DiskPressure", "PIDPressure"];
pub(super) const OURS: [&str; 2] = [taints::NOT_READY, taints::UNREACHABLE];

pub(super) fn mark_node(
    round: &Round<'_>,
    entry: &Entry,
    node: &Node,
    is_silent: bool,
    pace: Pace,
) -> (Vec<Action>, Option<Duration>) {
    let mut node = node.clone();
    let news = is_silent && make_unknown(round, &mut node);
    let taints_before = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let (taints, wait) = taints_now(round, &node, is_silent, &taints_before, pace);
    let mut actions = Vec::new();
    if taints != taints_before {
        let patch = json!({
            "metadata": {"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string()},
            "spec": {"taints": if taints.is_empty() { Value::Null } else { json!(taints) }},
        });
        actions.push(Action::Patch { key: entry.key.clone(), subresource: "", patch });
    }
    if news {
        actions.push(Action::Record(Event {
            regarding: entry.key.clone(),
            regarding_uid: entry.meta.uid.clone(),
            severity: Severity::Normal,
            reason: "NodeNotReady",
            message: format!("Node {} status is now: NodeNotReady", entry.key.name),
            source: CONTROLLER.name,
        }));
        actions.push(Action::SetStatus { key: entry.key.clone(), body: json!(node) });
    }
    (actions, wait)
}

/// Sets the conditions of a silent node; says whether that changed one.
fn make_unknown(round: &Round<'_>, node: &mut Node) -> bool {
    let all = node.status.get_or_insert_default().conditions.get_or_insert_default();
    let mut changed = false;
    for type_ in UNKNOWN {
        let at = all.iter().position(|condition| condition.type_ == type_);
        let (reason, message) = match at {
            Some(_) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            None => ("NodeStatusNeverUpdated", "Kubelet never posted node status."),
        };
        if at.is_some_and(|at| all[at].status == "Unknown") {
            continue;
        }
        changed = true;
        let old = at.map(|at| all.remove(at));
        let condition = NodeCondition {
            type_: type_.to_owned(),
            status: "Unknown".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: old.and_then(|old| old.last_heartbeat_time),
            last_transition_time: Some(conditions::time(round.now)),
        };
        all.insert(at.unwrap_or(all.len()), condition);
    }
    changed
}

/// The node's taints: others' as they are, ours as its state and its zone's demand; and when to look
/// again at a pace that does not allow them all yet.
fn taints_now(
    round: &Round<'_>,
    node: &Node,
    is_silent: bool,
    before: &[Taint],
    pace: Pace,
) -> (Vec<Taint>, Option<Duration>) {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == READY);
    let key = match ready.map(|condition| condition.status.as_str()) {
        _ if is_silent => Some(taints::UNREACHABLE),
        Some("True") => None,
        // It answers again, but has not said how it is.
        Some("Unknown") => Some(taints::UNREACHABLE),
        _ => Some(taints::NOT_READY),
    };
    let mut taints: Vec<Taint> = before
        .iter()
        .filter(|taint| !OURS.contains(&taint.key.as_str()) || Some(taint.key.as_str()) == key)
        .cloned()
        .collect();
    let Some(key) = key else { return (taints, None) };
    let is_evicting =
        |taint: &Taint| taint.effect == taints::NO_EXECUTE && OURS.contains(&taint.key.as_str());
    let was_given_up = before.iter().any(is_evicting);
    if pace == Pace::Recall {
        taints.retain(|taint| !is_evicting(taint));
    }
    let (evicts, wait) = match pace {
        Pace::Now => (true, None),
        Pace::Recall => (false, None),
        _ if was_given_up => (true, None),
        Pace::After(wait) => (false, Some(wait)),
        Pace::Never => (false, None),
    };
    let effects = [Some(taints::NO_SCHEDULE), Some(taints::NO_EXECUTE).filter(|_| evicts)];
    for effect in effects.into_iter().flatten() {
        if !taints.iter().any(|taint| taint.key == key && taint.effect == effect) {
            let time_added = Some(conditions::time(round.now));
            taints.push(Taint { time_added, ..taints::taint(key, effect) });
        }
    }
    (taints, wait)
}

/// Pods of a silent node are not ready, whatever they last said.
pub(super) fn mark_pods(round: &Round<'_>, node: &Entry) -> Vec<Action> {
    round
        .world
        .with_field(PODS, "spec.nodeName", &node.key.name)
        .filter(|entry| entry.pod().is_some_and(|pod| pod.is_ready() && !pod.is_finished()))
        .filter_map(|pod| mark_pod(round, pod))
        .collect()
}

fn mark_pod(round: &Round<'_>, pod: &Entry) -> Option<Action> {
    let object: Value = serde_json::from_slice(&pod.body).ok()?;
    let mut all = object["status"]["conditions"].as_array()?.clone();
    let ready = all.iter_mut().find(|condition| condition["type"] == READY)?;
    ready["status"] = "False".into();
    ready["reason"] = "NodeNotReady".into();
    ready["lastTransitionTime"] = json!(conditions::time(round.now));
    let patch = json!({
        "metadata": {"uid": pod.meta.uid, "resourceVersion": pod.revision.to_string()},
        "status": {"conditions": all},
    });
    Some(Action::Patch { key: pod.key.clone(), subresource: "status", patch })
}

//! The conditions of a pod that its node reports.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, Pod, PodCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::containers::spec;

/// A condition's status, reason and message.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Finding {
    fn plain(holds: bool) -> Self {
        Self { holds, reason: None, message: None }
    }

    fn not(reason: &'static str, message: Option<String>) -> Self {
        Self { holds: false, reason: Some(reason), message }
    }
}

/// What the conditions are derived from.
pub(super) struct Facts<'a> {
    pub(super) pod: &'a Pod,
    pub(super) phase: &'a str,
    pub(super) sandbox_ready: bool,
    pub(super) initialized: bool,
    pub(super) init: &'a [ContainerStatus],
    pub(super) apps: &'a [ContainerStatus],
    pub(super) now: Timestamp,
}

/// The node's conditions, behind those that others set, which stay as they are.
pub(super) fn conditions(facts: &Facts<'_>) -> Vec<PodCondition> {
    let before = facts.pod.status.as_ref().and_then(|status| status.conditions.clone());
    let before = before.unwrap_or_default();
    let containers_ready = containers_ready(facts);
    let ready = ready(facts, &containers_ready, &before);
    let found = [
        ("PodReadyToStartContainers", Finding::plain(facts.sandbox_ready)),
        ("Initialized", initialized(facts)),
        ("Ready", ready),
        ("ContainersReady", containers_ready),
        ("PodScheduled", Finding::plain(true)),
    ];
    let is_ours = |c: &PodCondition| found.iter().any(|(name, _)| *name == c.type_);
    let mut conditions: Vec<_> = before.iter().filter(|c| !is_ours(c)).cloned().collect();
    for (name, finding) in found {
        let old = before.iter().find(|c| c.type_ == name);
        conditions.push(condition(facts, name, finding, old));
    }
    conditions
}

fn condition(
    facts: &Facts<'_>,
    name: &str,
    finding: Finding,
    old: Option<&PodCondition>,
) -> PodCondition {
    let status = if finding.holds { "True" } else { "False" };
    let since =
        old.filter(|old| old.status == status).and_then(|old| old.last_transition_time.clone());
    PodCondition {
        type_: name.to_owned(),
        status: status.to_owned(),
        reason: finding.reason.map(str::to_owned),
        message: finding.message,
        last_transition_time: Some(since.unwrap_or(Time(facts.now))),
        last_probe_time: None,
        observed_generation: facts.pod.metadata.generation,
    }
}

fn initialized(facts: &Facts<'_>) -> Finding {
    if facts.initialized {
        let reason = (facts.phase == "Succeeded").then_some("PodCompleted");
        return Finding { holds: true, reason, message: None };
    }
    let waiting = facts.init.iter().filter(|status| !status.ready && status.started != Some(true));
    let message = format!("containers with incomplete status: [{}]", names(waiting));
    Finding::not("ContainersNotInitialized", Some(message))
}

fn containers_ready(facts: &Facts<'_>) -> Finding {
    match facts.phase {
        "Succeeded" => return Finding::not("PodCompleted", None),
        "Failed" => return Finding::not("PodFailed", None),
        _ => {}
    }
    let sidecars = facts.init.iter().filter(|status| is_sidecar(facts.pod, &status.name));
    let unready: Vec<_> = sidecars.chain(facts.apps).filter(|status| !status.ready).collect();
    if unready.is_empty() {
        return Finding::plain(true);
    }
    let message = format!("containers with unready status: [{}]", names(unready.into_iter()));
    Finding::not("ContainersNotReady", Some(message))
}

fn ready(facts: &Facts<'_>, containers: &Finding, conditions: &[PodCondition]) -> Finding {
    if !containers.holds {
        return containers.clone();
    }
    let gates = spec(facts.pod).readiness_gates.iter().flatten();
    let problems: Vec<String> = gates
        .filter_map(|gate| {
            let gate = &gate.condition_type;
            match conditions.iter().find(|c| c.type_ == *gate).map(|c| c.status.as_str()) {
                Some("True") => None,
                Some(_) => Some(format!(
                    "the status of pod readiness gate \"{gate}\" is not \"True\", but False"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{gate}\" does not exist."
                )),
            }
        })
        .collect();
    if problems.is_empty() {
        return Finding::plain(true);
    }
    Finding::not("ReadinessGatesNotReady", Some(problems.join(", ")))
}

fn is_sidecar(pod: &Pod, name: &str) -> bool {
    spec(pod)
        .init_containers
        .iter()
        .flatten()
        .any(|c| c.name == name && super::containers::init_role(c) == super::Role::Sidecar)
}

fn names<'a>(statuses: impl Iterator<Item = &'a ContainerStatus>) -> String {
    statuses.map(|status| status.name.as_str()).collect::<Vec<_>>().join(" ")
}

//! Ends containers: with their grace, in order, and never while services still send traffic.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container as Declared, Probe};

use super::{
    Container, Endpoint, NodePlan, Role, Step, Why,
    containers::{containers, spec},
    plan::Scene,
};

/// How long a container goes on after its pod left the ready endpoints, so that every host has
/// heard of it.
const DRAIN: SignedDuration = SignedDuration::from_secs(1);
/// What a container gets between the end of its grace, used up by a hook, and SIGKILL.
const GRACE_AFTER_HOOK_S: i64 = 2;
/// A kill that had no effect is repeated.
const KILL_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// A deleted pod: drains, stops, cleans up, and lets the object go.
pub(super) fn delete(scene: &Scene<'_>, plan: &mut NodePlan) {
    if scene.observed.running().next().is_some() {
        match drained_at(scene) {
            Some(at) if at > scene.now => plan.wait_until(at),
            _ => stop_in_order(scene, Why::Deleted, plan),
        }
    } else if scene.notes.torn_down {
        plan.steps.push(Step::DeletePod);
    } else {
        plan.steps.push(Step::TearDown);
    }
}

/// A pod that has come to its end: stops what is left, keeps the exited containers for their logs.
pub(super) fn finish(scene: &Scene<'_>, plan: &mut NodePlan) {
    if scene.observed.running().next().is_some() {
        return stop_in_order(scene, Why::PodFinished, plan);
    }
    for sandbox in &scene.observed.sandboxes {
        plan.steps.push(Step::RemoveSandbox { sandbox: sandbox.id.clone() });
    }
}

/// When SIGTERM may be sent: once the pod has been out of the ready endpoints for a moment, bounded
/// by its grace period. `None`: at once.
fn drained_at(scene: &Scene<'_>) -> Option<Timestamp> {
    let grace = SignedDuration::from_secs(pod_grace_s(scene));
    let latest = scene.notes.deletion_seen? + grace;
    match scene.notes.endpoint {
        Endpoint::Absent => None,
        Endpoint::Ready => Some(latest),
        Endpoint::Left(at) => Some((at + DRAIN).min(latest)),
    }
}

/// Apps and init containers first and together, then sidecars, the last one first.
fn stop_in_order(scene: &Scene<'_>, why: Why, plan: &mut NodePlan) {
    let declared = containers(spec(scene.pod));
    let role =
        |c: &Container| declared.iter().find(|(_, d)| d.name == c.name).map(|(role, _)| *role);
    let is_sidecar = |c: &&Container| role(c) == Some(Role::Sidecar);
    let mut others = scene.observed.running().filter(|c| !is_sidecar(c)).peekable();
    if others.peek().is_some() {
        for container in others {
            stop(scene, container, why, plan);
        }
        return;
    }
    let position = |c: &&Container| declared.iter().position(|(_, d)| d.name == c.name);
    if let Some(last) = scene.observed.running().filter(is_sidecar).max_by_key(position) {
        stop(scene, last, why, plan);
    }
}

/// Signals a container, and kills it when its grace is over.
pub(super) fn stop(scene: &Scene<'_>, container: &Container, why: Why, plan: &mut NodePlan) {
    let declared = containers(spec(scene.pod));
    let declared = declared.iter().find(|(_, c)| c.name == container.name).map(|(_, c)| c);
    let grace_s = grace_s(scene, declared, why);
    let (id, name) = (container.id.clone(), container.name.clone());
    let Some(stop) = scene.notes.stops.get(&container.id) else {
        plan.steps.push(if grace_s == 0 {
            Step::Kill { id, container: name }
        } else {
            Step::Stop { id, container: name, why, grace_s }
        });
        return;
    };
    let extra_s = if declared.is_some_and(has_pre_stop) { GRACE_AFTER_HOOK_S } else { 0 };
    let kill_at = match stop.killed_at {
        Some(killed_at) => killed_at + KILL_AGAIN,
        None if grace_s == 0 => stop.since,
        None => stop.since + SignedDuration::from_secs(grace_s + extra_s),
    };
    if scene.now >= kill_at {
        plan.steps.push(Step::Kill { id, container: name });
    } else {
        plan.wait_until(kill_at);
    }
}

fn has_pre_stop(container: &Declared) -> bool {
    container.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.pre_stop.is_some())
}

fn pod_grace_s(scene: &Scene<'_>) -> i64 {
    let deletion = scene.pod.metadata.deletion_grace_period_seconds;
    let declared = spec(scene.pod).termination_grace_period_seconds;
    deletion.or(declared).unwrap_or(30).max(0)
}

fn grace_s(scene: &Scene<'_>, declared: Option<&Declared>, why: Why) -> i64 {
    let probe: Option<&Probe> = match (why, declared) {
        (Why::Unhealthy("startup"), Some(c)) => c.startup_probe.as_ref(),
        (Why::Unhealthy(_), Some(c)) => c.liveness_probe.as_ref(),
        _ => None,
    };
    let own = probe.and_then(|probe| probe.termination_grace_period_seconds);
    own.map_or_else(|| pod_grace_s(scene), |seconds| seconds.max(0))
}

//! The next steps for one pod.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::{
    NodePlan, Notes, Observed, Step, Why,
    containers::{containers, hash, is_host_network, spec},
    start, stop,
    verdict::{deadline, verdict},
};

/// Everything that a plan for a pod depends on.
pub(super) struct Scene<'a> {
    pub(super) pod: &'a Pod,
    pub(super) observed: &'a Observed,
    pub(super) notes: &'a Notes,
    pub(super) now: Timestamp,
}

/// Decides what to do next about a pod that is bound to this node. A plan without steps is the
/// only sign of "done".
pub fn plan(pod: &Pod, observed: &Observed, notes: &Notes, now: Timestamp) -> NodePlan {
    let scene = Scene { pod, observed, notes, now };
    let mut plan = NodePlan::default();
    if pod.metadata.deletion_timestamp.is_some() {
        stop::delete(&scene, &mut plan);
    } else if verdict(pod, observed, notes, now).is_some() {
        stop::finish(&scene, &mut plan);
    } else {
        run(&scene, &mut plan);
        if let Some(deadline) = deadline(pod) {
            plan.wait_until(deadline);
        }
    }
    plan
}

fn run(scene: &Scene<'_>, plan: &mut NodePlan) {
    let Some(sandbox) = scene.observed.sandbox() else {
        return rebuild_sandbox(scene, plan);
    };
    remove_leftovers(scene, &sandbox.id, plan);
    if !sandbox.networked && !is_host_network(scene.pod) {
        match scene.notes.sandbox_failure.as_ref().map(|f| f.start_retry_at()) {
            Some(at) if at > scene.now => plan.wait_until(at),
            _ => plan.steps.push(Step::AttachNetwork { sandbox: sandbox.id.clone() }),
        }
        return;
    }
    stop_unfit(scene, &sandbox.id, plan);
    start::start(scene, &sandbox.id, plan);
}

/// The sandbox is gone, or there was none yet: whatever ran in it ends, then a new one is made.
fn rebuild_sandbox(scene: &Scene<'_>, plan: &mut NodePlan) {
    let running: Vec<_> = scene.observed.running().collect();
    if !running.is_empty() {
        for container in running {
            stop::stop(scene, container, Why::SandboxChanged, plan);
        }
        return;
    }
    for dead in &scene.observed.sandboxes {
        plan.steps.push(Step::RemoveSandbox { sandbox: dead.id.clone() });
    }
    match scene.notes.sandbox_failure.as_ref().map(|f| f.start_retry_at()) {
        Some(at) if at > scene.now => plan.wait_until(at),
        _ => {
            let attempt = scene.observed.sandboxes.iter().map(|s| s.attempt + 1).max();
            plan.steps.push(Step::CreateSandbox { attempt: attempt.unwrap_or(0) });
        }
    }
}

/// Removes dead sandboxes, runs that were never started and runs before the previous one.
fn remove_leftovers(scene: &Scene<'_>, sandbox: &str, plan: &mut NodePlan) {
    for dead in scene.observed.sandboxes.iter().filter(|s| s.id != sandbox) {
        plan.steps.push(Step::RemoveSandbox { sandbox: dead.id.clone() });
    }
    for container in &scene.observed.containers {
        let newer = scene
            .observed
            .containers
            .iter()
            .filter(|c| c.name == container.name && c.restart_count > container.restart_count)
            .count();
        let is_never_started = container.state == super::State::Created;
        if is_never_started || (newer >= 2 && !container.is_running()) {
            plan.steps.push(Step::RemoveContainer { id: container.id.clone() });
        }
    }
}

/// Stops what runs in a way it should not: failed probes and hooks, another image, an old sandbox.
fn stop_unfit(scene: &Scene<'_>, sandbox: &str, plan: &mut NodePlan) {
    let wanted = containers(spec(scene.pod));
    for container in scene.observed.running() {
        let declared = wanted.iter().find(|(_, c)| c.name == container.name);
        let probed = scene.notes.probes.get(&container.id);
        let why = if container.sandbox != sandbox {
            Why::SandboxChanged
        } else if let Some(probe) = probed.and_then(|p| p.failed) {
            Why::Unhealthy(probe)
        } else if scene.notes.hooks.get(&container.id) == Some(&super::Hook::Failed) {
            Why::PostStartHook
        } else if declared.is_none_or(|(_, c)| hash(c) != container.spec_hash) {
            Why::DefinitionChanged
        } else {
            continue;
        };
        stop::stop(scene, container, why, plan);
    }
}

//! Starts containers: init containers one after the other, then the apps, each again as its
//! policy and its back-off say.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container as Declared, Pod, PodSpec};

use super::{
    Container, Hook, Image, NodePlan, Notes, Observed, Role, State, Step,
    container_status::{shown_id, told},
    containers::{containers, init_role, restart_policy, spec},
    notes::doubled,
    plan::Scene,
};

const CRASH_DELAY_S: i64 = 10;
const CRASH_DELAY_S_MAX: i64 = 300;
/// A container that ran so long starts over with the shortest delay.
const CRASH_RESET_S: i64 = 600;

/// Adds the starts (and pulls) that are due in a sandbox.
pub(super) fn start(scene: &Scene<'_>, sandbox: &str, plan: &mut NodePlan) {
    let spec = spec(scene.pod);
    let in_sandbox = |name: &str| scene.observed.newest_in(sandbox, name);
    let apps_began = spec.containers.iter().any(|c| in_sandbox(&c.name).is_some());
    for container in spec.init_containers.iter().flatten() {
        let role = init_role(container);
        let run = in_sandbox(&container.name);
        if apps_began {
            if role == Role::Sidecar {
                consider(scene, container, role, sandbox, plan);
            }
            continue;
        }
        let is_done = match role {
            Role::Sidecar => run.is_some_and(|run| is_started(scene, container, run)),
            _ => run.is_some_and(|run| run.exit_code() == Some(0)),
        };
        if role == Role::Sidecar || !is_done {
            consider(scene, container, role, sandbox, plan);
        }
        if !is_done {
            return;
        }
    }
    for (role, container) in containers(spec) {
        if matches!(role, Role::App | Role::Ephemeral)
            && !consider(scene, &container, role, sandbox, plan)
        {
            return;
        }
    }
}

/// Starts one container if it is due. False: the ones behind it have to wait for its `postStart`.
fn consider(
    scene: &Scene<'_>,
    container: &Declared,
    role: Role,
    sandbox: &str,
    plan: &mut NodePlan,
) -> bool {
    let has_hook = container.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some());
    let run = scene.observed.newest_in(sandbox, &container.name);
    match run.map(|run| (&run.state, run)) {
        Some((State::Running { .. }, run)) => {
            return scene.notes.hooks.get(&run.id) != Some(&Hook::Running);
        }
        Some((State::Exited { exit_code, .. }, run)) => {
            if !restart_policy(spec(scene.pod), container, role).wants(*exit_code) {
                return true;
            }
            let at = restart_at(run);
            if at > scene.now {
                plan.wait_until(at);
                return true;
            }
        }
        Some((State::Created, _)) | None => {}
    }
    begin(scene, container, role, sandbox, plan);
    !has_hook
}

/// The image first, then the start itself; both again after their failures' delays.
fn begin(scene: &Scene<'_>, container: &Declared, role: Role, sandbox: &str, plan: &mut NodePlan) {
    let name = &container.name;
    if let Some(failure) = scene.notes.start_failures.get(name)
        && failure.start_retry_at() > scene.now
    {
        plan.wait_until(failure.start_retry_at());
        return;
    }
    match scene.notes.images.get(name) {
        Some(Image::Ready { .. }) => {
            let (restart_count, crashes) = next_run(scene.pod, scene.observed, name);
            plan.steps.push(Step::Start {
                container: name.clone(),
                role,
                sandbox: sandbox.to_owned(),
                restart_count,
                crashes,
            });
        }
        Some(Image::Pulling) => {}
        Some(Image::Failed(failure)) if failure.image_retry_at() > scene.now => {
            plan.wait_until(failure.image_retry_at());
        }
        Some(Image::Failed(_)) | None => plan.steps.push(Step::Pull { container: name.clone() }),
    }
}

/// Restart count and crash count of the next run. The status is asked too: it knows of runs whose
/// containers somebody else removed.
fn next_run(pod: &Pod, observed: &Observed, name: &str) -> (i32, u32) {
    let newest = observed.newest(name);
    let seen = newest.map(|run| run.restart_count + 1);
    let told = told(pod, name)
        .filter(|status| status.container_id.is_some())
        .map(|status| status.restart_count + i32::from(newest.is_none()));
    let crashes = newest.map_or(0, |run| match run.state {
        State::Exited { .. } => crashes(run).saturating_add(1),
        _ => run.crashes,
    });
    (seen.max(told).unwrap_or(0), crashes)
}

/// The restarts in a row that led to this run, counted anew after a long one.
fn crashes(run: &Container) -> u32 {
    match run.state {
        State::Exited { started_at: Some(start), finished_at, .. }
            if finished_at.duration_since(start).as_secs() > CRASH_RESET_S =>
        {
            0
        }
        _ => run.crashes,
    }
}

/// Seconds between the end of this run and the start of the next.
pub(super) fn restart_delay_s(run: &Container) -> i64 {
    match crashes(run) {
        0 => 0,
        crashes => doubled(CRASH_DELAY_S, CRASH_DELAY_S_MAX, crashes - 1),
    }
}

pub(super) fn restart_at(run: &Container) -> Timestamp {
    match run.state {
        State::Exited { finished_at, .. } => {
            finished_at + SignedDuration::from_secs(restart_delay_s(run))
        }
        _ => Timestamp::MIN,
    }
}

/// Whether a run is up as far as containers behind it need: its hook is done and its startup probe
/// has succeeded.
fn is_started(scene: &Scene<'_>, container: &Declared, run: &Container) -> bool {
    run.is_running() && has_started(scene.pod, container, run, scene.notes)
}

/// Whether a running container counts as started. An agent that has just come back believes the
/// status until its own probes have answered.
pub(super) fn has_started(pod: &Pod, container: &Declared, run: &Container, notes: &Notes) -> bool {
    if matches!(notes.hooks.get(&run.id), Some(Hook::Running | Hook::Failed)) {
        return false;
    }
    if container.startup_probe.is_none() {
        return true;
    }
    let told = told(pod, &run.name)
        .filter(|status| status.container_id.as_deref() == Some(&shown_id(&run.id)))
        .and_then(|status| status.started);
    notes.probes.get(&run.id).and_then(|probed| probed.started).or(told).unwrap_or(false)
}

/// Whether every regular init container has done its work in the pod's present life.
pub(super) fn is_initialized(spec: &PodSpec, observed: &Observed) -> bool {
    let in_sandbox = |name: &str| match observed.sandbox() {
        Some(sandbox) => observed.newest_in(&sandbox.id, name),
        None => observed.newest(name),
    };
    if spec.containers.iter().any(|c| in_sandbox(&c.name).is_some()) {
        return true;
    }
    spec.init_containers.iter().flatten().all(|container| {
        let run = in_sandbox(&container.name);
        match init_role(container) {
            Role::Sidecar => run.is_some(),
            _ => run.is_some_and(|run| run.exit_code() == Some(0)),
        }
    })
}

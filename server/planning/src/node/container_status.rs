//! What the status says about each container.

use k8s_openapi::{
    api::core::v1::{
        Container as Declared, ContainerState, ContainerStateRunning, ContainerStateTerminated,
        ContainerStateWaiting, ContainerStatus, Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    Container, Image, Role, State,
    containers::{restart_policy, spec},
    plan::Scene,
    start::{has_started, is_initialized, restart_at, restart_delay_s},
};

/// The status that the API has for a container.
pub(super) fn told<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    lists.into_iter().flatten().flatten().find(|status| status.name == name)
}

/// A container's id as statuses show it.
pub(super) fn shown_id(id: &str) -> String {
    format!("docker://{id}")
}

pub(super) fn container_status(
    scene: &Scene<'_>,
    role: Role,
    declared: &Declared,
    is_over: bool,
) -> ContainerStatus {
    let name = &declared.name;
    let told = told(scene.pod, name);
    let Some(run) = scene.observed.newest(name) else {
        return without_run(scene, declared, told, is_over);
    };
    let state = state(scene, role, declared, run, is_over);
    let is_waiting = state.waiting.is_some();
    let is_running = run.is_running();
    let started = is_running && has_started(scene.pod, declared, run, scene.notes);
    let ready = match role {
        Role::Init => run.exit_code() == Some(0),
        _ => started && is_ready(scene, declared, run, told),
    };
    let last_state = if is_waiting && !matches!(run.state, State::Created) {
        Some(terminated(run))
    } else {
        let same_run = told.filter(|told| told.restart_count == run.restart_count);
        let kept = same_run.and_then(|told| told.last_state.clone());
        scene.observed.previous(name).map(terminated).or(kept)
    };
    ContainerStatus {
        name: name.clone(),
        state: Some(state),
        last_state: Some(last_state.unwrap_or_default()),
        ready,
        restart_count: run.restart_count,
        image: declared.image.clone().unwrap_or_else(|| run.image.clone()),
        image_id: run.image_id.clone(),
        container_id: Some(shown_id(&run.id)),
        started: Some(started),
        ..ContainerStatus::default()
    }
}

fn is_ready(
    scene: &Scene<'_>,
    declared: &Declared,
    run: &Container,
    told: Option<&ContainerStatus>,
) -> bool {
    if declared.readiness_probe.is_none() {
        return true;
    }
    let before = told.filter(|told| told.container_id.as_deref() == Some(&shown_id(&run.id)));
    let probed = scene.notes.probes.get(&run.id).and_then(|probed| probed.ready);
    probed.or(before.map(|told| told.ready)).unwrap_or(false)
}

/// A container that has no run here: it waits, or it is over and the status keeps what it said.
fn without_run(
    scene: &Scene<'_>,
    declared: &Declared,
    told: Option<&ContainerStatus>,
    is_over: bool,
) -> ContainerStatus {
    if let Some(told) = told.filter(|told| is_over && is_terminated(told)) {
        return told.clone();
    }
    let ran = told.filter(|told| told.container_id.is_some());
    let lost = ran.filter(|told| !is_terminated(told)).map(lost_state);
    let kept = ran.and_then(|told| told.last_state.clone());
    let state = match &lost {
        Some(lost) if is_over => lost.clone(),
        _ => waiting(scene, declared),
    };
    ContainerStatus {
        name: declared.name.clone(),
        state: Some(state),
        last_state: Some(lost.or(kept).unwrap_or_default()),
        restart_count: told.map_or(0, |told| told.restart_count),
        image: declared.image.clone().unwrap_or_default(),
        started: Some(false),
        ..ContainerStatus::default()
    }
}

fn is_terminated(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.terminated.is_some())
}

/// A container that somebody removed behind our back.
fn lost_state(told: &ContainerStatus) -> ContainerState {
    let terminated = ContainerStateTerminated {
        container_id: told.container_id.clone(),
        exit_code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container could not be located".to_owned()),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn state(
    scene: &Scene<'_>,
    role: Role,
    declared: &Declared,
    run: &Container,
    is_over: bool,
) -> ContainerState {
    match &run.state {
        State::Created => waiting(scene, declared),
        State::Running { started_at } => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(*started_at)) }),
            ..ContainerState::default()
        },
        State::Exited { exit_code, .. } => {
            let policy = restart_policy(spec(scene.pod), declared, role);
            if is_over || !policy.wants(*exit_code) {
                return terminated(run);
            }
            if restart_at(run) > scene.now {
                return waiting_for("CrashLoopBackOff", Some(crash_message(scene, declared, run)));
            }
            failure(scene, declared).unwrap_or_else(|| terminated(run))
        }
    }
}

fn crash_message(scene: &Scene<'_>, declared: &Declared, run: &Container) -> String {
    let meta = &scene.pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let delay = match restart_delay_s(run) {
        seconds if seconds < 60 => format!("{seconds}s"),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    };
    format!(
        "back-off {delay} restarting failed container={} pod={}_{}({})",
        declared.name,
        text(&meta.name),
        text(&meta.namespace),
        text(&meta.uid)
    )
}

fn waiting(scene: &Scene<'_>, declared: &Declared) -> ContainerState {
    failure(scene, declared).unwrap_or_else(|| {
        let spec = spec(scene.pod);
        let has_init = spec.init_containers.as_ref().is_some_and(|init| !init.is_empty());
        let initializing = has_init && !is_initialized(spec, scene.observed);
        waiting_for(if initializing { "PodInitializing" } else { "ContainerCreating" }, None)
    })
}

/// Why a container can't start: its image, its configuration, the runtime.
fn failure(scene: &Scene<'_>, declared: &Declared) -> Option<ContainerState> {
    if let Some(Image::Failed(failure)) = scene.notes.images.get(&declared.name) {
        let image = declared.image.as_deref().unwrap_or_default();
        // The bare error is shown until the first wait is over, the back-off from then on.
        return Some(if failure.count < 2 || failure.reason != "ErrImagePull" {
            waiting_for(&failure.reason, Some(failure.message.clone()))
        } else {
            let message =
                format!("Back-off pulling image \"{image}\": ErrImagePull: {}", failure.message);
            waiting_for("ImagePullBackOff", Some(message))
        });
    }
    let failure = scene.notes.pull_failures.get(&declared.name);
    let failure = failure.or_else(|| scene.notes.start_failures.get(&declared.name))?;
    Some(waiting_for(&failure.reason, Some(failure.message.clone())))
}

fn waiting_for(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn terminated(run: &Container) -> ContainerState {
    let State::Exited { started_at, finished_at, exit_code, reason, message } = &run.state else {
        return ContainerState::default();
    };
    let terminated = ContainerStateTerminated {
        container_id: Some(shown_id(&run.id)),
        exit_code: *exit_code,
        reason: Some(reason.clone()),
        message: message.clone(),
        started_at: started_at.map(Time),
        finished_at: Some(Time(*finished_at)),
        signal: None,
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

//! The status of a pod, as its node reports it.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    Notes, Observed, Role,
    conditions::{Facts, conditions},
    container_status::container_status,
    containers::{containers, is_host_network, spec},
    plan::Scene,
    qos_class,
    start::is_initialized,
    verdict::verdict,
};

/// Where a pod runs.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub host_ip: String,
}

/// The whole status. What others have set (conditions, resource claims) is kept.
pub fn status(
    pod: &Pod,
    observed: &Observed,
    notes: &Notes,
    place: &Place,
    now: Timestamp,
) -> PodStatus {
    let scene = Scene { pod, observed, notes, now };
    let spec = spec(pod);
    let verdict = verdict(pod, observed, notes, now);
    let is_over = verdict.is_some() || pod.metadata.deletion_timestamp.is_some();
    let of_role = |wanted: &[Role]| -> Vec<ContainerStatus> {
        let declared = containers(spec).into_iter().filter(|(role, _)| wanted.contains(role));
        declared.map(|(role, c)| container_status(&scene, role, &c, is_over)).collect()
    };
    let init = of_role(&[Role::Init, Role::Sidecar]);
    let apps = of_role(&[Role::App]);
    let ephemeral = of_role(&[Role::Ephemeral]);
    let initialized =
        is_initialized(spec, observed) || (is_over && observed.is_empty() && was_initialized(pod));
    let phase = match &verdict {
        Some(verdict) => verdict.phase,
        None => phase(&scene, &apps, initialized),
    };
    let before = pod.status.clone().unwrap_or_default();
    let sandbox = observed.sandbox().filter(|s| s.networked || is_host_network(pod));
    let facts = Facts {
        pod,
        phase,
        sandbox_ready: sandbox.is_some(),
        initialized,
        init: &init,
        apps: &apps,
        now,
    };
    let mut status = PodStatus {
        phase: Some(phase.to_owned()),
        reason: verdict.as_ref().and_then(|verdict| verdict.reason.clone()),
        message: verdict.as_ref().and_then(|verdict| verdict.message.clone()),
        conditions: Some(conditions(&facts)),
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(apps),
        ephemeral_container_statuses: (!ephemeral.is_empty()).then_some(ephemeral),
        qos_class: Some(before.qos_class.clone().unwrap_or_else(|| qos_class(spec).to_owned())),
        start_time: Some(before.start_time.clone().unwrap_or(Time(now))),
        observed_generation: pod.metadata.generation,
        ..before
    };
    set_addresses(&mut status, pod, place, sandbox.and_then(|s| s.ip).map(|ip| ip.to_string()));
    status
}

fn was_initialized(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Initialized" && c.status == "True")
}

/// The phase of a pod that has not come to its end.
fn phase(scene: &Scene<'_>, apps: &[ContainerStatus], initialized: bool) -> &'static str {
    if scene.pod.metadata.deletion_timestamp.is_some() {
        return deleted_phase(scene, apps);
    }
    if !initialized {
        return "Pending";
    }
    // A container that waits for a restart has been up; one that never was keeps the pod pending.
    let has_run = |status: &ContainerStatus| {
        let ran = |state: &Option<k8s_openapi::api::core::v1::ContainerState>| {
            state.as_ref().is_some_and(|s| s.terminated.is_some() || s.running.is_some())
        };
        ran(&status.state) || ran(&status.last_state)
    };
    if apps.iter().all(has_run) { "Running" } else { "Pending" }
}

/// A pod that is being deleted ends as its containers did, once they all have.
fn deleted_phase(scene: &Scene<'_>, apps: &[ContainerStatus]) -> &'static str {
    let codes: Vec<Option<i32>> = apps
        .iter()
        .map(|status| Some(status.state.as_ref()?.terminated.as_ref()?.exit_code))
        .collect();
    if scene.observed.running().next().is_none() && codes.iter().any(Option::is_some) {
        return if codes.iter().flatten().all(|code| *code == 0) { "Succeeded" } else { "Failed" };
    }
    match scene.pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Running") => "Running",
        _ => "Pending",
    }
}

fn set_addresses(status: &mut PodStatus, pod: &Pod, place: &Place, ip: Option<String>) {
    if !place.host_ip.is_empty() {
        status.host_ip = Some(place.host_ip.clone());
        status.host_ips = Some(vec![HostIP { ip: place.host_ip.clone() }]);
    }
    let ip = if is_host_network(pod) { status.host_ip.clone() } else { ip };
    if let Some(ip) = ip {
        status.pod_ips = Some(vec![PodIP { ip: ip.clone() }]);
        status.pod_ip = Some(ip);
    }
}

//! How `kubectl get pods` tells a pod's state in one line.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use serde_json::Value;

use crate::{Column, column, parts::cells};

pub(super) const COLUMNS: &[Column<Pod>] = &[
    column("Ready", |pod: &Pod, _| {
        let summary = Summary::of(pod);
        format!("{}/{}", summary.ready, summary.total).into()
    })
    .described("The aggregate readiness state of this pod for accepting traffic."),
    column("Status", |pod: &Pod, _| Summary::of(pod).reason.into())
        .described("The aggregate status of the containers in this pod."),
    column("Restarts", restarts)
        .described("The number of times the containers in this pod have been restarted and when the last container in this pod has restarted."),
    cells::age(),
    column("IP", |pod: &Pod, _| {
        cells::or_none(pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()))
    })
    .wide(),
    column("Node", |pod: &Pod, _| {
        cells::or_none(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()))
    })
    .wide(),
    column("Nominated Node", |pod: &Pod, _| {
        cells::or_none(pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref()))
    })
    .wide(),
    column("Readiness Gates", gates).wide(),
];

fn restarts(pod: &Pod, now: Timestamp) -> Value {
    let summary = Summary::of(pod);
    match summary.last_restart {
        Some(last) if summary.restarts > 0 => {
            format!("{} ({} ago)", summary.restarts, cells::since(Some(&last), now)).into()
        }
        _ => summary.restarts.to_string().into(),
    }
}

fn gates(pod: &Pod, _: Timestamp) -> Value {
    let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_ref());
    let Some(gates) = gates.filter(|gates| !gates.is_empty()) else { return cells::NONE.into() };
    let met = gates.iter().filter(|gate| is_true(pod, &gate.condition_type)).count();
    format!("{met}/{}", gates.len()).into()
}

fn is_true(pod: &Pod, condition: &str) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut named = conditions.into_iter().flatten().filter(|one| one.type_ == condition);
    named.any(|one| one.status == "True")
}

/// What the columns Ready, Status and Restarts are made of.
struct Summary {
    ready: usize,
    total: usize,
    restarts: i32,
    last_restart: Option<Time>,
    reason: String,
}

impl Summary {
    fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let sidecars = init_containers(pod).iter().filter(|one| is_sidecar(one)).count();
        let mut summary = Self {
            ready: 0,
            total: spec.map_or(0, |spec| spec.containers.len()) + sidecars,
            restarts: 0,
            last_restart: None,
            reason: first_reason(pod),
        };
        let initializing = summary.tell_init_containers(pod);
        if !initializing || is_true(pod, "Initialized") {
            summary.tell_containers(pod);
        }
        if pod.metadata.deletion_timestamp.is_some() {
            let lost = pod.status.as_ref().and_then(|s| s.reason.as_deref()) == Some("NodeLost");
            if lost {
                summary.reason = "Unknown".to_owned();
            } else if !super::has_ended(pod) {
                summary.reason = "Terminating".to_owned();
            }
        }
        summary
    }

    fn count_restarts(&mut self, status: &ContainerStatus) {
        self.restarts += status.restart_count;
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        self.last_restart =
            self.last_restart.take().max(last.and_then(|ended| ended.finished_at.clone()));
    }

    /// Tells the init container that the pod is at; false when all of them are done. Restarts of
    /// sidecars stay counted after that.
    fn tell_init_containers(&mut self, pod: &Pod) -> bool {
        let containers = init_containers(pod);
        let statuses = pod.status.as_ref().and_then(|s| s.init_container_statuses.as_deref());
        let sidecar = |status: &ContainerStatus| {
            containers.iter().any(|one| one.name == status.name && is_sidecar(one))
        };
        let mut initializing = false;
        for (index, status) in statuses.unwrap_or_default().iter().enumerate() {
            self.count_restarts(status);
            let empty = ContainerState::default();
            let state = status.state.as_ref().unwrap_or(&empty);
            if state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0) {
                continue;
            }
            if sidecar(status) && status.started == Some(true) {
                self.ready += usize::from(status.ready);
                continue;
            }
            initializing = true;
            let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
            self.reason = match (&state.terminated, waiting) {
                (Some(ended), _) => format!("Init:{}", end_reason(ended)),
                (None, Some(reason)) if !reason.is_empty() && reason != "PodInitializing" => {
                    format!("Init:{reason}")
                }
                _ => format!("Init:{index}/{}", containers.len()),
            };
            break;
        }
        if !initializing || is_true(pod, "Initialized") {
            (self.restarts, self.last_restart) = (0, None);
            for status in statuses.unwrap_or_default().iter().filter(|status| sidecar(status)) {
                self.count_restarts(status);
            }
        }
        initializing
    }

    fn tell_containers(&mut self, pod: &Pod) {
        let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref());
        let mut running = false;
        for status in statuses.unwrap_or_default().iter().rev() {
            self.count_restarts(status);
            let Some(state) = &status.state else { continue };
            let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
            if let Some(reason) = waiting.filter(|reason| !reason.is_empty()) {
                reason.clone_into(&mut self.reason);
            } else if let Some(ended) = &state.terminated {
                self.reason = end_reason(ended);
            } else if status.ready && state.running.is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            self.reason = if is_true(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }
}

fn init_containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default()
}

/// A restartable init container goes on beside the others.
fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn first_reason(pod: &Pod) -> String {
    const GATED: &str = "SchedulingGated";
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let gated = conditions
        .into_iter()
        .flatten()
        .any(|one| one.type_ == "PodScheduled" && one.reason.as_deref() == Some(GATED));
    if gated {
        return GATED.to_owned();
    }
    let reason = status.and_then(|status| status.reason.as_deref());
    reason.filter(|reason| !reason.is_empty()).unwrap_or(super::phase(pod)).to_owned()
}

fn end_reason(ended: &ContainerStateTerminated) -> String {
    match (ended.reason.as_deref(), ended.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(status: Value, metadata: Value) -> Vec<String> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": metadata, "status": status,
            "spec": {
                "containers": [{"name": "a"}, {"name": "b"}],
                "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            },
        }))
        .unwrap();
        let now = "2026-01-01T00:10:00Z".parse().unwrap();
        COLUMNS[..3]
            .iter()
            .map(|column| (column.cell)(&pod, now).as_str().unwrap().to_owned())
            .collect()
    }

    fn container(name: &str, state: Value, ready: bool, restarts: i32) -> Value {
        let last = if restarts > 0 {
            json!({"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:09:00Z"}})
        } else {
            json!({})
        };
        json!({"name": name, "image": "", "imageID": "", "ready": ready, "started": ready,
            "restartCount": restarts, "state": state, "lastState": last})
    }

    #[test]
    fn tells_a_pod_in_one_line() {
        let running = || json!({"running": {}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let ended =
            |code: i32, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason}});
        let done = container("i", ended(0, "Completed"), true, 2);
        let side = container("s", running(), true, 0);
        let table = [
            (json!({"phase": "Pending"}), ["0/3", "Pending", "0"]),
            (
                json!({"phase": "Pending", "initContainerStatuses": [container("i", running(), false, 0)]}),
                ["0/3", "Init:0/2", "0"],
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [container("i", ended(3, ""), false, 1)]}),
                ["0/3", "Init:ExitCode:3", "1 (60s ago)"],
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [container("i", waiting("CrashLoopBackOff"), false, 4)]}),
                ["0/3", "Init:CrashLoopBackOff", "4 (60s ago)"],
            ),
            (
                json!({"phase": "Running", "initContainerStatuses": [done, side], "containerStatuses": [
                    container("a", running(), true, 0), container("b", waiting("CrashLoopBackOff"), false, 3)]}),
                ["2/3", "CrashLoopBackOff", "3 (60s ago)"],
            ),
            (
                json!({"phase": "Running", "containerStatuses": [
                    container("a", ended(0, "Completed"), false, 0), container("b", running(), true, 0)]}),
                ["1/3", "NotReady", "0"],
            ),
            (
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
                    container("a", ended(0, "Completed"), false, 0), container("b", running(), true, 0)]}),
                ["1/3", "Running", "0"],
            ),
            (json!({"phase": "Failed", "reason": "Evicted"}), ["0/3", "Evicted", "0"]),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
                ["0/3", "SchedulingGated", "0"],
            ),
        ];
        for (status, expected) in table {
            assert_eq!(row(status.clone(), json!({})), expected, "{status}");
        }
        let gone = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(row(json!({"phase": "Running"}), gone.clone())[1], "Terminating");
        assert_eq!(row(json!({"phase": "Succeeded"}), gone.clone())[1], "Succeeded");
        assert_eq!(row(json!({"phase": "Running", "reason": "NodeLost"}), gone)[1], "Unknown");
    }
}

//! Whether a pod has come to its end.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::{
    Notes, Observed, Role,
    containers::{Restart, init_role, restart_policy, spec},
};

/// The end of a pod: it is never taken back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) phase: &'static str,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

impl Verdict {
    fn plain(phase: &'static str) -> Self {
        Self { phase, reason: None, message: None }
    }
}

/// `None` while the pod has work to do.
pub(super) fn verdict(
    pod: &Pod,
    observed: &Observed,
    notes: &Notes,
    now: Timestamp,
) -> Option<Verdict> {
    if let Some(verdict) = recorded(pod) {
        return Some(verdict);
    }
    if let Some(refusal) = &notes.refusal {
        let (reason, message) = (Some(refusal.reason.clone()), Some(refusal.message.clone()));
        return Some(Verdict { phase: "Failed", reason, message });
    }
    if deadline(pod).is_some_and(|deadline| now >= deadline) {
        return Some(Verdict {
            phase: "Failed",
            reason: Some("DeadlineExceeded".to_owned()),
            message: Some("Pod was active on the node longer than the specified deadline".into()),
        });
    }
    if init_failed(pod, observed) {
        return Some(Verdict::plain("Failed"));
    }
    apps_finished(pod, observed)
}

/// What the status says already.
fn recorded(pod: &Pod) -> Option<Verdict> {
    let status = pod.status.as_ref()?;
    let phase = match status.phase.as_deref() {
        Some("Failed") => "Failed",
        Some("Succeeded") => "Succeeded",
        _ => return None,
    };
    Some(Verdict { phase, reason: status.reason.clone(), message: status.message.clone() })
}

/// When `activeDeadlineSeconds` ends the pod.
pub(super) fn deadline(pod: &Pod) -> Option<Timestamp> {
    let seconds = spec(pod).active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?;
    Some(start.0 + SignedDuration::from_secs(seconds))
}

fn init_failed(pod: &Pod, observed: &Observed) -> bool {
    let spec = spec(pod);
    spec.init_containers.iter().flatten().any(|container| {
        let role = init_role(container);
        let exit_code = observed.newest(&container.name).and_then(|c| c.exit_code());
        role == Role::Init
            && restart_policy(spec, container, role) == Restart::Never
            && exit_code.is_some_and(|code| code != 0)
    })
}

/// Every app container has exited and none of them starts again.
fn apps_finished(pod: &Pod, observed: &Observed) -> Option<Verdict> {
    let spec = spec(pod);
    let mut failed = false;
    for container in &spec.containers {
        let code = observed.newest(&container.name)?.exit_code()?;
        if restart_policy(spec, container, Role::App).wants(code) {
            return None;
        }
        failed |= code != 0;
    }
    let phase = if failed { "Failed" } else { "Succeeded" };
    (!spec.containers.is_empty()).then(|| Verdict::plain(phase))
}

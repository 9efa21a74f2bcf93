//! What a pod's failure means to its Job.

use k8s_openapi::api::{
    batch::v1::{PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule},
    core::v1::{Pod, PodStatus},
};

use super::work::Work;
use crate::Entry;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Count,
    Ignore,
    FailIndex,
    FailJob(String),
}

/// The first rule that fits decides; without one the failure counts.
pub(super) fn judge(work: &Work<'_>, entry: &Entry) -> Verdict {
    let Some(policy) = &work.spec().pod_failure_policy else { return Verdict::Count };
    let Some(status) = entry.read::<Pod>().and_then(|pod| pod.status) else {
        return Verdict::Count;
    };
    for (at, rule) in policy.rules.iter().enumerate() {
        let Some(what) = fits(rule, &status, entry) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Verdict::Ignore,
            "FailIndex" => Verdict::FailIndex,
            "FailJob" => Verdict::FailJob(format!("{what} matching FailJob rule at index {at}")),
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

/// What fits, in Kubernetes' words.
fn fits(rule: &PodFailurePolicyRule, status: &PodStatus, entry: &Entry) -> Option<String> {
    let pod = format!("{}/{}", entry.key.namespace, entry.key.name);
    if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = exit_code(codes, status)?;
        return Some(format!("Container {container} for pod {pod} failed with exit code {code}"));
    }
    let wanted = rule.on_pod_conditions.iter().flatten().find(|wanted| {
        let all = status.conditions.iter().flatten();
        let expected = wanted.status.as_deref().filter(|s| !s.is_empty()).unwrap_or("True");
        all.into_iter().any(|c| c.type_ == wanted.type_ && c.status == expected)
    })?;
    Some(format!("Pod {pod} has condition {}", wanted.type_))
}

fn exit_code(
    wanted: &PodFailurePolicyOnExitCodesRequirement,
    status: &PodStatus,
) -> Option<(String, i32)> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
        .filter(|container| {
            wanted.container_name.as_ref().is_none_or(|name| *name == container.name)
        })
        .filter_map(|container| {
            let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
            Some((container.name.clone(), code))
        })
        .filter(|(_, code)| *code != 0)
        .find(|(_, code)| wanted.values.contains(code) == (wanted.operator == "In"))
}

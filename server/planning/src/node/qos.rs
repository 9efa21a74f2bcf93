//! Quality of service: what follows from requests and limits.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::resources::Resources;

/// `Guaranteed` when every container limits CPU and memory to what it requests, `BestEffort` when
/// none says anything, else `Burstable`.
pub fn qos_class(spec: &PodSpec) -> &'static str {
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    let (mut is_silent, mut is_guaranteed) = (true, true);
    for container in all {
        let (requests, limits) = amounts(container);
        for name in ["cpu", "memory"] {
            let (request, limit) = (requests.amount(name), limits.amount(name));
            is_silent &= request == 0 && limit == 0;
            is_guaranteed &= limit > 0 && (request == 0 || request == limit);
        }
    }
    match (is_silent, is_guaranteed) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    }
}

/// How readily the kernel kills a container when the host's memory is full: those that use more
/// than they asked for go first.
pub fn oom_score(spec: &PodSpec, container: &Container, memory_capacity: i64) -> i64 {
    match qos_class(spec) {
        "Guaranteed" => -997,
        "BestEffort" => 1000,
        _ => {
            let request = amounts(container).0.amount("memory");
            let share = i128::from(request) * 1000 / i128::from(memory_capacity.max(1));
            i64::try_from(1000 - share).unwrap_or(0).clamp(3, 999)
        }
    }
}

pub(super) fn amounts(container: &Container) -> (Resources, Resources) {
    let resources = container.resources.as_ref();
    (
        Resources::of(resources.and_then(|resources| resources.requests.as_ref())),
        Resources::of(resources.and_then(|resources| resources.limits.as_ref())),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn classes() {
        let guaranteed = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
        let exact = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}});
        let part = json!({"requests": {"memory": "512Mi"}});
        for (resources, class, score) in [
            (json!({}), "BestEffort", 1000),
            (guaranteed, "Guaranteed", -997),
            (exact, "Guaranteed", -997),
            (part, "Burstable", 500),
        ] {
            let spec: PodSpec = serde_json::from_value(
                json!({"containers": [{"name": "a", "resources": resources}]}),
            )
            .unwrap();
            assert_eq!(qos_class(&spec), class);
            assert_eq!(oom_score(&spec, &spec.containers[0], 1 << 30), score);
        }
    }
}

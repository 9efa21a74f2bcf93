//! Evictions, which a PodDisruptionBudget may refuse. One that it allows is taken off the budget in
//! the transaction that lets the pod go, so that no two spend the same.

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kinds::{AnyObject, cast, pod::Pod};
use object::{ApiError, Reason};
use serde_json::json;

use super::{Claim, namespace_of};
use crate::{Entry, World};

pub(super) const BUDGETS: &str = "poddisruptionbudgets.policy";
/// More than so many evictions that nobody has confirmed are none.
const DISRUPTED_MAX: usize = 2000;
const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
const RETRY_SECONDS: u64 = 10;

/// What an eviction of an object takes off which budget.
pub(super) fn spend(
    object: &dyn AnyObject,
    world: &World,
    now: Timestamp,
) -> Result<Option<Claim>, ApiError> {
    let Some(pod) = cast::<Pod>(object).filter(|pod| disrupts(pod)) else { return Ok(None) };
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let budgets: Vec<_> = world.selecting(BUDGETS, namespace_of(object), &labels).collect();
    let entry = match budgets.as_slice() {
        [] => return Ok(None),
        [one] => one,
        _ => {
            return Err(ApiError::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
    };
    let Some(mut budget) = entry.read::<PodDisruptionBudget>() else { return Ok(None) };
    if !is_ready(pod) && lets_unready_go(&budget) {
        return Ok(None);
    }
    let name = pod.metadata.name.clone().unwrap_or_default();
    take_one(entry, &mut budget, name, now)?;
    Ok(Some(Claim::Replace {
        key: entry.key.clone(),
        revision: entry.revision,
        body: json!(budget),
    }))
}

/// Whether the pod still does what a budget protects: one that has not begun, has ended or is
/// going does not.
fn disrupts(pod: &v1::Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none()
        && !matches!(phase, None | Some("Pending" | "Succeeded" | "Failed"))
}

fn is_ready(pod: &v1::Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// A pod that is not ready is no loss, if the policy says so or enough others are.
fn lets_unready_go(budget: &PodDisruptionBudget) -> bool {
    let policy =
        budget.spec.as_ref().and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref());
    let status = budget.status.clone().unwrap_or_default();
    let healthy = status.current_healthy.unwrap_or_default();
    let desired = status.desired_healthy.unwrap_or_default();
    policy == Some("AlwaysAllow") || (healthy >= desired && desired > 0)
}

fn take_one(
    entry: &Entry,
    budget: &mut PodDisruptionBudget,
    pod: String,
    now: Timestamp,
) -> Result<(), ApiError> {
    let name = &*entry.key.name;
    let generation = budget.metadata.generation.unwrap_or_default();
    let status = budget.status.get_or_insert_default();
    if status.observed_generation.unwrap_or_default() < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(&why, Some(RETRY_SECONDS)));
    }
    let allowed = status.disruptions_allowed.unwrap_or_default();
    let forbid = |why: &str| ApiError::forbidden(BUDGETS, name, why);
    if allowed < 0 {
        return Err(forbid("pdb disruptions allowed is negative"));
    }
    let disrupted = status.disrupted_pods.get_or_insert_default();
    if disrupted.len() > DISRUPTED_MAX {
        return Err(forbid(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        let desired = status.desired_healthy.unwrap_or_default();
        let healthy = status.current_healthy.unwrap_or_default();
        let why = format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        );
        return Err(too_many(&why, None));
    }
    disrupted.insert(pod, Time(now));
    status.disruptions_allowed = Some(allowed - 1);
    if allowed == 1 {
        exhaust(status.conditions.get_or_insert_default(), status.observed_generation, now);
    }
    Ok(())
}

/// Says that no more disruptions are allowed.
fn exhaust(conditions: &mut Vec<Condition>, observed_generation: Option<i64>, now: Timestamp) {
    const ALLOWED: &str = "DisruptionAllowed";
    conditions.retain(|condition| condition.type_ != ALLOWED);
    conditions.push(Condition {
        type_: ALLOWED.to_owned(),
        status: "False".to_owned(),
        reason: "InsufficientPods".to_owned(),
        message: String::new(),
        last_transition_time: Time(now),
        observed_generation,
    });
}

fn too_many(why: &str, retry_seconds: Option<u64>) -> ApiError {
    let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
    if let Some(seconds) = retry_seconds {
        details["retryAfterSeconds"] = seconds.into();
    }
    ApiError {
        reason: Reason::TooManyRequests,
        message: VIOLATES.to_owned(),
        details: Some(Box::new(details)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::testing::Bench;

    fn budget(name: &str, status: Value, more: Value) -> Value {
        let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "d", "generation": 1}, "spec": spec, "status": status})
    }

    fn status(allowed: i32, healthy: i32, desired: i32) -> Value {
        json!({"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": 3})
    }

    fn evict(bench: &Bench, phase: &str, ready: &str) -> Result<Option<Value>, ApiError> {
        let pod = bench.object("pods", json!({"metadata": {"name": "a", "namespace": "d", "labels": {"app": "web"}},
            "spec": {"containers": []}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}}));
        let claim = spend(&*pod, &bench.world, "2026-01-01T00:00:00Z".parse().unwrap())?;
        Ok(claim.map(|claim| match claim {
            Claim::Replace { body, .. } => body["status"].clone(),
            other => panic!("{other:?}"),
        }))
    }

    #[test]
    fn an_eviction_is_taken_off_the_budget() {
        let bench = Bench::new().with(BUDGETS, budget("b", status(1, 3, 2), json!({})));
        let spent = evict(&bench, "Running", "True").unwrap().unwrap();
        assert_eq!(spent["disruptionsAllowed"], 0);
        assert_eq!(spent["disruptedPods"]["a"], "2026-01-01T00:00:00Z");
        assert_eq!(spent["conditions"][0]["reason"], "InsufficientPods");
        for phase in ["Pending", "Succeeded", "Failed"] {
            assert_eq!(evict(&bench, phase, "False").unwrap(), None, "{phase}");
        }
    }

    #[test]
    fn refusals_are_worded_as_kubernetes_words_them() {
        let stale = json!({"observedGeneration": 0, "disruptionsAllowed": 1});
        for (status, cause, retry) in [
            (
                status(0, 2, 2),
                "The disruption budget b needs 2 healthy pods and has 2 currently",
                Value::Null,
            ),
            (stale, "The disruption budget b is still being processed by the server.", json!(10)),
        ] {
            let bench = Bench::new().with(BUDGETS, budget("b", status, json!({})));
            let error = evict(&bench, "Running", "True").unwrap_err().to_status();
            assert_eq!(
                (&error["code"], &error["reason"]),
                (&json!(429), &json!("TooManyRequests"))
            );
            assert_eq!(error["message"], VIOLATES);
            assert_eq!(
                error["details"]["causes"],
                json!([{"reason": "DisruptionBudget", "message": cause}])
            );
            assert_eq!(error["details"]["retryAfterSeconds"], retry);
        }
        let two = Bench::new()
            .with(BUDGETS, budget("b", status(1, 3, 2), json!({})))
            .with(BUDGETS, budget("c", status(1, 3, 2), json!({})));
        let error = evict(&two, "Running", "True").unwrap_err();
        assert_eq!(error.code(), 500);
        assert!(error.message.starts_with("This pod has more than one PodDisruptionBudget"));
    }

    #[test]
    fn pods_that_are_not_ready_go_by_the_policy() {
        let always = json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"});
        for (status, more, goes) in [
            (status(0, 2, 2), json!({}), true),
            (status(0, 1, 2), json!({}), false),
            (status(0, 1, 2), always, true),
        ] {
            let bench = Bench::new().with(BUDGETS, budget("b", status, more));
            assert_eq!(evict(&bench, "Running", "False").is_ok(), goes);
        }
    }
}

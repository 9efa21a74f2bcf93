//! Deletes Jobs some time after they have ended, if they ask for it.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use object::Key;

use super::job::JOBS;
use crate::{Action, Change, Controller, Plan, Round, World};

pub const CONTROLLER: Controller =
    Controller { name: "ttl-after-finished-controller", watches: &[JOBS], keys_for, plan };

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    change.new.iter().map(|job| job.key.clone()).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(job) = entry.read::<Job>().filter(|_| !entry.meta.is_deleting()) else {
        return Plan::default();
    };
    let seconds = job.spec.and_then(|spec| spec.ttl_seconds_after_finished);
    let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
    let ended = conditions.into_iter().find(|condition| {
        matches!(&*condition.type_, "Complete" | "Failed") && condition.status == "True"
    });
    let (Some(seconds), Some(ended)) = (seconds, ended.and_then(|c| c.last_transition_time)) else {
        return Plan::default();
    };
    let age = Duration::try_from(round.now.duration_since(ended.0)).unwrap_or_default();
    let left = Duration::from_secs(seconds.max(0).unsigned_abs().into()).saturating_sub(age);
    if !left.is_zero() {
        return Plan { requeue_after: Some(left), ..Plan::default() };
    }
    let delete = Action::Delete {
        key: entry.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: Some("Foreground"),
        grace_seconds: None,
    };
    Plan { actions: vec![delete], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Lab;

    #[test]
    fn goes_when_its_time_is_over() {
        let mut lab = Lab::new();
        let key = lab.put(json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "j", "namespace": "d"},
            "spec": {"ttlSecondsAfterFinished": 60, "template": {}}}));
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "");
        let ended = json!([{"type": "Complete", "status": "True",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        lab.edit(&key, |job| job["status"]["conditions"] = ended);
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "again in 60s\n");
        lab.pass(60);
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "delete jobs.batch/d/j\n");
    }
}

//! Counts what a ResourceQuota limits. Writers charge what they add in the transaction that adds it;
//! what objects give back, when they end or go, is found here.

use std::time::Duration;

use object::Key;

use crate::{
    Action, Change, Controller, Plan, Round, World,
    amounts::Amounts,
    quota::{QUOTAS, Quota, is_counted},
};

pub const CONTROLLER: Controller =
    Controller { name: "resourcequota-controller", watches: &["*"], keys_for, plan };

/// After so long a world that lagged behind is looked at again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pods past their grace period give back what they used, though nothing changes.
const INTERVAL: Duration = Duration::from_secs(300);

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let Key { kind, namespace, .. } = &change.key;
    if &**kind == QUOTAS && change.new.is_some() {
        return vec![change.key.clone()];
    }
    if namespace.is_empty() || !is_counted(kind) || !may_matter(change) {
        return Vec::new();
    }
    world.in_namespace(QUOTAS, namespace).map(|quota| quota.key.clone()).collect()
}

/// Whether a change may change what an object uses. What pods report of themselves seldom does.
fn may_matter(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return true };
    match (old.pod(), new.pod()) {
        (Some(was), Some(is)) => {
            was.is_finished() != is.is_finished()
                || was.requests != is.requests
                || old.meta.is_deleting() != new.meta.is_deleting()
        }
        _ => matches!(&*change.key.kind, "services" | "persistentvolumeclaims"),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(quota) = Quota::read(&entry.body) else { return Plan::default() };
    if entry.meta.is_deleting() {
        return Plan::default();
    }
    let (used, lags) = counted(round, &quota, entry.revision);
    let mut plan = Plan::default();
    if used != quota.used || quota.hard != quota.wanted {
        let body = Quota::with_status(&entry.body, &quota.wanted, &used);
        plan.actions.extend(body.map(|mut body| {
            body["metadata"]["resourceVersion"] = entry.revision.to_string().into();
            Action::SetStatus { key: round.key.clone(), body }
        }));
    }
    plan.requeue_after = Some(if lags { PATIENCE } else { INTERVAL });
    plan
}

/// What is used; and whether some of it could not be lowered yet. Worlds see each kind at its own
/// pace: an object that was charged before this version of the quota may not be seen yet, and must
/// not pass for one that is gone.
fn counted(round: &Round<'_>, quota: &Quota, revision: u64) -> (Amounts, bool) {
    let mut used = quota.usage(round.world, round.now);
    let mut lags = false;
    for (name, before) in quota.used.iter() {
        let Some(now) = used.get(name) else { continue };
        if now < before && round.world.revision(&quota.kind_of(name)) < revision {
            used.set(name, before);
            lags = true;
        }
    }
    (used, lags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Lab;

    fn lab() -> (Lab, Key) {
        let mut lab = Lab::new();
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "d"},
            "spec": {"hard": {"pods": "5", "configmaps": "3"}}});
        let key = lab.put(quota);
        (lab, key)
    }

    fn pod(name: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "d"},
            "spec": {"containers": []}, "status": {"phase": "Running"}})
    }

    #[test]
    fn a_new_quota_learns_what_is_used() {
        let (mut lab, key) = lab();
        lab.put(pod("a"));
        let plan = lab.plan(&CONTROLLER, &key).to_string();
        assert_eq!(
            plan,
            "status resourcequotas/d/q {\"hard\":{\"configmaps\":\"3\",\"pods\":\"5\"},\"used\":{\"configmaps\":\"0\",\"pods\":\"1\"}}\nagain in 300s\n"
        );
        lab.settle(&[CONTROLLER]);
        assert!(lab.plan(&CONTROLLER, &key).actions.is_empty());
    }

    #[test]
    fn what_goes_is_given_back_but_not_what_was_not_seen_yet() {
        let (mut lab, key) = lab();
        let pod = lab.put(pod("a"));
        lab.settle(&[CONTROLLER]);
        // Somebody was charged for a pod and a map that this world has not seen.
        lab.edit(&key, |quota| quota["status"]["used"] = json!({"pods": "2", "configmaps": "1"}));
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "again in 1s\n");
        let change = lab.remove(&pod).unwrap();
        assert_eq!(keys_for(&change, &lab.world), std::slice::from_ref(&key));
        let plan = lab.plan(&CONTROLLER, &key).to_string();
        assert!(plan.contains("\"used\":{\"configmaps\":\"1\",\"pods\":\"0\"}"), "{plan}");
    }

    #[test]
    fn what_pods_report_wakes_nobody_until_they_end() {
        let (mut lab, key) = lab();
        let pod = lab.put(pod("a"));
        let change = lab.edit(&pod, |pod| pod["status"]["podIP"] = "10.0.0.1".into()).unwrap();
        assert!(keys_for(&change, &lab.world).is_empty());
        let change = lab.edit(&pod, |pod| pod["status"]["phase"] = "Failed".into()).unwrap();
        assert_eq!(keys_for(&change, &lab.world), [key]);
    }
}

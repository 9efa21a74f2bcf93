//! Removes the Secrets of bootstrap tokens that have ended.

use std::time::Duration;

use object::Key;

use crate::{
    Action, Change, Controller, Plan, Round, World,
    access::{BOOTSTRAP_NAMESPACE, bootstrap_token_end},
};

pub const CONTROLLER: Controller =
    Controller { name: "token-cleaner-controller", watches: &[SECRETS], keys_for, plan };

const SECRETS: &str = "secrets";

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    let is_near = &*change.key.namespace == BOOTSTRAP_NAMESPACE;
    is_near.then(|| change.key.clone()).into_iter().collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(secret) = round.world.entry(round.key) else { return Plan::default() };
    let Some(end) = bootstrap_token_end(&secret.body) else { return Plan::default() };
    let left = end.duration_since(round.now);
    if left.is_positive() {
        let left = Duration::from_secs(left.as_secs().unsigned_abs() + 1);
        return Plan { requeue_after: Some(left), ..Plan::default() };
    }
    let action = Action::Delete {
        key: round.key.clone(),
        uid: secret.meta.uid.clone(),
        propagation: None,
        grace_seconds: None,
    };
    Plan { actions: vec![action], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::*;
    use crate::testing::Lab;

    #[test]
    fn tokens_that_have_ended_go() {
        let ends = ByteString(b"2026-01-01T01:00:00Z".to_vec());
        let mut lab = Lab::with([json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token", "data": {"expiration": ends}})]);
        let key = Key::new(SECRETS, "kube-system", "bootstrap-token-abcdef");
        let plan = lab.plan(&CONTROLLER, &key);
        assert!(plan.actions.is_empty() && plan.requeue_after.is_some());
        lab.pass(3601);
        lab.settle(&[CONTROLLER]);
        assert!(lab.world.entry(&key).is_none());
    }
}

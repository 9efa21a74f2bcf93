//! Gives every namespace its ServiceAccount `default`.

use object::Key;
use serde_json::json;

use super::namespace::NAMESPACES;
use crate::{Action, Change, Controller, Plan, Round, World};

pub const CONTROLLER: Controller = Controller {
    name: "serviceaccount-controller",
    watches: &[NAMESPACES, SERVICE_ACCOUNTS],
    keys_for,
    plan,
};

const SERVICE_ACCOUNTS: &str = "serviceaccounts";
const DEFAULT: &str = "default";

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    match &*change.key.kind {
        NAMESPACES => vec![change.key.clone()],
        _ if &*change.key.name == DEFAULT && change.new.is_none() => {
            vec![Key::new(NAMESPACES, "", &change.key.namespace)]
        }
        _ => Vec::new(),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(namespace) = round.world.entry(round.key) else { return Plan::default() };
    let key = Key::new(SERVICE_ACCOUNTS, &namespace.key.name, DEFAULT);
    if namespace.meta.is_deleting() || round.world.entry(&key).is_some() {
        return Plan::default();
    }
    let body = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": DEFAULT, "namespace": &*key.namespace}});
    Plan { actions: vec![Action::Create { key, body }], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    #[test]
    fn every_namespace_has_one() {
        let mut lab = Lab::with([
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "d"}}),
        ]);
        lab.settle(&[CONTROLLER]);
        let key = Key::new(SERVICE_ACCOUNTS, "d", DEFAULT);
        let change = lab.remove(&key).unwrap();
        let woken = keys_for(&change, &lab.world);
        assert_eq!(
            lab.plan(&CONTROLLER, &woken[0]).to_string(),
            "create serviceaccounts/d/default\n"
        );
        lab.edit(&woken[0], |o| o["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
        assert!(lab.plan(&CONTROLLER, &woken[0]).actions.is_empty());
    }
}

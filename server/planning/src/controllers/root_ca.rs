//! Publishes the authority's certificate in every namespace, from where pods mount it. The one of
//! `kube-system` is written by the server and is what the others are copied from.

use std::sync::Arc;

use object::Key;
use serde_json::{Value, json};

use super::namespace::NAMESPACES;
use crate::{Action, Change, Controller, Entry, Plan, Round, World};

pub const CONTROLLER: Controller = Controller {
    name: "root-ca-certificate-publisher",
    watches: &[NAMESPACES, CONFIG_MAPS],
    keys_for,
    plan,
};

const CONFIG_MAPS: &str = "configmaps";
const NAME: &str = "kube-root-ca.crt";
const CERTIFICATE: &str = "ca.crt";
const SOURCE: &str = "kube-system";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        NAMESPACES => vec![change.key.clone()],
        _ if &*change.key.name != NAME => Vec::new(),
        _ if &*change.key.namespace == SOURCE => {
            world.of_kind(NAMESPACES).map(|namespace| namespace.key.clone()).collect()
        }
        _ => vec![Key::new(NAMESPACES, "", &change.key.namespace)],
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(namespace) = round.world.entry(round.key) else { return Plan::default() };
    if namespace.meta.is_deleting() || &*namespace.key.name == SOURCE {
        return Plan::default();
    }
    let data_of = |entry: &Arc<Entry>| entry.decode::<kinds::config_map::ConfigMap>()?.data;
    let source = round.world.entry(&Key::new(CONFIG_MAPS, SOURCE, NAME)).and_then(data_of);
    let Some(wanted) = source.and_then(|mut data| data.remove(CERTIFICATE)) else {
        return Plan::default();
    };
    let key = Key::new(CONFIG_MAPS, &namespace.key.name, NAME);
    let data = json!({CERTIFICATE: wanted});
    let action = match round.world.entry(&key) {
        None => Action::Create {
            body: json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": NAME, "namespace": &*key.namespace}, "data": data}),
            key,
        },
        Some(old) => {
            let there = json!(data_of(old).unwrap_or_default());
            if there == data {
                return Plan::default();
            }
            // What others have put beside the certificate goes.
            let mut patched = there;
            patched.as_object_mut().into_iter().flatten().for_each(|(_, v)| *v = Value::Null);
            patched[CERTIFICATE] = wanted.into();
            Action::Patch {
                patch: json!({"metadata": {"uid": old.meta.uid,
                    "resourceVersion": old.revision.to_string()}, "data": patched}),
                key,
                subresource: "",
            }
        }
    };
    Plan { actions: vec![action], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn map(namespace: &str, certificate: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": namespace},
            "data": {"ca.crt": certificate}})
    }

    #[test]
    fn copies_follow_the_source() {
        let mut lab = Lab::with([
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "d"}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SOURCE}}),
        ]);
        let namespace = Key::new(NAMESPACES, "", "d");
        assert!(lab.plan(&CONTROLLER, &namespace).actions.is_empty(), "there is no source yet");
        let source = lab.put(map(SOURCE, "one"));
        lab.settle(&[CONTROLLER]);
        let copy = Key::new(CONFIG_MAPS, "d", NAME);
        assert_eq!(lab.value(&copy)["data"]["ca.crt"], "one");
        let change = lab.edit(&source, |map| map["data"]["ca.crt"] = "two".into()).unwrap();
        assert_eq!(keys_for(&change, &lab.world).len(), 2);
        lab.settle(&[CONTROLLER]);
        assert_eq!(lab.value(&copy)["data"]["ca.crt"], "two");
    }
}

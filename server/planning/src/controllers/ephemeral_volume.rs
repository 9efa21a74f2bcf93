//! Makes the claims of pods' own volumes, which go with their pods.

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::json;

use crate::{
    Action, Change, Controller, Plan, Round, Severity, World, owners,
    pods::{self, PODS},
    storage::CLAIMS,
};

pub const CONTROLLER: Controller =
    Controller { name: "ephemeral-volume", watches: &[PODS, CLAIMS], keys_for, plan };

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == CLAIMS {
        // One that is gone may be wanted again.
        let gone = change.old.iter().filter(|_| change.new.is_none());
        let users = gone.flat_map(|claim| world.using_claim(&claim.key.namespace, &claim.key.name));
        return users.map(|pod| pod.key.clone()).collect();
    }
    let has_own = |pod: &&std::sync::Arc<crate::Entry>| {
        pods::is_running(pod) && pod.pod().is_some_and(|pod| pod.has_ephemeral_claims)
    };
    change.new.iter().filter(has_own).map(|pod| pod.key.clone()).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let entry = round.world.entry(round.key).filter(|pod| pods::is_running(pod));
    let Some(entry) = entry else { return Plan::default() };
    let Some(spec) = entry.read::<Pod>().and_then(|pod| pod.spec) else { return Plan::default() };
    let mut actions = Vec::new();
    for volume in spec.volumes.iter().flatten() {
        let source = volume.ephemeral.as_ref();
        let Some(template) = source.and_then(|source| source.volume_claim_template.as_ref()) else {
            continue;
        };
        let name = format!("{}-{}", entry.key.name, volume.name);
        let key = Key::new(CLAIMS, &entry.key.namespace, &name);
        match round.world.entry(&key) {
            None => {
                let given = template.metadata.clone().unwrap_or_default();
                let metadata = ObjectMeta {
                    name: Some(name),
                    namespace: Some(entry.key.namespace.to_string()),
                    labels: given.labels,
                    annotations: given.annotations,
                    owner_references: Some(vec![owners::controller_reference(entry)]),
                    ..ObjectMeta::default()
                };
                let spec = Some(template.spec.clone());
                let claim = PersistentVolumeClaim { metadata, spec, status: None };
                actions.push(Action::Create { key, body: json!(claim) });
            }
            Some(claim) => {
                let owner = claim.meta.controller();
                if owner.is_none_or(|owner| owner.uid != entry.meta.uid) {
                    let message =
                        format!("PVC {} was not created for the pod: it is of another", key.name);
                    let source = CONTROLLER.name;
                    let reason = "FailedCreate";
                    actions.push(pods::record(entry, source, Severity::Warning, reason, message));
                }
            }
        }
    }
    Plan { actions, ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    #[test]
    fn makes_the_claims_of_a_pod() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {}});
        let mut lab = Lab::with([json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "d", "uid": "pod"}, "spec": {"containers": [],
                "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]}})]);
        lab.settle(&[CONTROLLER]);
        let claim = lab.value(&Key::new(CLAIMS, "d", "p-v"));
        assert_eq!(claim["metadata"]["ownerReferences"][0]["uid"], "pod");
        assert_eq!(claim["metadata"]["labels"]["a"], "b");
        assert!(lab.plan(&CONTROLLER, &Key::new(PODS, "d", "p")).actions.is_empty());
        assert_eq!(lab.world.using_claim("d", "p-v").count(), 1);
    }
}

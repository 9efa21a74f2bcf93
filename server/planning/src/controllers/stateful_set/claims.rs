//! The volume claims of a StatefulSet's pods, which outlive them unless the set says otherwise.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use object::Key;
use serde_json::{Value, json};

use super::set::Set;
use crate::{Action, Entry, Severity, owners};

pub(super) const CLAIMS: &str = "persistentvolumeclaims";

/// The names of the templates and of a number's claims.
pub(super) fn names(set: &Set<'_>, ordinal: i32) -> Vec<(String, String)> {
    let templates = set.object.spec.volume_claim_templates.iter().flatten();
    let names = templates.filter_map(|template| template.metadata.name.clone());
    names
        .map(|name| {
            let claim = format!("{name}-{}-{ordinal}", set.entry.key.name);
            (name, claim)
        })
        .collect()
}

/// Makes the claims that a number lacks, before its pod, and sets whose they are. Whether the pod
/// may come.
pub(super) fn tend(set: &mut Set<'_>, ordinal: i32) -> bool {
    let has_pod = set.pods.contains_key(&ordinal);
    let mut is_ready = true;
    for (template, name) in names(set, ordinal) {
        let key = Key::new(CLAIMS, &set.entry.key.namespace, &name);
        match set.world.entry(&key) {
            Some(claim) if claim.meta.is_deleting() => is_ready &= has_pod,
            Some(claim) => {
                let action = set_owner(set, claim, None);
                set.actions.extend(action);
            }
            None if has_pod => {}
            None => {
                is_ready = false;
                create(set, key, &template, ordinal);
            }
        }
    }
    is_ready
}

/// A pod that goes because the set shrinks takes its claims along, if the set says so.
pub(super) fn hand_to_pod(set: &mut Set<'_>, ordinal: i32, pod: &Arc<Entry>) {
    for (_, name) in names(set, ordinal) {
        let key = Key::new(CLAIMS, &set.entry.key.namespace, &name);
        if let Some(claim) = set.world.entry(&key).filter(|claim| !claim.meta.is_deleting()) {
            let action = set_owner(set, claim, Some(pod));
            set.actions.extend(action);
        }
    }
}

fn create(set: &mut Set<'_>, key: Key, template: &str, ordinal: i32) {
    let mut templates = set.object.spec.volume_claim_templates.iter().flatten();
    let Some(mut claim) =
        templates.rfind(|one| one.metadata.name.as_deref() == Some(template)).cloned()
    else {
        return;
    };
    let mut labels = claim.metadata.labels.take().unwrap_or_default();
    labels.extend(set.object.spec.selector.match_labels.clone().unwrap_or_default());
    claim.metadata = ObjectMeta {
        name: Some(key.name.to_string()),
        namespace: Some(key.namespace.to_string()),
        labels: Some(labels),
        annotations: claim.metadata.annotations.take(),
        owner_references: deletes(set, "whenDeleted")
            .then(|| vec![owners::controller_reference(set.entry)]),
        ..ObjectMeta::default()
    };
    claim.status = None;
    let message = format!(
        "create Claim {} Pod {set}-{ordinal} in StatefulSet {set} success",
        key.name,
        set = set.entry.key.name
    );
    let event = set.event(Severity::Normal, "SuccessfulCreate", message);
    set.actions.push(Action::Create { key, body: json!(claim) });
    set.actions.push(event);
}

/// Whether the retention policy says `Delete`.
fn deletes(set: &Set<'_>, when: &str) -> bool {
    let policy = set.object.spec.persistent_volume_claim_retention_policy.as_ref();
    let said = policy.and_then(|policy| match when {
        "whenDeleted" => policy.when_deleted.as_deref(),
        _ => policy.when_scaled.as_deref(),
    });
    said == Some("Delete")
}

/// The patch that makes the set, the pod or nobody the owner of a claim, if that is not so.
fn set_owner(set: &Set<'_>, claim: &Entry, condemned: Option<&Arc<Entry>>) -> Option<Action> {
    let of_pod = condemned.filter(|_| deletes(set, "whenScaled"));
    let of_set = deletes(set, "whenDeleted") && of_pod.is_none();
    let is_pods = |owner: &object::OwnerRef| {
        owner.kind == "Pod" && owner.name.starts_with(&format!("{}-", set.entry.key.name))
    };
    let owners = &claim.meta.owner_references;
    let has_set = owners.iter().any(|owner| owner.uid == set.entry.meta.uid);
    let has_pod = owners.iter().any(|owner| of_pod.is_some_and(|pod| owner.uid == pod.meta.uid));
    let has_other = owners.iter().any(|owner| is_pods(owner) && of_pod.is_none());
    if has_set == of_set && has_pod == of_pod.is_some() && !has_other {
        return None;
    }
    let stale: Vec<Arc<str>> = owners
        .iter()
        .filter(|owner| is_pods(owner) || owner.uid == set.entry.meta.uid)
        .map(|owner| owner.uid.clone())
        .collect();
    let reference = match of_pod {
        Some(pod) => Some(json!(owners::controller_reference(pod))),
        None => of_set.then(|| json!(owners::controller_reference(set.entry))),
    };
    Some(owners::set_owners(claim, |owners: &mut Vec<Value>| {
        owners.retain(|owner| stale.iter().all(|uid| owner["uid"] != **uid));
        owners.extend(reference);
    }))
}

//! The making of the ReplicaSet for a new template.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::apps::v1::{ReplicaSet, ReplicaSetSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::json;

use super::{
    REPLICA_SETS, history,
    progress::Note,
    rollout::{DESIRED, HASH_LABEL, MAXIMUM, Rollout},
};
use crate::{Action, names, owners};

pub(super) fn create(rollout: &mut Rollout<'_>, size: i32) {
    let hash = hash(rollout);
    let name = format!("{}-{hash}", rollout.entry.key.name);
    let key = Key::new(REPLICA_SETS, &rollout.entry.key.namespace, &name);
    if rollout.world.entry(&key).is_some() {
        // The name belongs to a set with another template or owner: the next round takes another.
        rollout.collision_count = Some(rollout.collision_count.unwrap_or(0) + 1);
        return;
    }
    let revision = (rollout.revision_max() + 1).to_string();
    let set = new_set(rollout, &name, &hash, size, &revision);
    history::note_revision(rollout, &revision);
    rollout.actions.push(Action::Create { key, body: json!(set) });
    let refusal = rollout.failures.iter().find(|failure| failure.action.starts_with("create"));
    rollout.note = Some(match refusal {
        Some(failure) => Note::create_error(&name, &failure.error),
        None => Note::created(&name),
    });
    if size > 0 {
        rollout.record(format!("Scaled up replica set {name} from 0 to {size}"));
    }
}

/// Follows from the template, and from how many names were found taken.
fn hash(rollout: &Rollout<'_>) -> String {
    let template = json!(rollout.object.spec.template).to_string();
    let collisions = rollout.collision_count.unwrap_or(0).to_string();
    names::letters(&[&template, &collisions], 9)
}

fn new_set(rollout: &Rollout<'_>, name: &str, hash: &str, size: i32, revision: &str) -> ReplicaSet {
    let spec = &rollout.object.spec;
    let with_hash = |labels: Option<BTreeMap<String, String>>| {
        let mut labels = labels.unwrap_or_default();
        labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
        Some(labels)
    };
    let mut template = spec.template.clone();
    let metadata = template.metadata.get_or_insert_default();
    metadata.labels = with_hash(metadata.labels.take());
    let mut selector = spec.selector.clone();
    selector.match_labels = with_hash(selector.match_labels.take());
    let mut annotations = history::copied_annotations(rollout.entry);
    annotations.insert(history::REVISION.to_owned(), revision.to_owned());
    annotations.insert(DESIRED.to_owned(), rollout.desired.to_string());
    annotations.insert(MAXIMUM.to_owned(), rollout.total_max().to_string());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(rollout.entry.key.namespace.to_string()),
            labels: metadata.labels.clone(),
            annotations: Some(annotations),
            owner_references: Some(vec![owners::controller_reference(rollout.entry)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(size),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        },
        status: None,
    }
}

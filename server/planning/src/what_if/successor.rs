//! The pod that a controller makes in the place of one that is lost.

use serde_json::{Value, json};

use crate::{Entry, World, owners};

const NOT_REPLACED: &str = "NotReplaced";
const HOST_BOUND: &str = "HostBound";

/// The successor, waiting for a node; or why there is none.
pub(super) fn of(world: &World, pod: &Entry) -> Result<Entry, &'static str> {
    let owner = pod.meta.controller().ok_or(NOT_REPLACED)?;
    if owner.kind == "DaemonSet" {
        return Err(HOST_BOUND);
    }
    // Of kinds that are not known here it is taken that they look after their pods.
    let is_known = owners::owner_key(owner, &pod.key.namespace);
    if is_known.is_some_and(|key| super::KINDS.contains(&&*key.kind) && world.entry(&key).is_none())
    {
        return Err(NOT_REPLACED);
    }
    let body = body(pod).ok_or(NOT_REPLACED)?;
    Entry::new(pod.key.clone(), pod.revision, body.to_string().into()).ok_or(NOT_REPLACED)
}

fn body(pod: &Entry) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(&pod.body).ok()?;
    body["spec"].as_object_mut()?.remove("nodeName");
    body["metadata"]["uid"] = format!("after-{}", pod.meta.uid).into();
    body["status"] = json!({"phase": "Pending"});
    Some(body)
}

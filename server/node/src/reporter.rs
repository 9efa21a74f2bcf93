//! Writes a pod's status, when it has changed.

use std::sync::Arc;

use client::{PatchType, Selection, WriteOptions};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use object::{ApiError, Reason};
use planning::node::{Observed, status};
use serde_json::{Value, json};

use crate::{context::Context, pod_state::PodState};

const RETRY_MIN: SignedDuration = SignedDuration::from_secs(1);
const RETRY_MAX: SignedDuration = SignedDuration::from_secs(30);
/// How often a status is tried at once when somebody else was faster.
const CONFLICTS_MAX: usize = 3;

/// The newest view of a pod: the world's, or what the API answered to a write that the world has
/// not told of yet.
pub(crate) struct Reporter {
    context: Arc<Context>,
    state: Arc<PodState>,
    written: Option<(u64, Pod)>,
    retry_at: Option<Timestamp>,
    pause: SignedDuration,
}

impl Reporter {
    pub(crate) fn new(context: Arc<Context>, state: Arc<PodState>) -> Self {
        Self { context, state, written: None, retry_at: None, pause: RETRY_MIN }
    }

    /// The pod as far as is known; `None` when it is gone.
    pub(crate) fn current(&mut self) -> Option<Pod> {
        let world = self.context.world();
        let entry =
            world.entry(&self.state.key).filter(|entry| *entry.meta.uid == *self.state.uid)?;
        if let Some((revision, pod)) = &self.written {
            if *revision > entry.revision {
                return Some(pod.clone());
            }
            self.written = None;
        }
        entry.decode::<kinds::pod::Pod>()
    }

    /// Asks the API itself. A list, because it tells "gone" from "not yours".
    pub(crate) async fn exists(&self) -> Result<bool, ApiError> {
        let (key, node) = (&self.state.key, &self.context.config.node);
        let selection = Selection {
            namespace: Some(key.namespace.clone()),
            fields: Some(format!("spec.nodeName={node},metadata.name={}", key.name)),
            ..Selection::default()
        };
        let found = self.context.client.list(&key.kind, &selection).await?;
        for object in found.items {
            let pod: Pod = object.decode()?;
            if pod.metadata.uid.as_deref() == Some(&self.state.uid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reports what is there; answers when to try again if the API did not take it.
    pub(crate) async fn report(
        &mut self,
        observed: &Observed,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.retry_at.is_some_and(|at| at > now) {
            return self.retry_at;
        }
        for _ in 0..CONFLICTS_MAX {
            let pod = self.current()?;
            let Some(patch) = self.change(&pod, observed, now) else { break };
            let options = WriteOptions::default();
            let body = patch.to_string().into();
            let client = &self.context.client;
            match client.patch(&self.state.key, "status", PatchType::Merge, body, &options).await {
                Ok(object) => {
                    let revision = object.revision;
                    self.written = object.decode().ok().map(|pod| (revision, pod));
                    break;
                }
                Err(error) if error.is_conflict() => {
                    let fresh = client.get(&self.state.key).await.ok();
                    let fresh = fresh.and_then(|o| Some((o.revision, o.decode::<Pod>().ok()?)));
                    let is_same = |pod: &Pod| pod.metadata.uid.as_deref() == Some(&self.state.uid);
                    self.written = Some(fresh.filter(|(_, pod)| is_same(pod))?);
                }
                Err(error) if error.is_not_found() => break,
                Err(error) => return Some(self.failed(&error, now)),
            }
        }
        (self.retry_at, self.pause) = (None, RETRY_MIN);
        None
    }

    fn failed(&mut self, error: &ApiError, now: Timestamp) -> Timestamp {
        if error.reason == Reason::Invalid {
            tracing::warn!(pod = %self.state.key, %error, "the API refuses the pod's status");
        } else {
            tracing::debug!(pod = %self.state.key, %error, "the status will be written later");
        }
        let at = now + self.pause;
        self.pause = (self.pause * 2).min(RETRY_MAX);
        self.retry_at = Some(at);
        at
    }

    /// The patch that makes the stored status the right one; `None` when it is.
    fn change(&self, pod: &Pod, observed: &Observed, now: Timestamp) -> Option<Value> {
        let notes = self.state.notes();
        if notes.torn_down {
            return None;
        }
        let new = status(pod, observed, &notes, &self.context.place(), now);
        let old = pod.status.clone().unwrap_or_default();
        if new == old {
            return None;
        }
        let value = |status| serde_json::to_value(status).unwrap_or_default();
        let (mut new, old) = (value(new), value(old));
        if let (Some(new), Some(old)) = (new.as_object_mut(), old.as_object()) {
            for gone in
                old.keys().filter(|key| !new.contains_key(*key)).cloned().collect::<Vec<_>>()
            {
                new.insert(gone, Value::Null);
            }
        }
        let meta = &pod.metadata;
        Some(json!({
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
            "status": new,
        }))
    }
}

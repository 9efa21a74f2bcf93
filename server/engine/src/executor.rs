//! Carries actions out, in order, and makes no choice.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use client::{Client, DeleteOptions, Fence, Object, PatchType, Selection, WriteOptions};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use jiff::Timestamp;
use object::{ApiError, Key, KindName};
use planning::{Action, Answer, Failure};
use serde_json::{Value, json};

use crate::{Barrier, Outcome, events, outcome::Trouble};

/// What happens outside the API: on hosts, and with keys.
#[async_trait]
pub trait Effects: Send + Sync {
    /// Starts the host's agent, or brings it up to date; nothing happens if it is.
    async fn install(&self, host: &Value) -> Result<(), ApiError>;
    /// Removes everything that is ours from the host.
    async fn remove(&self, host: &Value) -> Result<(), ApiError>;
    /// The certificate, as PEM, that an approved CertificateSigningRequest asks for.
    async fn sign(&self, request: &Value) -> Result<String, ApiError>;
}

/// Creations and deletions that follow each other are independent; so many go at once.
const PARALLEL_MAX: usize = 16;

pub struct Executor {
    client: Arc<dyn Client>,
    effects: Arc<dyn Effects>,
    fence: Option<Fence>,
}

type Acted<'a> = (&'a Action, Result<Option<Barrier>, Trouble>);

/// Writes of this job, by key: the revision that was expected and the one that it became. A later
/// action with the same precondition means the object as this job left it.
type Written = BTreeMap<Key, (String, u64)>;

impl Executor {
    /// Every write carries the fence: a copy that lost its lease writes nothing more.
    pub fn new(client: Arc<dyn Client>, effects: Arc<dyn Effects>, fence: Option<Fence>) -> Self {
        Self { client, effects, fence }
    }

    /// Carries actions out until the first that fails; the status is written all the same.
    pub async fn execute(&self, actions: &[Action], now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let mut written = Written::new();
        let mut is_over = false;
        let mut rest = actions;
        while let [first, ..] = rest {
            let alike = if is_independent(first) {
                rest.iter().take_while(|action| is_independent(action)).count()
            } else {
                1
            };
            let (now_due, later) = rest.split_at(alike);
            rest = later;
            if is_over && !matches!(first, Action::SetStatus { .. }) {
                continue;
            }
            if let [Action::Read { path }] = now_due {
                let result = self.client.read(path).await;
                outcome.answers.push(Answer { path: path.clone(), result });
                outcome.done += 1;
                continue;
            }
            let results = match now_due {
                [one] => vec![(one, self.act(one, &mut written, now).await)],
                many => self.act_at_once(many, now).await,
            };
            for (action, result) in results {
                is_over |= self.note(action, result, &mut outcome).await;
            }
        }
        outcome
    }

    /// The first shows whether such writes are accepted at all; the others follow together.
    async fn act_at_once<'a>(&'a self, actions: &'a [Action], now: Timestamp) -> Vec<Acted<'a>> {
        let (first, others) = actions.split_first().expect("there are several");
        let mut results = vec![self.act_alone(first, now).await];
        if matches!(results[0].1, Err(Trouble::Refused(_))) {
            return results;
        }
        let others: Vec<_> = others.iter().map(|action| self.act_alone(action, now)).collect();
        results.extend(stream::iter(others).buffered(PARALLEL_MAX).collect::<Vec<_>>().await);
        results
    }

    fn act_alone<'a>(&'a self, action: &'a Action, now: Timestamp) -> BoxFuture<'a, Acted<'a>> {
        async move { (action, self.act(action, &mut Written::new(), now).await) }.boxed()
    }

    /// Says whether the round is over.
    async fn note(
        &self,
        action: &Action,
        result: Result<Option<Barrier>, Trouble>,
        outcome: &mut Outcome,
    ) -> bool {
        match result {
            Ok(barrier) => {
                outcome.done += 1;
                outcome.barriers.extend(barrier);
                return false;
            }
            Err(Trouble::Stale) => {
                tracing::debug!(%action, "the world was behind");
                outcome.is_stale = true;
            }
            Err(Trouble::Refused(error)) => {
                tracing::warn!(action = %short(action), %error, "refused");
                outcome.failures.push(Failure { action: short(action), error });
            }
            Err(Trouble::Unknown(error)) => {
                tracing::warn!(action = %short(action), %error, "the API is away");
                outcome.is_unknown = true;
                outcome.barriers.extend(self.find_out(action).await);
            }
        }
        true
    }

    /// What the world must show so that it is known whether a write without answer happened.
    async fn find_out(&self, action: &Action) -> Option<Barrier> {
        let (Action::Create { key, .. }
        | Action::Update { key, .. }
        | Action::Patch { key, .. }
        | Action::SetStatus { key, .. }
        | Action::Delete { key, .. }
        | Action::Evict { pod: key, .. }) = action
        else {
            return None;
        };
        match self.client.get(key).await {
            Ok(object) => Some(reached(&object)),
            Err(error) if error.is_not_found() => match action {
                Action::Delete { key, uid, .. } | Action::Evict { pod: key, uid } => {
                    Some(Barrier::Deleted { key: key.clone(), uid: uid.clone() })
                }
                _ => None,
            },
            Err(_) => None,
        }
    }

    async fn act(
        &self,
        action: &Action,
        written: &mut Written,
        now: Timestamp,
    ) -> Result<Option<Barrier>, Trouble> {
        match action {
            Action::Create { key, body } => {
                let object = self.client.create(key, "", bytes(body), &self.options()).await?;
                Ok(Some(reached(&object)))
            }
            Action::Update { key, subresource, body } => {
                self.write(key, body, written, async |body, options| {
                    self.client.update(key, subresource, body, &options).await
                })
                .await
            }
            Action::SetStatus { key, body } => {
                // A plan's earlier write of the object may have changed the annotations.
                let mut body = body.clone();
                if let Some(meta) = body["metadata"].as_object_mut() {
                    meta.remove("annotations");
                }
                self.write(key, &body, written, async |body, options| {
                    self.client.update(key, "status", body, &options).await
                })
                .await
            }
            Action::Patch { key, subresource, patch } => {
                self.write(key, patch, written, async |body, options| {
                    self.client.patch(key, subresource, PatchType::Merge, body, &options).await
                })
                .await
            }
            Action::Delete { key, uid, propagation, grace_seconds } => {
                self.delete(key, uid, *propagation, *grace_seconds).await
            }
            Action::Bind { pod, uid, node } => {
                let binding = json!({"apiVersion": "v1", "kind": "Binding",
                    "metadata": {"name": &*pod.name, "namespace": &*pod.namespace, "uid": &**uid},
                    "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
                self.client.create(pod, "binding", bytes(&binding), &self.options()).await?;
                Ok(None)
            }
            Action::Evict { pod, uid } => {
                let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
                    "metadata": {"name": &*pod.name, "namespace": &*pod.namespace},
                    "deleteOptions": {"preconditions": {"uid": &**uid}}});
                self.client.create(pod, "eviction", bytes(&eviction), &self.options()).await?;
                Ok(Some(Barrier::Deleted { key: pod.clone(), uid: uid.clone() }))
            }
            Action::Absent { key, uid } => self.check_absent(key, uid.as_deref()).await,
            Action::Empty { namespace, kinds } => self.check_empty(namespace, kinds).await,
            Action::Sign { key, request } => {
                let certificate = self.effects.sign(request).await.map_err(Trouble::Refused)?;
                let mut body = request.clone();
                body["status"]["certificate"] = BASE64_STANDARD.encode(certificate).into();
                self.write(key, &body, written, async |body, options| {
                    self.client.update(key, "status", body, &options).await
                })
                .await
            }
            Action::IssueToken { account, secret, patch } => {
                let mut patch = patch.clone();
                let token = self.issue_token(account, secret, &patch).await?;
                patch["data"]["token"] = BASE64_STANDARD.encode(token).into();
                self.write(secret, &patch, written, async |body, options| {
                    self.client.patch(secret, "", PatchType::Merge, body, &options).await
                })
                .await
            }
            Action::InstallAgent { host } => {
                self.effects.install(host).await.map_err(Trouble::Refused)?;
                Ok(None)
            }
            Action::RemoveAgent { host } => {
                self.effects.remove(host).await.map_err(Trouble::Refused)?;
                Ok(None)
            }
            // Its answer is no outcome of an act: `execute` sees to it.
            Action::Read { .. } => Ok(None),
            // An event is for people: that it can not be written stops nothing.
            Action::Record(event) => {
                let options = self.options();
                if let Err(error) = events::record(&*self.client, event, now, &options).await {
                    tracing::debug!(%error, reason = event.reason, "an event could not be written");
                }
                Ok(None)
            }
        }
    }

    async fn write(
        &self,
        key: &Key,
        body: &Value,
        written: &mut Written,
        send: impl AsyncFnOnce(Bytes, WriteOptions) -> Result<Object, ApiError>,
    ) -> Result<Option<Barrier>, Trouble> {
        let expected = body["metadata"]["resourceVersion"].as_str();
        let object = match (expected, written.get(key)) {
            (Some(expected), Some((from, to))) if expected == from => {
                let mut body = body.clone();
                body["metadata"]["resourceVersion"] = to.to_string().into();
                send(bytes(&body), self.options()).await?
            }
            _ => send(bytes(body), self.options()).await?,
        };
        if let Some(expected) = expected {
            written.insert(key.clone(), (expected.to_owned(), object.revision));
        }
        Ok(Some(reached(&object)))
    }

    /// A token of an account that ends with a Secret, and otherwise as late as can be.
    async fn issue_token(
        &self,
        account: &Key,
        secret: &Key,
        patch: &Value,
    ) -> Result<String, Trouble> {
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": 1_u64 << 32, "boundObjectRef": {
                "apiVersion": "v1", "kind": "Secret", "name": &*secret.name,
                "uid": patch["metadata"]["uid"]}}});
        let answer = self.client.create(account, "token", bytes(&request), &self.options()).await?;
        let answer: Value = answer.decode().map_err(Trouble::Refused)?;
        let token = answer["status"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| Trouble::Refused(ApiError::internal("the API answered no token")))
    }

    async fn delete(
        &self,
        key: &Key,
        uid: &Arc<str>,
        propagation: Option<&'static str>,
        grace_seconds: Option<i64>,
    ) -> Result<Option<Barrier>, Trouble> {
        let options = DeleteOptions {
            grace_seconds,
            propagation,
            uid: Some(uid.clone()),
            resource_version: None,
            fence: self.fence.clone(),
        };
        match self.client.delete(key, &options).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(Some(Barrier::Deleted { key: key.clone(), uid: uid.clone() })),
        }
    }

    async fn check_absent(&self, key: &Key, uid: Option<&str>) -> Result<Option<Barrier>, Trouble> {
        match self.client.get(key).await {
            Ok(object) => {
                let is_other = |uid: &str| {
                    object::Meta::read(&object.body).is_ok_and(|meta| &*meta.uid != uid)
                };
                if uid.is_some_and(is_other) { Ok(None) } else { Err(Trouble::Stale) }
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn check_empty(
        &self,
        namespace: &Arc<str>,
        kinds: &[KindName],
    ) -> Result<Option<Barrier>, Trouble> {
        let namespace = (!namespace.is_empty()).then(|| namespace.clone());
        let selection = Selection { namespace, ..Selection::default() };
        for kind in kinds {
            match self.client.list(kind, &selection).await {
                Ok(list) if list.items.is_empty() => {}
                Ok(_) => return Err(Trouble::Stale),
                // A kind that is served no longer has no objects.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            dry_run: false,
            fence: self.fence.clone(),
        }
    }
}

/// Under which name controllers' writes stand in `managedFields`.
const FIELD_MANAGER: &str = "longshore-controllers";

fn is_independent(action: &Action) -> bool {
    matches!(action, Action::Create { .. } | Action::Delete { .. })
}

fn reached(object: &Object) -> Barrier {
    Barrier::Reached { kind: object.key.kind.clone(), revision: object.revision }
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

/// The action without its contents, which may be secret.
fn short(action: &Action) -> String {
    match action {
        Action::Patch { key, .. } => format!("patch {key}"),
        Action::SetStatus { key, .. } => format!("status {key}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;

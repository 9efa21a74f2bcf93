//! The bad line from an engine to the API.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::Bytes;
use client::{
    Client, Connection, DeleteOptions, EventStream, Fence, List, Object, PatchType, Selection,
    WriteOptions,
};
use jiff::SignedDuration;
use object::{ApiError, Key, KindName};
use serde_json::Value;

use crate::{api::Api, requests::Op, scaler};

/// Who gives a request up learns within this time what became of it, in a real network, too.
const LATE_MS_MAX: usize = 3000;

/// The line from an engine to the API. Every request takes a moment, in which others go on.
pub(crate) struct Line {
    pub(crate) api: Arc<Api>,
}

enum Fault {
    None,
    RequestLost,
    AnswerLost,
    SentTwice,
    Late,
}

impl Line {
    fn fault(&self) -> Fault {
        let mut state = self.api.state();
        let (is_bad, is_slow) = (state.faults.has_bad_lines, state.faults.has_late_writes);
        if !is_bad && !is_slow {
            return Fault::None;
        }
        match state.dice.below(100) {
            0..=2 if is_bad => Fault::RequestLost,
            3..=5 if is_bad => Fault::AnswerLost,
            6..=8 if is_bad => Fault::SentTwice,
            9..=11 if is_slow => Fault::Late,
            _ => Fault::None,
        }
    }

    /// The request arrives after its sender has given it up.
    fn put_off(&self, op: Op, fence: Option<&Fence>) {
        let mut state = self.api.state();
        let millis = i64::try_from(state.dice.below(LATE_MS_MAX)).expect("it is small");
        let at = state.elapsed + SignedDuration::from_millis(millis);
        state.late.push((at, op, fence.cloned()));
    }

    async fn send(&self, op: Op, fence: Option<&Fence>) -> Result<Object, ApiError> {
        Moment(false).await;
        let away = || ApiError::unavailable("the line is cut");
        if op.is_unguarded() {
            self.api.state().checks.violations.push(format!("{op:?} has no precondition"));
        }
        let result = match self.fault() {
            Fault::None => self.api.perform(&op, fence),
            Fault::RequestLost => Err(away()),
            Fault::AnswerLost => {
                self.api.perform(&op, fence).ok();
                Err(away())
            }
            Fault::SentTwice => {
                self.api.perform(&op, fence).ok();
                Moment(false).await;
                self.api.perform(&op, fence)
            }
            Fault::Late => {
                self.put_off(op.clone(), fence);
                Err(away())
            }
        };
        self.api.tell(|| match &result {
            Ok(object) => format!("  {op:?} -> {}", object.revision),
            Err(error) => format!("  {op:?} -> {error}"),
        });
        result
    }
}

/// Lets others go on once.
struct Moment(bool);

impl Future for Moment {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn parse(body: &Bytes) -> Value {
    serde_json::from_slice(body).expect("what the executor sends is JSON")
}

#[async_trait]
impl Client for Line {
    async fn get(&self, key: &Key) -> Result<Object, ApiError> {
        Moment(false).await;
        if matches!(self.fault(), Fault::RequestLost) {
            return Err(ApiError::unavailable("the line is cut"));
        }
        let stored = self.api.stored(key);
        let stored = stored.ok_or_else(|| ApiError::not_found(&key.kind, &key.name))?;
        Ok(Object { key: key.clone(), revision: stored.revision, body: stored.body.clone() })
    }

    async fn list(&self, kind: &KindName, selection: &Selection) -> Result<List, ApiError> {
        Moment(false).await;
        let (revision, mut items) = self.api.snapshot(kind);
        items.retain(|item| selection.namespace.as_ref().is_none_or(|n| *n == item.key.namespace));
        Ok(List { revision, items })
    }

    async fn watch(&self, _: &KindName, _: &Selection, _: u64) -> Result<EventStream, ApiError> {
        Err(ApiError::internal("the simulator tells the engines what changed"))
    }

    async fn create(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        if &*key.kind == "events" && !self.api.state().faults.keeps_events {
            return Ok(Object { key: key.clone(), revision: 0, body });
        }
        let body = parse(&body);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let op = match subresource {
            "eviction" => Op::Evict {
                pod: key.clone(),
                uid: Some(text(&body["deleteOptions"]["preconditions"]["uid"])),
            },
            "binding" => Op::Bind {
                pod: key.clone(),
                uid: text(&body["metadata"]["uid"]),
                node: text(&body["target"]["name"]),
            },
            _ => Op::Create { key: key.clone(), body },
        };
        self.send(op, options.fence.as_ref()).await
    }

    async fn update(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let subresource = subresource.to_owned();
        let op = Op::Update { key: key.clone(), subresource, body: parse(&body) };
        self.send(op, options.fence.as_ref()).await
    }

    async fn patch(
        &self,
        key: &Key,
        subresource: &str,
        _: PatchType,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let subresource = subresource.to_owned();
        let op = Op::Patch { key: key.clone(), subresource, patch: parse(&body) };
        self.send(op, options.fence.as_ref()).await
    }

    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), ApiError> {
        let op = Op::Delete {
            key: key.clone(),
            uid: options.uid.as_deref().map(ToOwned::to_owned),
            grace: options.grace_seconds,
            propagation: options.propagation,
        };
        self.send(op, options.fence.as_ref()).await.map(drop)
    }

    async fn read(&self, path: &str) -> Result<Value, ApiError> {
        Moment(false).await;
        match self.fault() {
            Fault::None | Fault::SentTwice => Ok(scaler::measures(&self.api, path)),
            _ => Err(ApiError::unavailable("the line is cut")),
        }
    }

    async fn connect(&self, _: &Key, _: &str, _: &str) -> Result<Connection, ApiError> {
        Err(ApiError::internal("nothing to connect to"))
    }
}

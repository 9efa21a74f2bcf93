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
use object::{ApiError, Key, KindName};
use serde_json::Value;

use crate::api::{Api, Op};

/// The line from an engine to the API. Every request takes a moment, in which others go on.
pub(crate) struct Line {
    pub(crate) api: Arc<Api>,
}

enum Fault {
    None,
    RequestLost,
    AnswerLost,
    SentTwice,
}

impl Line {
    fn fault(&self) -> Fault {
        let mut state = self.api.state();
        if !state.is_faulty {
            return Fault::None;
        }
        match state.dice.below(100) {
            0..=2 => Fault::RequestLost,
            3..=5 => Fault::AnswerLost,
            6..=8 => Fault::SentTwice,
            _ => Fault::None,
        }
    }

    async fn send(&self, op: Op, fence: Option<&Fence>) -> Result<Object, ApiError> {
        Moment(false).await;
        let away = || ApiError::unavailable("the line is cut");
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
        let body = parse(&body);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let op = match subresource {
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

    async fn connect(&self, _: &Key, _: &str, _: &str) -> Result<Connection, ApiError> {
        Err(ApiError::internal("nothing to connect to"))
    }
}

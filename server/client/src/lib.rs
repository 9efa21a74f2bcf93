//! The API as its users see it: one trait, in process and over HTTP.
//!
//! **Invariant:** does not know who serves it.

pub mod http;
pub mod reflector;
pub mod tunnel;

pub use http::HttpClient;
pub use reflector::{Reflector, Update};

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object::{ApiError, Key, KindName, Meta};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

/// An object as read. The body may lack `metadata.resourceVersion`; `revision` is it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub key: Key,
    pub revision: u64,
    pub body: Bytes,
}

impl Object {
    /// Decodes into a type of `k8s-openapi` (or any other); resourceVersion is set.
    ///
    /// # Errors
    /// When the body does not fit the type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let body = if Meta::read(&self.body).is_ok_and(|meta| meta.resource_version.is_some()) {
            self.body.clone()
        } else {
            object::body::splice(&self.body, self.revision)
        };
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::internal(format!("{} does not decode: {error}", self.key)))
    }
}

/// Which objects a list or watch wants; selectors as in query strings.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Empty: all namespaces.
    pub namespace: Option<Arc<str>>,
    pub labels: Option<String>,
    pub fields: Option<String>,
}

#[derive(Clone, Debug)]
pub struct List {
    pub revision: u64,
    pub items: Vec<Object>,
}

#[derive(Clone, Debug)]
pub enum Event {
    Added(Object),
    Modified(Object),
    /// The object as it last was, with the revision of its deletion.
    Deleted(Object),
    /// Everything up to this revision was seen.
    Bookmark(u64),
}

pub type EventStream = BoxStream<'static, Result<Event, ApiError>>;

/// The right under which a controller writes: see `store::Fence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    pub lease: Arc<str>,
    pub epoch: u64,
}

#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    pub field_manager: Option<String>,
    pub dry_run: bool,
    pub fence: Option<Fence>,
}

#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    pub grace_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`.
    pub propagation: Option<&'static str>,
    pub uid: Option<Arc<str>>,
    pub resource_version: Option<u64>,
    pub fence: Option<Fence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// One message of a stream. Channels are those of `v5.channel.k8s.io`: 0 stdin, 1 stdout, 2 stderr,
/// 3 the final `Status`, 4 resize, 255 the end of the channel named in the first byte. Logs use
/// channel 1 alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub channel: u8,
    pub data: Bytes,
}

impl Frame {
    pub const STDIN: u8 = 0;
    pub const STDOUT: u8 = 1;
    pub const STDERR: u8 = 2;
    /// The final `Status`; for a log, only a failure.
    pub const STATUS: u8 = 3;
    pub const RESIZE: u8 = 4;
    pub const CLOSE: u8 = 255;

    pub fn new(channel: u8, data: impl Into<Bytes>) -> Self {
        Self { channel, data: data.into() }
    }

    /// The last frame of a stream that failed or could not be opened.
    pub fn failure(error: &ApiError) -> Self {
        Self::new(Self::STATUS, error.to_status().to_string())
    }

    /// The failure that this frame tells, if it is one that the API knows. A command that ended
    /// with another code than 0 is none.
    pub fn error(&self) -> Option<ApiError> {
        if self.channel != Self::STATUS {
            return None;
        }
        ApiError::from_status(&serde_json::from_slice(&self.data).ok()?)
    }
}

/// A stream to a container or node. Dropping it ends it.
pub struct Connection {
    pub incoming: mpsc::Receiver<Frame>,
    pub outgoing: mpsc::Sender<Frame>,
}

#[async_trait]
pub trait Client: Send + Sync {
    async fn get(&self, key: &Key) -> Result<Object, ApiError>;
    async fn list(&self, kind: &KindName, selection: &Selection) -> Result<List, ApiError>;
    /// Changes after a revision; 0: starts with every object as `Added`, then a bookmark.
    async fn watch(
        &self,
        kind: &KindName,
        selection: &Selection,
        after: u64,
    ) -> Result<EventStream, ApiError>;
    /// Creates an object, or posts to a subresource of `key` (`binding`, `eviction`, `token`) when
    /// `subresource` is not empty. The key's name may be empty for `generateName`.
    async fn create(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError>;
    /// The body's `metadata.resourceVersion` is the precondition, when it is there.
    async fn update(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError>;
    async fn patch(
        &self,
        key: &Key,
        subresource: &str,
        kind: PatchType,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError>;
    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), ApiError>;
    /// Opens a stream: `log`, `exec`, `attach`; `query` as in the request's URL.
    async fn connect(
        &self,
        key: &Key,
        subresource: &str,
        query: &str,
    ) -> Result<Connection, ApiError>;
    /// What a path answers, of APIs that have no kinds of their own, as those of custom metrics.
    async fn read(&self, path: &str) -> Result<Value, ApiError> {
        Err(ApiError::bad_request(format!("this client does not read paths: {path}")))
    }
}

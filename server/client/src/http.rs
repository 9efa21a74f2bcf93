//! A [`Client`] for other machines: the API over HTTPS, of whichever server copy is alive.

mod connection;
mod path;
mod servers;
mod watch;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use object::{ApiError, Key, KindName, Meta};
use reqwest::{Response, Url};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Client, Connection, DeleteOptions, EventStream, List, Object, PatchType, Selection,
    WriteOptions, tunnel,
};
use servers::{Patience, Servers};

/// Objects in one page of a list.
const PAGE_OBJECTS: &str = "500";

/// A client of one or several copies of a server. Cloning it is cheap and shares connections.
#[derive(Clone)]
pub struct HttpClient {
    servers: Servers,
}

impl HttpClient {
    /// `servers` as in `https://host:6443`, at least one; `ca_pem` the certificate authority that
    /// they must show, `token` the bearer token, if any.
    ///
    /// # Errors
    /// When an address or the certificate can not be understood.
    pub fn new(servers: &[String], ca_pem: &str, token: Option<&str>) -> Result<Self, ApiError> {
        Ok(Self { servers: Servers::new(servers, ca_pem, token)? })
    }

    /// Replaces the token that requests carry, for this client and its clones.
    ///
    /// # Errors
    /// When it can not stand in a header.
    pub fn set_token(&self, token: &str) -> Result<(), ApiError> {
        self.servers.set_token(token)
    }

    /// The addresses of all copies.
    pub fn servers(&self) -> impl Iterator<Item = &Url> {
        self.servers.urls()
    }

    /// Dials a copy as a node's agent; what comes back is for [`tunnel::serve`]. An agent keeps
    /// one to each copy and dials again when it ends.
    ///
    /// # Errors
    /// When the copy is away or refuses.
    pub async fn dial_tunnel(
        &self,
        server: &Url,
        node: &str,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, ApiError> {
        let segments = ["apis", "longshore.dev", "v1", "nodes", node, "tunnel"];
        let url = path::join(server, segments);
        Ok(tunnel::over_websocket(self.servers.dial(url, None).await?))
    }

    /// Sends a request with a JSON body and reads the answer's object.
    async fn write(
        &self,
        method: Method,
        path: path::Path<'_>,
        content_type: &'static str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        if options.fence.is_some() {
            return Err(ApiError::internal("a fenced write is made inside the server only"));
        }
        let mut query = Vec::new();
        if let Some(manager) = &options.field_manager {
            query.push(("fieldManager", manager.as_str()));
        }
        if options.dry_run {
            query.push(("dryRun", "All"));
        }
        if content_type == content_type_of(PatchType::Apply) {
            // A program's own fields are its own, whoever else set them.
            query.push(("force", "true"));
        }
        let content_type = HeaderValue::from_static(content_type);
        let headers = [(header::CONTENT_TYPE, content_type)];
        let kind = path.kind.clone();
        let response = self.send(method, &path, &query, &headers, body, Patience::Answer).await?;
        object(&kind, read(response).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &path::Path<'_>,
        query: &[(&str, &str)],
        headers: &[(header::HeaderName, HeaderValue)],
        body: Bytes,
        patience: Patience,
    ) -> Result<Response, ApiError> {
        let segments = path.segments()?;
        let url = |server: &Url| path::with_query(path::join(server, &segments), query);
        self.servers.send(&method, &url, headers, &body, patience).await
    }

    async fn get_bytes(
        &self,
        path: &path::Path<'_>,
        query: &[(&str, &str)],
    ) -> Result<Bytes, ApiError> {
        let answer = self.send(Method::GET, path, query, &[], Bytes::new(), Patience::Answer);
        read(answer.await?).await
    }
}

async fn read(response: Response) -> Result<Bytes, ApiError> {
    response.bytes().await.map_err(|error| servers::unavailable(&error))
}

/// An object of a kind as the API showed it.
fn object(kind: &KindName, body: Bytes) -> Result<Object, ApiError> {
    let meta = Meta::read(&body)
        .map_err(|error| ApiError::internal(format!("the answer is no object: {error}")))?;
    let revision = meta.resource_version.as_deref().and_then(|version| version.parse().ok());
    let key = Key { kind: kind.clone(), namespace: meta.namespace, name: meta.name };
    // What is answered without being stored has no revision.
    Ok(Object { key, revision: revision.unwrap_or(0), body })
}

fn content_type_of(kind: PatchType) -> &'static str {
    match kind {
        PatchType::Json => "application/json-patch+json",
        PatchType::Merge => "application/merge-patch+json",
        PatchType::Strategic => "application/strategic-merge-patch+json",
        PatchType::Apply => "application/apply-patch+yaml",
    }
}

fn selectors(selection: &Selection) -> Vec<(&'static str, &str)> {
    let labels = selection.labels.as_deref().map(|labels| ("labelSelector", labels));
    let fields = selection.fields.as_deref().map(|fields| ("fieldSelector", fields));
    labels.into_iter().chain(fields).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    metadata: PageMeta,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct PageMeta {
    resource_version: String,
    r#continue: String,
}

#[async_trait]
impl Client for HttpClient {
    async fn get(&self, key: &Key) -> Result<Object, ApiError> {
        object(&key.kind, self.get_bytes(&path::Path::of(key, ""), &[]).await?)
    }

    async fn read(&self, path: &str) -> Result<Value, ApiError> {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let url = |server: &Url| {
            let mut url = server.clone();
            url.set_path(path);
            url.set_query(query);
            url
        };
        let none = Bytes::new();
        let answer = self.servers.send(&Method::GET, &url, &[], &none, Patience::Answer).await?;
        let body = read(answer).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::internal(format!("{path} answered no JSON: {error}")))
    }

    async fn list(&self, kind: &KindName, selection: &Selection) -> Result<List, ApiError> {
        let path = path::Path::of_kind(kind, selection.namespace.as_deref());
        let mut list = List { revision: 0, items: Vec::new() };
        let mut next = String::new();
        loop {
            let mut query = selectors(selection);
            query.push(("limit", PAGE_OBJECTS));
            if !next.is_empty() {
                query.push(("continue", &next));
            }
            let body = self.get_bytes(&path, &query).await?;
            let page: Page<'_> = serde_json::from_slice(&body)
                .map_err(|error| ApiError::internal(format!("the answer is no list: {error}")))?;
            list.revision = page.metadata.resource_version.parse().unwrap_or(list.revision);
            for item in page.items {
                // A copy, so that one object that is kept does not keep its page.
                list.items.push(object(kind, Bytes::copy_from_slice(item.get().as_bytes()))?);
            }
            next = page.metadata.r#continue;
            if next.is_empty() {
                return Ok(list);
            }
        }
    }

    async fn watch(
        &self,
        kind: &KindName,
        selection: &Selection,
        after: u64,
    ) -> Result<EventStream, ApiError> {
        let path = path::Path::of_kind(kind, selection.namespace.as_deref());
        let revision = after.to_string();
        let mut query = selectors(selection);
        query.extend([("watch", "true"), ("allowWatchBookmarks", "true")]);
        if after == 0 {
            query.extend([("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]);
        } else {
            query.push(("resourceVersion", &revision));
        }
        let response =
            self.send(Method::GET, &path, &query, &[], Bytes::new(), Patience::Stream).await?;
        Ok(watch::events(kind.clone(), response, after == 0))
    }

    async fn create(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let path = if subresource.is_empty() {
            path::Path::of_kind(&key.kind, Some(&*key.namespace))
        } else {
            path::Path::of(key, subresource)
        };
        self.write(Method::POST, path, "application/json", body, options).await
    }

    async fn update(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let path = path::Path::of(key, subresource);
        self.write(Method::PUT, path, "application/json", body, options).await
    }

    async fn patch(
        &self,
        key: &Key,
        subresource: &str,
        kind: PatchType,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let path = path::Path::of(key, subresource);
        self.write(Method::PATCH, path, content_type_of(kind), body, options).await
    }

    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), ApiError> {
        if options.fence.is_some() {
            return Err(ApiError::internal("a fenced write is made inside the server only"));
        }
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if let Some(seconds) = options.grace_seconds {
            body["gracePeriodSeconds"] = seconds.into();
        }
        if let Some(policy) = options.propagation {
            body["propagationPolicy"] = policy.into();
        }
        if let Some(uid) = &options.uid {
            body["preconditions"]["uid"] = (**uid).into();
        }
        if let Some(revision) = options.resource_version {
            body["preconditions"]["resourceVersion"] = revision.to_string().into();
        }
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let path = path::Path::of(key, "");
        let body = Bytes::from(body.to_string());
        self.send(Method::DELETE, &path, &[], &headers, body, Patience::Answer).await?;
        Ok(())
    }

    async fn connect(
        &self,
        key: &Key,
        subresource: &str,
        query: &str,
    ) -> Result<Connection, ApiError> {
        let path = path::Path::of(key, subresource);
        let segments = path.segments()?;
        let url = |server: &Url| {
            let mut url = path::join(server, &segments);
            url.set_query((!query.is_empty()).then_some(query));
            url
        };
        if subresource == "log" {
            let body = Bytes::new();
            let answer =
                self.servers.send(&Method::GET, &url, &[], &body, Patience::Stream).await?;
            return Ok(connection::of_log(answer));
        }
        let socket = self.servers.dial_any(&url, connection::SUBPROTOCOL).await?;
        Ok(connection::of_socket(socket))
    }
}

//! An API over a store in memory, asked as clients ask it.

use std::{net::Ipv4Addr, sync::Arc};

use api::{Answer, Api, Grant, Settings, SigningKey};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{Method, Request, Response};
use object::ApiError;
use planning::access::User;
use serde_json::Value;
use store::{Memory, Store};

pub(crate) struct Harness {
    pub(crate) api: Arc<Api>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) admin: String,
}

/// The lines of a watch.
pub(crate) struct Lines(BoxStream<'static, Result<Bytes, ApiError>>);

impl Lines {
    pub(crate) async fn next(&mut self) -> Value {
        let line = self.0.next().await.expect("the watch goes on").expect("a line");
        assert!(line.ends_with(b"\n"), "every event is a line");
        serde_json::from_slice(&line).expect("a line is JSON")
    }
}

pub(crate) fn signing_key() -> SigningKey {
    let pair = rcgen::KeyPair::generate().unwrap();
    SigningKey { private_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() }
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other settings than the usual ones.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(signing_key());
        change(&mut settings);
        Self::over(Arc::new(Memory::default()), settings).await
    }

    /// Over a store that keeps less of the past, say.
    pub(crate) async fn start_over(store: Arc<dyn Store>) -> Self {
        Self::over(store, Settings::new(signing_key())).await
    }

    /// Another copy of the server over the same store.
    pub(crate) async fn copy(&self) -> Self {
        Self::over(self.store.clone(), Settings::new(signing_key())).await
    }

    async fn over(store: Arc<dyn Store>, settings: Settings) -> Self {
        let api = Api::new(store.clone(), settings).unwrap();
        api.start(Vec::new()).await.unwrap();
        let masters = User::new("admin", &["system:masters"]);
        let admin = api.tokens().issue(&Grant::new(masters, Vec::new(), 3600)).unwrap().text;
        Self { api, store, admin }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        self.api.handle(request, Ipv4Addr::LOCALHOST.into()).await
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(path)
            .header("authorization", format!("Bearer {}", self.admin))
    }

    pub(crate) async fn full(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.send(request).await {
            Answer::Full(response) => response,
            // A large list comes in pieces.
            Answer::Stream(head, chunks) => {
                let chunks: Vec<Bytes> =
                    chunks.map(|chunk| chunk.expect("a piece")).collect().await;
                head.map(|()| chunks.concat().into())
            }
            _ => panic!("a full answer"),
        }
    }

    /// Asks with a JSON body (or none, for `Null`); the code and the JSON of the answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_as(method, path, "", body).await
    }

    /// As [`Self::ask`], with a media type for the body.
    pub(crate) async fn ask_as(
        &self,
        method: &str,
        path: &str,
        media: &str,
        body: Value,
    ) -> (u16, Value) {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let mut request = self.request(method, path);
        if !media.is_empty() {
            request = request.header("content-type", media);
        }
        let response = self.full(request.body(bytes).unwrap()).await;
        let code = response.status().as_u16();
        let body = serde_json::from_slice(response.body());
        (code, body.unwrap_or_else(|_| String::from_utf8_lossy(response.body()).into()))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (code, body) = self.ask("GET", path, Value::Null).await;
        assert_eq!(code, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn watch(&self, path: &str) -> Lines {
        self.watch_as(path, "application/json").await
    }

    pub(crate) async fn watch_as(&self, path: &str, accept: &str) -> Lines {
        let request = self.request("GET", path).header("accept", accept);
        match self.send(request.body(Bytes::new()).unwrap()).await {
            Answer::Stream(head, lines) => {
                assert_eq!(head.status(), 200);
                Lines(lines)
            }
            Answer::Full(response) => panic!("{:?}", response.body()),
            _ => panic!("no upgrade was asked for"),
        }
    }
}

//! A webhook on the loopback, spoken to by HTTPS.

use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{backends::serve, harness::Harness};

/// What a webhook answers to a path and a request.
pub(crate) enum Reply {
    Allow,
    Deny(&'static str),
    Patch(Value),
    /// `response`, without its uid.
    Response(Value),
    /// A whole body, as it is.
    Body(u16, Bytes),
    Hang,
}

/// Gives the answer to a path and a request.
pub(crate) type Replier = Arc<dyn Fn(&str, &Value) -> Reply + Send + Sync>;

/// The server, what it was asked, and its certificate.
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) bundle: String,
    pub(crate) asked: Arc<Mutex<Vec<Value>>>,
    pub(crate) acceptor: TlsAcceptor,
    _serving: JoinSet<()>,
}

pub(crate) fn certificate() -> (TlsAcceptor, String) {
    let names = ["127.0.0.1", "localhost", "web.default.svc"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), BASE64_STANDARD.encode(made.cert.pem()))
}

pub(crate) async fn answer(
    asked: Arc<Mutex<Vec<Value>>>,
    request: Request<Bytes>,
    reply: Replier,
) -> Response<Full<Bytes>> {
    let review: Value = serde_json::from_slice(request.body()).unwrap();
    let question = review["request"].clone();
    asked.lock().unwrap().push(question.clone());
    let uid = &question["uid"];
    let response = match reply(request.uri().path(), &question) {
        Reply::Allow => json!({"allowed": true}),
        Reply::Deny(why) => json!({"allowed": false, "status": {"message": why}}),
        Reply::Patch(patch) => json!({
            "allowed": true, "patchType": "JSONPatch",
            "patch": BASE64_STANDARD.encode(patch.to_string()),
        }),
        Reply::Response(response) => response,
        Reply::Body(code, body) => {
            return Response::builder().status(code).body(Full::new(body)).unwrap();
        }
        Reply::Hang => std::future::pending().await,
    };
    let mut response = response;
    if response.get("uid").is_none() {
        response["uid"] = uid.clone();
    }
    let body = json!({
        "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response,
    });
    Response::new(Full::new(body.to_string().into()))
}

impl Webhook {
    pub(crate) async fn start(
        reply: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (acceptor, bundle) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let reply: Replier = Arc::new(reply);
        let mut serving = JoinSet::new();
        let (tls, noted) = (acceptor.clone(), asked.clone());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, asked, reply) = (tls.clone(), noted.clone(), reply.clone());
                connections.spawn(async move {
                    // Who does not believe the certificate goes away.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    serve(stream, move |request| answer(asked.clone(), request, reply.clone()))
                        .await;
                });
            }
        });
        Self { url, bundle, asked, acceptor, _serving: serving }
    }

    pub(crate) fn questions(&self) -> Vec<Value> {
        self.asked.lock().unwrap().drain(..).collect()
    }

    /// A webhook of a configuration that is asked at a path, about operations on resources.
    pub(crate) fn at(&self, name: &str, path: &str, operations: Value, resources: Value) -> Value {
        json!({
            "name": name, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": format!("{}{path}", self.url), "caBundle": self.bundle},
            "rules": [{
                "operations": operations, "resources": resources,
                "apiGroups": ["*"], "apiVersions": ["*"],
            }],
        })
    }
}

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

pub(crate) fn mutating() -> String {
    format!("{GROUP}/mutatingwebhookconfigurations")
}

pub(crate) fn validating() -> String {
    format!("{GROUP}/validatingwebhookconfigurations")
}

/// Stores a configuration of webhooks.
pub(crate) async fn configure(api: &Harness, collection: &str, name: &str, webhooks: Vec<Value>) {
    let metadata = json!({"name": name, "labels": {"of": "test"}});
    let body = json!({"metadata": metadata, "webhooks": webhooks});
    let (code, answer) = api.ask("POST", collection, body).await;
    assert_eq!(code, 201, "{answer}");
}

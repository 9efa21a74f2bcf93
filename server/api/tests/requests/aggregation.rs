//! Groups that a service of the cluster serves.

use std::{sync::Arc, time::Duration};

use api::streams::Identity;
use bytes::Bytes;
use futures::TryStreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{
    backends::{agent, serve, service},
    harness::Harness,
};

const API_SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";

/// An authority that signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { pem, issuer: Issuer::new(params, key), der }
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// A server that serves `widgets` of `example.org/v1` to those who have a certificate of `clients`.
fn sample_server(api: &Harness, own: &Authority, clients: &Authority) -> JoinSet<()> {
    let (certificate, key) = own.sign("web.default.svc");
    let mut roots = RootCertStore::empty();
    roots.add(clients.der.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    agent(api, move |_, pipe| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(pipe).await {
                serve(stream, |request| async move { answer(&request) }).await;
            }
        }
    })
}

fn answer(request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let texts = |name: &str| -> Vec<&str> {
        request.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    };
    let value = match request.uri().path() {
        "/apis/example.org/v1" => json!({
        "kind": "APIResourceList", "groupVersion": "example.org/v1", "resources": [
            {"name": "widgets", "kind": "Widget", "namespaced": true, "verbs": ["get", "list"]},
            {"name": "widgets/status", "kind": "Widget", "namespaced": true, "verbs": ["get"]},
        ]}),
        "/openapi/v3" => json!({"paths": {"apis/example.org/v1": {
            "serverRelativeURL": "/openapi/v3/apis/example.org/v1?hash=ABC"}}}),
        "/openapi/v3/apis/example.org/v1" => json!({"openapi": "3.0.0"}),
        path => json!({
            "path": path, "method": request.method().as_str(), "bytes": request.body().len(),
            "user": texts("x-remote-user"), "groups": texts("x-remote-group"),
            "authorization": texts("authorization"),
        }),
    };
    let code = if request.method() == "POST" { StatusCode::CREATED } else { StatusCode::OK };
    Response::builder().status(code).body(Full::from(value.to_string())).unwrap()
}

async fn ask(api: &Harness, method: &str, path: &str, user: Option<&str>) -> (u16, Value) {
    let mut request = api.request(method, path).header("x-remote-user", "system:admin");
    if let Some(user) = user {
        request = request.header("impersonate-user", user);
    }
    match api.send(request.body(Bytes::from_static(b"{}")).unwrap()).await {
        api::Answer::Full(response) => {
            (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
        }
        api::Answer::Stream(head, chunks) => {
            let body: Vec<Bytes> = chunks.try_collect().await.unwrap();
            (head.status().as_u16(), serde_json::from_slice(&body.concat()).unwrap())
        }
        _ => panic!("no upgrade was asked for"),
    }
}

/// Waits for a state of the condition `Available`.
async fn wait_for(api: &Harness, name: &str, status: &str) -> Value {
    let waiting = async {
        loop {
            let (_, object) = api.ask("GET", &format!("{API_SERVICES}/{name}"), Value::Null).await;
            let condition = object["status"]["conditions"][0].clone();
            if condition["status"] == status {
                return condition;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it gets there")
}

/// Conformance: Aggregator Should be able to support the 1.17 Sample API Server using the current
/// Aggregator
#[tokio::test]
async fn a_sample_api_server_is_aggregated() {
    let (own, clients) = (Authority::new("own"), Authority::new("front-proxy"));
    let (certificate, key) = clients.sign("front-proxy-client");
    let identity =
        Identity { certificate_pem: certificate.pem().into(), key_pem: key.serialize_pem().into() };
    let api = Harness::start_with(|settings| settings.front_proxy = Some(identity)).await;
    use base64::Engine;
    let bundle = base64::prelude::BASE64_STANDARD.encode(&own.pem);
    let registered = json!({"metadata": {"name": "v1.example.org"}, "spec": {
        "group": "example.org", "version": "v1", "groupPriorityMinimum": 2000,
        "versionPriority": 200, "caBundle": bundle,
        "service": {"namespace": "default", "name": "web", "port": 80}}});
    let (code, created) = api.ask("POST", API_SERVICES, registered).await;
    assert_eq!(code, 201, "{created}");
    let absent = wait_for(&api, "v1.example.org", "False").await;
    assert_eq!(absent["reason"], "ServiceNotFound");
    let (code, refused) = ask(&api, "GET", "/apis/example.org/v1/widgets", None).await;
    assert_eq!((code, &refused["message"]), (503, &json!("service unavailable")));

    service(&api).await;
    let _server = sample_server(&api, &own, &clients);
    let passed = wait_for(&api, "v1.example.org", "True").await;
    assert_eq!(passed["message"], "all checks passed");
    let path = "/apis/example.org/v1/namespaces/default/widgets";
    let (code, told) = ask(&api, "POST", path, None).await;
    let expected = json!({
        "path": path, "method": "POST", "bytes": 2, "user": ["admin"],
        "groups": ["system:masters", "system:authenticated"], "authorization": [],
    });
    assert_eq!((code, told), (201, expected));
    let (code, refused) = ask(&api, "GET", path, Some("jane")).await;
    assert_eq!(code, 403, "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("cannot list resource \"widgets\""));

    discovers(&api).await;
    let local = wait_for(&api, "v1.apps", "True").await;
    assert_eq!(local["reason"], "Local");
    assert_eq!(
        api.ask("DELETE", &format!("{API_SERVICES}/v1.example.org"), Value::Null).await.0,
        200
    );
    let gone = async {
        while ask(&api, "GET", "/apis/example.org/v1", None).await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is forgotten");
}

async fn discovers(api: &Harness) {
    let groups = api.get("/apis").await;
    let names: Vec<&str> =
        groups["groups"].as_array().unwrap().iter().filter_map(|g| g["name"].as_str()).collect();
    assert!(names.contains(&"example.org") && names.contains(&"apps"), "{names:?}");
    let group = api.get("/apis/example.org").await;
    assert_eq!(group["preferredVersion"]["groupVersion"], "example.org/v1");
    let (_, list) = ask(api, "GET", "/apis/example.org/v1", None).await;
    assert_eq!(list["resources"][0]["name"], "widgets");
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let request = api.request("GET", "/apis").header("accept", accept).body(Bytes::new()).unwrap();
    let whole: Value = serde_json::from_slice(api.full(request).await.body()).unwrap();
    let items = whole["items"].as_array().unwrap();
    let group = items.iter().find(|item| item["metadata"]["name"] == "example.org").unwrap();
    let widgets = &group["versions"][0]["resources"][0];
    assert_eq!(
        (&widgets["resource"], &widgets["scope"]),
        (&json!("widgets"), &json!("Namespaced"))
    );
    assert_eq!(widgets["subresources"][0]["subresource"], "status");
    let index = api.get("/openapi/v3").await;
    assert_eq!(
        index["paths"]["apis/example.org/v1"]["serverRelativeURL"],
        "/openapi/v3/apis/example.org/v1?hash=ABC"
    );
    let (_, schemas) = ask(api, "GET", "/openapi/v3/apis/example.org/v1", None).await;
    assert_eq!(schemas["openapi"], "3.0.0");
}

//! Requests that are passed on to pods, services and nodes.

use api::{Answer, Body, streams::Duplex};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    backends::{agent, serve, service},
    harness::Harness,
};

const DEFAULT: &str = "/api/v1/namespaces/default";

/// A pod `a` on the node `one` whose first port is 8080.
async fn pod(api: &Harness) {
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [
        {"name": "c", "image": "i", "ports": [{"containerPort": 8080}]}]}});
    let (code, created) = api.ask("POST", &format!("{DEFAULT}/pods"), pod).await;
    assert_eq!(code, 201, "{created}");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"name": "one"}});
    assert_eq!(api.ask("POST", &format!("{DEFAULT}/pods/a/binding"), binding).await.0, 201);
    let status = json!({"status": {"podIP": "10.42.0.5", "phase": "Running"}});
    let merge = "application/merge-patch+json";
    let path = format!("{DEFAULT}/pods/a/status");
    assert_eq!(api.ask_as("PATCH", &path, merge, status).await.0, 200);
}

/// Backends that answer what they were asked, and to where.
fn telling(api: &Harness) -> JoinSet<()> {
    agent(api, |header, pipe| async move {
        let dialled = header.query;
        serve(pipe, move |request: Request<Bytes>| {
            let dialled = dialled.clone();
            async move { tell(&dialled, request) }
        })
        .await;
    })
}

fn tell(dialled: &str, mut request: Request<Bytes>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/login" => Response::builder()
            .status(StatusCode::FOUND)
            .header(header::LOCATION, "/home")
            .body(Full::default())
            .unwrap(),
        "/upgrade" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgraded.await.unwrap());
                let mut asked = [0; 4];
                io.read_exact(&mut asked).await.unwrap();
                io.write_all(&asked.map(|byte| byte.to_ascii_uppercase())).await.unwrap();
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .body(Full::default())
                .unwrap()
        }
        _ => {
            let told = json!({
                "dialled": dialled, "method": request.method().as_str(),
                "uri": request.uri().to_string(), "bytes": request.body().len(),
                "uriHeader": request.headers()["x-forwarded-uri"].to_str().unwrap(),
                "authorization": request.headers().contains_key("authorization"),
            });
            Response::new(Full::from(told.to_string()))
        }
    }
}

async fn pass(api: &Harness, method: &str, path: &str, body: Body) -> (u16, Value) {
    assert!(api.api.passes_on(path.split('?').next().unwrap()), "{path}");
    let request = api.request(method, path).body(body).unwrap();
    let peer = std::net::Ipv4Addr::LOCALHOST.into();
    match api.api.handle(request, peer).await {
        Answer::Stream(head, chunks) => {
            let body: Vec<Bytes> = chunks.try_collect().await.unwrap();
            let mut value: Value = serde_json::from_slice(&body.concat()).unwrap_or_default();
            if let Some(location) = head.headers().get(header::LOCATION) {
                value["location"] = location.to_str().unwrap().into();
            }
            (head.status().as_u16(), value)
        }
        Answer::Full(response) => {
            let location = response.headers().get(header::LOCATION);
            let location = location.map(|value| json!({"location": value.to_str().unwrap()}));
            let value = serde_json::from_slice(response.body()).ok();
            (response.status().as_u16(), value.or(location).unwrap_or_default())
        }
        _ => panic!("{path} is answered"),
    }
}

/// All methods reach pods and services, on the root and below it.
#[tokio::test]
async fn valid_responses_are_returned_for_both_pod_and_service_proxy() {
    let api = Harness::start().await;
    pod(&api).await;
    service(&api).await;
    let _agent = telling(&api);
    for base in ["pods/a", "pods/a:8080", "pods/http:a:8080", "services/web:80", "services/web"] {
        for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"] {
            let path = format!("{DEFAULT}/{base}/proxy/x%2Fy/?method={method}");
            let parts = ["ab", "cd"].map(|part| Ok(Bytes::from_static(part.as_bytes())));
            let body = Body::Stream(stream::iter(parts).boxed());
            let (code, told) = pass(&api, method, &path, body).await;
            // One that only reads and does not announce a body has none.
            let bytes = if method == "GET" { 0 } else { 4 };
            let expected = json!({
                "dialled": "address=10.42.0.5:8080", "method": method,
                "uri": format!("/x%2Fy/?method={method}"), "bytes": bytes,
                "uriHeader": format!("{DEFAULT}/{base}/proxy/x%2Fy/"), "authorization": false,
            });
            assert_eq!((code, told), (200, expected), "{method} {path}");
        }
    }
    let root = format!("{DEFAULT}/pods/a/proxy");
    let (code, moved) = pass(&api, "GET", &format!("{root}?x=1"), Bytes::new().into()).await;
    assert_eq!((code, &moved["location"]), (301, &json!(format!("{root}/?x=1"))));
    let (_, told) = pass(&api, "POST", &root, Bytes::new().into()).await;
    assert_eq!(told["uri"], "/");
    let (code, told) = pass(&api, "GET", &format!("{root}/login"), Bytes::new().into()).await;
    let location = told["location"].as_str().unwrap();
    assert!(code == 302 && location.ends_with(&format!("{root}/home")), "{location}");
}

#[tokio::test]
async fn what_can_not_be_reached_is_told_as_kubernetes_does() {
    let api = Harness::start().await;
    let _agent = telling(&api);
    for (path, code, message) in [
        ("services/web/proxy/", 404, "services \"web\" not found"),
        ("pods/nope/proxy/", 404, "pods \"nope\" not found"),
        ("pods/ftp:a:1/proxy/", 400, "invalid pods request \"ftp:a:1\""),
    ] {
        let (got, refused) =
            pass(&api, "GET", &format!("{DEFAULT}/{path}"), Bytes::new().into()).await;
        assert_eq!((got, &refused["message"]), (code, &json!(message)));
    }
    let service = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
    api.ask("POST", &format!("{DEFAULT}/services"), service).await;
    let path = format!("{DEFAULT}/services/web:80/proxy/");
    let (code, refused) = pass(&api, "GET", &path, Bytes::new().into()).await;
    let message = json!("no endpoints available for service \"web\"");
    assert_eq!((code, &refused["message"]), (503, &message));
    assert_eq!(refused["reason"], "ServiceUnavailable");
}

#[tokio::test]
async fn a_node_answers_about_itself() {
    let api = Harness::start().await;
    let node = json!({"metadata": {"name": "one"}});
    assert_eq!(api.ask("POST", "/api/v1/nodes", node).await.0, 201);
    let _agent = telling(&api);
    for name in ["one", "https:one:10250"] {
        let path = format!("/api/v1/nodes/{name}/proxy/healthz");
        let (code, told) = pass(&api, "GET", &path, Bytes::new().into()).await;
        assert_eq!((code, &told["uri"], &told["dialled"]), (200, &json!("/healthz"), &json!("")));
    }
}

#[tokio::test]
async fn an_upgrade_is_agreed_on_with_the_backend() {
    let api = Harness::start().await;
    pod(&api).await;
    let _agent = telling(&api);
    let request = api
        .request("GET", &format!("{DEFAULT}/pods/a/proxy/upgrade"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .body(Bytes::new())
        .unwrap();
    let Answer::Upgraded(head, mut stream) = api.send(request).await else {
        panic!("an upgrade is handed on")
    };
    assert_eq!(head.status(), 101);
    let io: &mut dyn Duplex = &mut stream;
    io.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    io.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"PING");
}

/// The verb of the method is what counts, on the subresource.
#[tokio::test]
async fn passing_on_needs_the_right_of_its_method() {
    let api = Harness::start().await;
    pod(&api).await;
    let _agent = telling(&api);
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = json!({"metadata": {"name": "get"}, "rules": [
        {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]}]});
    assert_eq!(api.ask("POST", &format!("{rbac}/roles"), role).await.0, 201);
    let binding = json!({"metadata": {"name": "get"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "get"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(api.ask("POST", &format!("{rbac}/rolebindings"), binding).await.0, 201);
    for (method, code) in [("GET", 200), ("POST", 403), ("OPTIONS", 403)] {
        let request = api
            .request(method, &format!("{DEFAULT}/pods/a/proxy/"))
            .header("impersonate-user", "jane")
            .body(Bytes::new())
            .unwrap();
        let got = match api.send(request).await {
            Answer::Full(response) => response.status(),
            Answer::Stream(head, _) => head.status(),
            _ => panic!("no upgrade was asked for"),
        };
        assert_eq!(got.as_u16(), code, "{method}");
    }
}

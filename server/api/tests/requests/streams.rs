//! Streams to containers, through an agent that answers here.

use api::Grant;
use bytes::Bytes;
use client::{
    Connection, Frame,
    tunnel::{self, Operation, StreamHeader},
};
use futures::StreamExt;
use object::{ApiError, Key};
use planning::access::User;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::Harness;

const PODS: &str = "/api/v1/namespaces/default/pods";

/// An agent of the node `one`: tells what it was asked in its log, and echoes everything else.
fn agent(api: &Harness) -> JoinSet<()> {
    let (server, agent) = tokio::io::duplex(4096);
    let mut tasks = JoinSet::new();
    let running = api.api.tunnels().accept("one", server);
    tasks.spawn(async move { drop(running.await) });
    tasks.spawn(async move { drop(tunnel::serve(agent, answer).await) });
    tasks
}

async fn answer(header: StreamHeader, mut connection: Connection) {
    if header.operation != Operation::Log {
        while let Some(frame) = connection.incoming.recv().await {
            connection.outgoing.send(Frame::new(Frame::STDOUT, frame.data)).await.ok();
        }
        return;
    }
    let frame = if header.query.contains("previous") {
        let error =
            ApiError::bad_request("previous terminated container \"c\" in pod \"a\" not found");
        Frame::failure(&error)
    } else {
        Frame::new(Frame::STDOUT, format!("{}/{}", header.pod, header.container))
    };
    connection.outgoing.send(frame).await.ok();
}

async fn bound_pod(api: &Harness) {
    let pod =
        json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let (code, created) = api.ask("POST", PODS, pod).await;
    assert_eq!(code, 201, "{created}");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"name": "one"}});
    assert_eq!(api.ask("POST", &format!("{PODS}/a/binding"), binding).await.0, 201);
}

#[tokio::test]
async fn logs_are_plain_text_or_a_refusal() {
    let api = Harness::start().await;
    bound_pod(&api).await;
    let _agent = agent(&api);
    let request = api.request("GET", &format!("{PODS}/a/log?tailLines=5"));
    let api::Answer::Stream(head, chunks) = api.send(request.body(Bytes::new()).unwrap()).await
    else {
        panic!("a log is a stream")
    };
    assert_eq!(head.headers()["content-type"], "text/plain; charset=utf-8");
    let text: Vec<Bytes> = chunks.map(|chunk| chunk.unwrap()).collect().await;
    assert_eq!(text, ["a/c"]);
    for (query, message) in [
        ("previous=true", "previous terminated container \"c\" in pod \"a\" not found"),
        ("container=x", "container x is not valid for pod a"),
    ] {
        let (code, refused) = api.ask("GET", &format!("{PODS}/a/log?{query}"), Value::Null).await;
        assert_eq!((code, &refused["message"]), (400, &json!(message)));
    }
}

#[tokio::test]
async fn streams_with_input_need_an_upgrade_and_the_right_to_create() {
    let api = Harness::start().await;
    bound_pod(&api).await;
    let _agent = agent(&api);
    let path = format!("{PODS}/a/exec?command=sh&stdin=true");
    let (code, refused) = api.ask("GET", &path, Value::Null).await;
    assert_eq!((code, &refused["message"]), (400, &json!("Upgrade request required")));
    let request = api
        .request("GET", &path)
        .header("upgrade", "websocket")
        .header("sec-websocket-protocol", "v5.channel.k8s.io");
    let api::Answer::Connect(mut connection) = api.send(request.body(Bytes::new()).unwrap()).await
    else {
        panic!("an upgrade is a connection")
    };
    connection.outgoing.send(Frame::new(Frame::STDIN, "hello")).await.unwrap();
    assert_eq!(connection.incoming.recv().await.unwrap().data, "hello");

    let role = json!({"metadata": {"name": "get"}, "rules": [
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}]});
    let group = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    api.ask("POST", &format!("{group}/roles"), role).await;
    let binding = json!({"metadata": {"name": "get"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "get"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(api.ask("POST", &format!("{group}/rolebindings"), binding).await.0, 201);
    let jane = api.api.client_as(User::new("jane", &[]).authenticated());
    let refused = jane.connect(&Key::new("pods", "default", "a"), "exec", "command=sh").await;
    let refused = refused.err().unwrap();
    assert_eq!(
        refused.message,
        "pods \"a\" is forbidden: User \"jane\" cannot create resource \"pods/exec\" in API group \"\" in the namespace \"default\""
    );
}

#[tokio::test]
async fn a_node_that_is_away_is_told() {
    let api = Harness::start().await;
    bound_pod(&api).await;
    tokio::time::pause();
    let (code, refused) = api.ask("GET", &format!("{PODS}/a/log"), Value::Null).await;
    assert_eq!((code, &refused["reason"]), (503, &json!("ServiceUnavailable")));
    let nodes = Grant::new(User::node("one"), Vec::new(), 60);
    let token = api.api.tokens().issue(&nodes).unwrap().text;
    assert_eq!(api.api.authenticate(Some(&token)).await.unwrap().node_name(), Some("one"));
}

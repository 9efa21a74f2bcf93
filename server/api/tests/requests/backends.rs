//! Servers in the cluster: an agent whose node's pods all answer with one HTTP service.

use std::{convert::Infallible, future::Future, sync::Arc};

use bytes::Bytes;
use client::{
    Connection, Frame,
    tunnel::{self, Operation, Pipe, StreamHeader},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};

use crate::harness::Harness;

/// An agent of the node `one` that answers every connection to its pods with `answer`. Dropping
/// the handle ends it.
pub(crate) fn agent<F>(
    api: &Harness,
    answer: impl Fn(StreamHeader, Pipe) -> F + Send + Sync + 'static,
) -> JoinSet<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (server, agent) = tokio::io::duplex(64 * 1024);
    let mut tasks = JoinSet::new();
    let running = api.api.tunnels().accept("one", server);
    let answer = Arc::new(answer);
    tasks.spawn(async move { drop(running.await) });
    tasks.spawn(async move {
        let handler = move |header: StreamHeader, connection: Connection| {
            let answer = answer.clone();
            async move {
                assert!(matches!(header.operation, Operation::Dial | Operation::Node));
                connection.outgoing.send(Frame::new(Frame::STDOUT, "")).await.ok();
                answer(header, Pipe::new(connection, Frame::STDOUT)).await;
            }
        };
        drop(tunnel::serve(agent, handler).await);
    });
    tasks
}

/// Answers HTTP on a stream of bytes; requests come with their whole bodies.
pub(crate) async fn serve<T, F>(io: T, answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send,
{
    let answer = Arc::new(answer);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(answer(Request::from_parts(head, body)).await)
        }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    serving.with_upgrades().await.ok();
}

/// A service `web` with a port 80 whose one endpoint is on the node `one`.
pub(crate) async fn service(api: &Harness) {
    let services = "/api/v1/namespaces/default/services";
    let service = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
    let (code, created) = api.ask("POST", services, service).await;
    assert_eq!(code, 201, "{created}");
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let slice = json!({
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.42.0.5"], "nodeName": "one"}],
    });
    let (code, created) = api.ask("POST", slices, slice).await;
    assert_eq!(code, 201, "{created}");
}

//! What `nodes/NAME/proxy` reaches: the part of a kubelet's HTTP API that is asked for by people and
//! by collectors. Logs, commands and attachments have their own streams.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use client::{Connection, Frame, tunnel::Pipe};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::context::Context;

type Answer = Response<Full<Bytes>>;

pub(super) async fn answer(context: Arc<Context>, connection: Connection) {
    if connection.outgoing.send(Frame::new(Frame::STDOUT, "")).await.is_err() {
        return;
    }
    let io = TokioIo::new(Pipe::new(connection, Frame::STDOUT));
    let service = service_fn(move |request: Request<Incoming>| {
        let context = context.clone();
        async move { Ok::<_, Infallible>(serve(&context, request.method(), request.uri().path())) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(io, service).await {
        tracing::debug!(%error, "a connection that asked about the node broke");
    }
}

fn serve(context: &Context, method: &Method, path: &str) -> Answer {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
    }
    match path.trim_end_matches('/') {
        "/healthz" | "/healthz/ping" => text(StatusCode::OK, "ok"),
        "/pods" | "/runningpods" => respond(StatusCode::OK, "application/json", &pods(context)),
        "/stats/summary" => match context.usage.summary(context) {
            Some(summary) => respond(StatusCode::OK, "application/json", &summary.to_string()),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "nothing is measured yet\n"),
        },
        "" => text(StatusCode::OK, "/healthz\n/pods\n/stats/summary\n"),
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

/// The pods of this node, as the API tells them.
fn pods(context: &Context) -> String {
    let world = context.world();
    let items: Vec<Value> = world
        .of_kind("pods")
        .filter_map(|entry| serde_json::from_slice(&entry.body).ok())
        .collect();
    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}).to_string()
}

fn text(status: StatusCode, body: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", body)
}

fn respond(status: StatusCode, media: &'static str, body: &str) -> Answer {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    let media = header::HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

//! Where an agent dials in: a WebSocket whose binary messages are one stream of bytes.

use std::io;

use ::http::HeaderMap;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use actix_ws::CloseCode;
use object::ApiError;

use super::{listener::Shared, request, respond, websocket};

/// What waits between the socket and the tunnel each way.
const PIPE_BYTES: usize = 64 * 1024;

/// Keeps an agent's connection.
///
/// The agent of a node keeps one WebSocket to each server open. Logs, commands and forwarded ports
/// of the node's pods travel over it.
#[utoipa::path(
    get,
    path = "/apis/longshore.dev/v1/nodes/{name}/tunnel",
    tag = "longshore",
    params(("name" = String, Path, description = "The node's name.")),
    responses(
        (status = 101, description = "The tunnel is open: binary messages are a yamux connection."),
        (status = 400, description = "The request is no WebSocket handshake."),
        (status = 403, description = "The token is not that node's."),
    ),
    security(("token" = [])),
)]
pub(super) async fn accept(
    request: HttpRequest,
    mut payload: Payload,
    shared: Data<Shared>,
    name: Path<String>,
) -> HttpResponse {
    let name = name.into_inner();
    let authorized = match request::read(&request, &mut payload).await {
        Ok(asked) => authorize(&shared, asked.headers(), &name).await,
        Err(error) => Err(error),
    };
    let socket = match authorized {
        Ok(()) => websocket::accept(&request, payload),
        Err(error) => Err(error),
    };
    let (response, session, messages) = match socket {
        Ok(socket) => socket.into_parts(),
        Err(error) => return respond::error(&error),
    };
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let running = shared.service.tunnels().accept(&name, far);
    let stopping = shared.stopping.clone();
    actix_web::rt::spawn(async move {
        let (reader, writer) = tokio::io::split(near);
        tracing::info!(node = name, "the agent is connected");
        let outcome = tokio::select! {
            result = running => result.map_err(io::Error::other),
            result = websocket::send_bytes(session.clone(), reader) => result,
            result = websocket::receive_bytes(session.clone(), messages, writer) => result,
            () = stopping.cancelled() => Ok(()),
        };
        session.close(Some(CloseCode::Away.into())).await.ok();
        match outcome {
            Ok(()) => tracing::info!(node = name, "the agent has left"),
            Err(error) => tracing::warn!(node = name, %error, "the agent's connection broke"),
        }
    });
    response
}

/// Only a node's own agent may say what the streams of its pods are.
async fn authorize(shared: &Shared, headers: &HeaderMap, node: &str) -> Result<(), ApiError> {
    let user = shared.service.authenticate(request::bearer(headers)).await?;
    if user.node_name() == Some(node) {
        return Ok(());
    }
    let why = format!("User \"{}\" is not the agent of that node", user.name);
    Err(ApiError::forbidden("nodes", node, why))
}

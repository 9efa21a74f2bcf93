//! Requests as the API takes them.

use std::net::{IpAddr, Ipv4Addr};

use ::http::{HeaderMap, Method, Request, Uri, header};
use actix_web::{HttpRequest, web::Payload};
use api::Body;
use api::ClientCertificate;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use object::{ApiError, Reason};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::BODY_BYTES_MAX;

/// The most that waits of a body that is handed on as it comes.
const CHUNKS_MAX: usize = 8;
/// As much of a body that is too large is read so that its client hears of it.
const DISCARDED_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

/// The whole request; one that asks for an upgrade has no body.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Request<Bytes>, ApiError> {
    let body = if is_upgrade(request) { Bytes::new() } else { read_body(request, payload).await? };
    head(request, body)
}

/// A request whose body is handed on as it comes.
pub(super) fn streamed(request: &HttpRequest, payload: Payload) -> Result<Request<Body>, ApiError> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let read = head(request, Body::Stream(ReceiverStream::new(receiver).boxed()))?;
    actix_web::rt::spawn(async move {
        let mut chunks = payload.map(|chunk| {
            chunk.map_err(|error| {
                ApiError::bad_request(format!("the request's body ended early: {error}"))
            })
        });
        while let Some(chunk) = chunks.next().await {
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    Ok(read)
}

pub(super) fn head<B>(request: &HttpRequest, body: B) -> Result<Request<B>, ApiError> {
    let refuse = |_| ApiError::bad_request("the request's head can not be understood");
    let scheme = if request.app_config().secure() { "https" } else { "http" };
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let authority = host.or(request.uri().authority().map(|authority| authority.as_str()));
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority.unwrap_or("localhost"))
        .path_and_query(path)
        .build()
        .map_err(refuse)?;
    let method = Method::from_bytes(request.method().as_str().as_bytes());
    let mut builder = Request::builder().method(method.map_err(|e| refuse(e.into()))?).uri(uri);
    for (name, value) in request.headers() {
        builder = builder.header(name.as_str(), value.as_bytes());
    }
    if let Some(certificate) = request.conn_data::<ClientCertificate>() {
        builder = builder.extension(certificate.clone());
    }
    builder.body(body).map_err(refuse)
}

async fn read_body(request: &HttpRequest, payload: &mut Payload) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
        ApiError::new(Reason::RequestEntityTooLarge, message)
    };
    let announced: usize = request
        .headers()
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    if announced > BODY_BYTES_MAX {
        discard(payload, 0).await;
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(announced);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request(format!("the request's body ended early: {error}"))
        })?;
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            discard(payload, body.len() + chunk.len()).await;
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads on past what was read, within reason: a client of HTTP/2 whose body is dropped sees its
/// stream end, and never why.
async fn discard(payload: &mut Payload, mut read: usize) {
    while read < DISCARDED_BYTES_MAX
        && let Some(Ok(chunk)) = payload.next().await
    {
        read += chunk.len();
    }
}

fn is_upgrade(request: &HttpRequest) -> bool {
    request.headers().contains_key("upgrade")
}

pub(super) fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}

pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// The token of the `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Gives a request the token of the browser's session, as if it had been sent as a bearer.
pub(super) fn authorize_by_session(request: &mut Request<Bytes>) {
    let token = web::session_token(request.headers());
    if let Some(Ok(value)) = token.map(|token| format!("Bearer {token}").parse()) {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
}

//! One HTTP request over a connection that stands, with TLS if it is wanted. Bodies are streamed,
//! and an upgrade turns the connection into a stream of bytes.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Frame, client::conn::http1};
use hyper_util::rt::TokioIo;
use object::ApiError;

use super::{ByteStream, tls::Tls};

/// A body as it comes.
pub type BodyStream = BoxStream<'static, Result<Bytes, ApiError>>;

/// What was answered.
pub enum Exchanged {
    Answered(Response<BodyStream>),
    /// The connection speaks another protocol from now on.
    Upgraded(Response<()>, ByteStream),
}

/// Sends a request, whose URI is a path, and reads the head of its answer.
///
/// # Errors
/// 503 when the other side can not be understood or breaks off.
pub async fn exchange(
    stream: ByteStream,
    tls: Option<&Tls>,
    request: Request<BodyStream>,
) -> Result<Exchanged, ApiError> {
    let stream = match tls {
        Some(tls) => tls.connect(stream).await?,
        None => stream,
    };
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    // Lives until the answer was read or is not wanted any more.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a backend broke");
        }
    });
    let request = request.map(|body| StreamBody::new(body.map_ok(Frame::data)));
    let mut response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upgraded = hyper::upgrade::on(&mut response);
        let upgraded = upgraded.await.map_err(|error| unreachable(&error))?;
        return Ok(Exchanged::Upgraded(response.map(drop), Box::new(TokioIo::new(upgraded))));
    }
    Ok(Exchanged::Answered(response.map(|body| {
        // The sender keeps the connection alive while the body is read.
        let chunks = body.into_data_stream().map(move |chunk| {
            let _ = &sender;
            chunk.map_err(|error| unreachable(&error))
        });
        chunks.boxed()
    })))
}

/// As Kubernetes words it.
fn unreachable(error: &hyper::Error) -> ApiError {
    use std::error::Error;
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    ApiError::unavailable(format!("error trying to reach service: {error}{source}"))
}

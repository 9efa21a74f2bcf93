//! Answers of the API as the server sends them.

use std::io::Write;

use ::http::Response;
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::{StreamExt, stream::BoxStream};
use object::ApiError;

use super::listener::End;

/// Smaller answers are sent as they are, as in Kubernetes.
const COMPRESSED_BYTES_MIN: usize = 128 * 1024;

/// A whole answer, compressed if it is large and the client likes that.
pub(super) async fn full(request: &HttpRequest, response: Response<Bytes>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let mut builder = builder(&parts);
    let is_compressible = body.len() >= COMPRESSED_BYTES_MIN
        && accepts_gzip(request)
        && !parts.headers.contains_key(::http::header::CONTENT_ENCODING);
    if !is_compressible {
        return builder.body(body);
    }
    builder.append_header((header::VARY, "Accept-Encoding"));
    let plain = body.clone();
    match tokio::task::spawn_blocking(move || compress(&plain)).await {
        Ok(compressed) => {
            builder.insert_header((header::CONTENT_ENCODING, "gzip"));
            builder.body(compressed)
        }
        Err(_) => builder.body(body),
    }
}

fn compress(body: &[u8]) -> Vec<u8> {
    let out = Vec::with_capacity(body.len() / 8);
    let mut encoder = GzEncoder::new(out, Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let values = request.headers().get_all(header::ACCEPT_ENCODING);
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && parameters.replace(' ', "") != "q=0"
        },
    )
}

/// Chunks as they come. A failure breaks the connection off, so that the client does not take what
/// it got for all.
pub(super) fn stream(
    head: Response<()>,
    chunks: BoxStream<'static, Result<Bytes, ApiError>>,
    end: End,
) -> HttpResponse {
    let (parts, ()) = head.into_parts();
    let chunks = chunks.map(|chunk| {
        chunk.map_err(|error| {
            tracing::info!(%error, "a stream broke off");
            actix_web::error::ErrorInternalServerError("the stream broke off")
        })
    });
    builder(&parts).streaming(chunks.take_until(end.reached()))
}

/// A `Status`, as the API itself would answer.
pub(super) fn failure(error: &ApiError) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(object::text::line(&error.to_status())));
    *response.status_mut() = ::http::StatusCode::from_u16(error.code())
        .unwrap_or(::http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = ::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(::http::header::CONTENT_TYPE, json);
    response
}

pub(super) fn error(error: &ApiError) -> HttpResponse {
    let (parts, body) = failure(error).into_parts();
    builder(&parts).body(body)
}

pub(super) fn builder(parts: &::http::response::Parts) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut builder = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in &parts.headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
    builder
}

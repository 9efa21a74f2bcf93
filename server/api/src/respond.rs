//! Answers as HTTP responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use object::ApiError;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::negotiate::Format;

/// Bytes of a media type.
pub(crate) fn bytes(status: StatusCode, media: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

pub(crate) fn text(status: StatusCode, text: &str) -> Response<Bytes> {
    bytes(status, "text/plain; charset=utf-8", Bytes::copy_from_slice(text.as_bytes()))
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Bytes> {
    bytes(status, "application/json", object::text::line(value).into())
}

/// JSON as the client wants to read it.
pub(crate) fn formatted(status: StatusCode, json: Bytes, format: Format) -> Response<Bytes> {
    const JSON: &str = "application/json";
    let read = || serde_json::from_slice::<Value>(&json).ok();
    match format {
        Format::Json => bytes(status, JSON, json),
        Format::Pretty => bytes(status, JSON, object::text::indented(&json).into()),
        Format::Yaml => match read().and_then(|value| serde_norway::to_string(&value).ok()) {
            Some(yaml) => bytes(status, "application/yaml", yaml.into()),
            None => bytes(status, JSON, json),
        },
    }
}

/// A failure as `Status`, in the format that was asked for.
pub(crate) fn failure(error: &ApiError, format: Format) -> Response<Bytes> {
    let mut status = error.to_status();
    // A list that can not go on tells in its metadata how it could.
    let details = status.get_mut("details").and_then(Value::as_object_mut);
    if let Some(token) = details.and_then(|details| details.remove("continue")) {
        status["metadata"]["continue"] = token;
    }
    let code = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry = status["details"]["retryAfterSeconds"].as_u64();
    let mut response = match format {
        Format::Json => json(code, &status),
        format => formatted(code, object::text::line(&status).into(), format),
    };
    if let Some(seconds) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if code == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

/// Adds what the client is to be warned of.
pub(crate) fn warn(response: &mut Response<Bytes>, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// A document that seldom changes: with an `ETag`, and 304 for a client that has it.
pub(crate) fn tagged(
    media: &'static str,
    body: Bytes,
    if_none_match: Option<&HeaderValue>,
) -> Response<Bytes> {
    let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02X}")).collect();
    let tag = format!("\"{hash}\"");
    let known = if_none_match.and_then(|value| value.to_str().ok());
    let known = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let mut response = if known {
        bytes(StatusCode::NOT_MODIFIED, media, Bytes::new())
    } else {
        bytes(StatusCode::OK, media, body)
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

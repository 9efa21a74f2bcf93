//! `/openapi/v3`: the index and the document of each group and version. A document under its hash
//! never changes, so clients keep it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use kinds::{Registry, openapi};
use object::ApiError;

use crate::{query::Query, resolve::nowhere, respond};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const KEPT_HOURS: i64 = 365 * 24;

/// `more` are documents that others serve, with their hashes.
pub(crate) fn index(
    registry: &Registry,
    more: &[(String, String)],
    if_none_match: Option<&HeaderValue>,
) -> Response<Bytes> {
    let documents = openapi::documents(registry);
    let documents = documents.iter().chain(more);
    let documents = documents.map(|(path, hash)| (path.as_str(), hash.as_str()));
    let index = openapi::index(documents).to_string();
    respond::tagged(JSON, index.into(), if_none_match)
}

/// `/openapi/v2`: as JSON, or in gnostic's protobuf for a client that prefers it.
pub(crate) fn v2(
    registry: &Registry,
    accept: Option<&str>,
    if_none_match: Option<&HeaderValue>,
) -> Response<Bytes> {
    let as_protobuf = accept.is_some_and(|accept| accept.contains("com.github.proto-openapi"));
    let media = if as_protobuf { PROTOBUF } else { JSON };
    respond::tagged(media, openapi::swagger(registry, as_protobuf).into(), if_none_match)
}

pub(crate) fn document(
    registry: &Registry,
    path: &str,
    query: &Query,
    if_none_match: Option<&HeaderValue>,
) -> Result<Response<Bytes>, ApiError> {
    let documents = openapi::documents(registry);
    let (path, hash) = documents.iter().find(|(known, _)| known == path).ok_or_else(nowhere)?;
    let tag = format!("\"{hash}\"");
    let known = if_none_match.and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.contains(&tag)) {
        respond::bytes(StatusCode::NOT_MODIFIED, JSON, Bytes::new())
    } else {
        let document = openapi::document_at(registry, path).ok_or_else(nowhere)?;
        respond::bytes(StatusCode::OK, JSON, document.into())
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if query.get("hash") == Some(hash) {
        let immutable = HeaderValue::from_static("public, immutable");
        headers.insert(header::CACHE_CONTROL, immutable);
        if let Some(expires) = expires() {
            headers.insert(header::EXPIRES, expires);
        }
    }
    Ok(response)
}

fn expires() -> Option<HeaderValue> {
    let at = Timestamp::now().checked_add(SignedDuration::from_hours(KEPT_HOURS)).ok()?;
    HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

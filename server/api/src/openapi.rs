//! `/openapi/v3`: the index and the document of each group and version. A document under its hash
//! never changes, so clients keep it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use kinds::openapi;
use object::ApiError;

use crate::{query::Query, resolve::nowhere, respond};

const JSON: &str = "application/json";
const KEPT_HOURS: i64 = 365 * 24;

/// `more` are documents that others serve, with their hashes.
pub(crate) fn index(
    more: &[(String, String)],
    if_none_match: Option<&HeaderValue>,
) -> Response<Bytes> {
    let documents = openapi::builtin().iter().chain(more);
    let documents = documents.map(|(path, hash)| (path.as_str(), hash.as_str()));
    let index = openapi::index(documents).to_string();
    respond::tagged(JSON, index.into(), if_none_match)
}

/// `/openapi/v2` without definitions. Clients read version 3 for every kind that is served, and ask
/// for version 2 about kinds that nobody serves: kubectl then says so, instead of failing to
/// download. In gnostic's protobuf, the one form that they ask for: `swagger` (1), `info` (2) with
/// `title` (1) and `version` (2), `paths` (8).
pub(crate) fn v2() -> Response<Bytes> {
    const DOCUMENT: &[u8] = b"\x0a\x032.0\x12\x12\x0a\x09Longshore\x12\x05v1.37\x42\x00";
    const MEDIA: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    respond::bytes(StatusCode::OK, MEDIA, Bytes::from_static(DOCUMENT))
}

pub(crate) fn document(
    path: &str,
    query: &Query,
    if_none_match: Option<&HeaderValue>,
) -> Result<Response<Bytes>, ApiError> {
    let (path, hash) =
        openapi::builtin().iter().find(|(known, _)| known == path).ok_or_else(nowhere)?;
    let tag = format!("\"{hash}\"");
    let known = if_none_match.and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.contains(&tag)) {
        respond::bytes(StatusCode::NOT_MODIFIED, JSON, Bytes::new())
    } else {
        let (group, version) = group_version(path);
        respond::bytes(StatusCode::OK, JSON, openapi::builtin_document(group, version).into())
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

/// `api/v1` or `apis/apps/v1` to group and version.
fn group_version(path: &str) -> (&str, &str) {
    let path = path.split_once('/').map_or("", |(_, rest)| rest);
    path.split_once('/').unwrap_or(("", path))
}

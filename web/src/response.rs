//! Answers to the browser.

use askama::Template;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, Response, StatusCode, header};
use object::ApiError;

/// What a page answers with: all at once, or events while the browser listens.
pub enum Body {
    Full(Bytes),
    Stream(BoxStream<'static, Bytes>),
}

pub(crate) type Answer = Response<Body>;

/// Only our own scripts and styles run, and nobody frames us.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

fn with_headers(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    answer
}

pub(crate) fn html(status: StatusCode, text: String) -> Answer {
    with_headers(status, "text/html; charset=utf-8", Body::Full(text.into()))
}

/// Renders a template whose fields are all displayable, which can not fail.
pub(crate) fn render(template: &impl Template) -> String {
    template.render().expect("our templates write to a string")
}

pub(crate) fn events(stream: BoxStream<'static, Bytes>) -> Answer {
    with_headers(StatusCode::OK, "text/event-stream", Body::Stream(stream))
}

/// A file of the dashboard itself; its address changes with its content, so browsers may keep it.
pub(crate) fn asset(content_type: &'static str, bytes: &'static [u8]) -> Answer {
    let mut answer =
        with_headers(StatusCode::OK, content_type, Body::Full(Bytes::from_static(bytes)));
    let cache = HeaderValue::from_static("public, max-age=31536000, immutable");
    answer.headers_mut().insert(header::CACHE_CONTROL, cache);
    answer
}

/// Sends the browser to another page with a GET.
pub(crate) fn see_other(path: &str) -> Answer {
    let mut answer = with_headers(StatusCode::SEE_OTHER, "text/plain", Body::Full(Bytes::new()));
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

/// The status that a page shows for an error of the API.
pub(crate) fn status_of(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

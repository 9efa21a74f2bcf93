//! The dashboard's pages and its live streams.

use ::http::Request;
use actix_web::HttpResponse;
use bytes::Bytes;
use futures::StreamExt;
use object::ApiError;

use super::{
    listener::{End, Shared},
    respond,
};

/// Answers a browser. Its session is the cookie, which only the dashboard takes for a token: the
/// API itself never does, so no other site can act through a browser.
pub(super) async fn answer(shared: &Shared, asked: Request<Bytes>, end: End) -> HttpResponse {
    let token = web::session_token(asked.headers()).map(str::to_owned);
    let service = shared.service.clone();
    // In a task of its own, as requests to the API: a form's write goes on when its reader leaves.
    let answering = async move { service.page(asked, token.as_deref()).await };
    let Ok(response) = shared.requests.spawn(answering).await else {
        return respond::error(&ApiError::internal("the page failed; the server's log says why"));
    };
    let (parts, body) = response.into_parts();
    match body {
        web::Body::Full(bytes) => respond::builder(&parts).body(bytes),
        web::Body::Stream(chunks) => {
            let chunks = chunks.map(Ok::<_, actix_web::Error>);
            respond::builder(&parts).streaming(chunks.take_until(end.reached()))
        }
    }
}

//! Which request goes where. The API routes by itself: all of it is one catch-all here. The routes
//! with a name of their own are those that are documented as ours.

use std::time::Duration;

use ::http::{Request, header::AUTHORIZATION};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use api::Answer;
use bytes::Bytes;
use object::{ApiError, Reason};

use super::{
    ANSWER_SECONDS_MAX, WAIT_SECONDS_MAX, documents, listener::Shared, page, request, respond,
    websocket,
};

/// The first segments of the API's paths; everything else is the dashboard's.
const API_ROOTS: &[&str] = &[
    "api",
    "apis",
    "openapi",
    "version",
    "healthz",
    "livez",
    "readyz",
    "metrics",
    ".well-known",
    "openid",
];

pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(documents::swagger()).route("/docs", web::get().to(documents::redirect));
    documents::routes(config);
    config.default_service(web::to(serve));
}

pub(super) async fn serve(
    request: HttpRequest,
    mut payload: Payload,
    shared: Data<Shared>,
) -> HttpResponse {
    if shared.stopping.is_cancelled() {
        return respond::error(&ApiError::unavailable("the server is stopping; ask another one"));
    }
    let mut asked = match request::read(&request, &mut payload).await {
        Ok(asked) => asked,
        Err(error) => return respond::error(&error),
    };
    let root = request.path().split('/').nth(1).unwrap_or_default();
    let has_authorization = asked.headers().contains_key(AUTHORIZATION);
    if !has_authorization && !API_ROOTS.contains(&root) {
        return page::answer(&shared, asked, shared.end_of(&request)).await;
    }
    // The browsable page reads the documents with its session; nothing can be changed there.
    if !has_authorization && root == "openapi" {
        request::authorize_by_session(&mut asked);
    }
    if request::is_websocket(asked.headers()) {
        return upgrade(&request, payload, asked, &shared).await;
    }
    match handle(&shared, &request, asked).await {
        Answer::Full(response) => respond::full(&request, response).await,
        Answer::Stream(head, chunks) => respond::stream(head, chunks, shared.end_of(&request)),
        Answer::Connect(_) => respond::error(&ApiError::bad_request("Upgrade request required")),
    }
}

/// A WebSocket for `exec`, `attach` and `portforward`. The handshake is checked first: a command
/// must not run for a client that can not hear of it.
async fn upgrade(
    request: &HttpRequest,
    payload: Payload,
    asked: Request<Bytes>,
    shared: &Shared,
) -> HttpResponse {
    let socket = match websocket::accept(request, payload) {
        Ok(socket) => socket,
        Err(error) => return respond::error(&error),
    };
    match handle(shared, request, asked).await {
        Answer::Connect(connection) => {
            let has_status = !request.path().ends_with("/portforward");
            socket.join(connection, has_status, shared.stopping.clone())
        }
        Answer::Full(response) => respond::full(request, response).await,
        // A watch over WebSocket is asked for by no client that we know.
        Answer::Stream(..) => {
            respond::error(&ApiError::bad_request("this path can not be upgraded"))
        }
    }
}

/// Hands a request to the API in a task of its own: a client that leaves must not stop a write
/// half way, and a panic must not take the connection's other requests with it.
async fn handle(shared: &Shared, request: &HttpRequest, asked: Request<Bytes>) -> Answer {
    let (service, peer) = (shared.service.clone(), request::peer(request));
    let handling = shared.requests.spawn(async move {
        let patience = Duration::from_secs(ANSWER_SECONDS_MAX + asked_seconds(&asked));
        tokio::time::timeout(patience, service.handle(asked, peer)).await
    });
    let error = match handling.await {
        Ok(Ok(answer)) => return answer,
        Ok(Err(_)) => {
            let message = "Timeout: request did not complete within the allotted timeout";
            ApiError::new(Reason::Timeout, message)
        }
        Err(_) => ApiError::internal("the request failed; the server's log says why"),
    };
    Answer::Full(respond::failure(&error))
}

/// How long a request that waits for something (a rollout) asks to wait.
fn asked_seconds(asked: &Request<Bytes>) -> u64 {
    let parameters = asked.uri().query().unwrap_or_default().split('&');
    let seconds = parameters.filter_map(|one| one.strip_prefix("timeoutSeconds="));
    seconds.filter_map(|text| text.parse::<u64>().ok()).next().unwrap_or(0).min(WAIT_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_to_wait_gets_that_time() {
        for (query, seconds) in [
            ("", 0),
            ("?a=b&timeoutSeconds=120", 120),
            ("?timeoutSeconds=x", 0),
            ("?timeoutSeconds=9999999", WAIT_SECONDS_MAX),
        ] {
            let uri = format!("https://localhost/apis/apps/v1{query}");
            let asked = Request::builder().uri(uri).body(Bytes::new()).unwrap();
            assert_eq!(asked_seconds(&asked), seconds, "{query}");
        }
    }
}

//! Which request goes where. The API routes by itself: all of it is one catch-all here. The routes
//! with a name of their own are those that are documented as ours.

use std::time::Duration;

use ::http::{Request, Uri, header::AUTHORIZATION};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Payload, ServiceConfig},
};
use api::{Answer, Body};
use bytes::Bytes;
use object::{ApiError, Reason};

use super::{
    ANSWER_PATIENCE, WAIT_SECONDS_MAX, documents, listener::Shared, page, passage, request,
    respond, websocket,
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
    if shared.service.passes_on(request.path()) {
        return pass_on(&request, payload, &shared).await;
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
    match handle(&shared, &request, asked.map(Body::Full), ANSWER_PATIENCE).await {
        Answer::Full(response) => respond::full(&request, response).await,
        Answer::Stream(head, chunks) => respond::stream(head, chunks, shared.end_of(&request)),
        _ => respond::error(&ApiError::bad_request("Upgrade request required")),
    }
}

/// A WebSocket for `exec`, `attach` and `portforward`, or for a log or a watch. The handshake is
/// checked first: a command must not run for a client that can not hear of it.
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
    let stopping = shared.stopping.clone();
    match handle(shared, request, asked.map(Body::Full), ANSWER_PATIENCE).await {
        Answer::Connect(connection) => {
            let has_status = !request.path().ends_with("/portforward");
            socket.join(connection, has_status, stopping)
        }
        Answer::Bytes(stream) => socket.join_bytes(stream, stopping),
        Answer::Stream(head, chunks) => socket.join_chunks(&head, chunks, stopping),
        Answer::Full(response) => respond::full(request, response).await,
        Answer::Upgraded(..) => {
            respond::error(&ApiError::bad_request("this path can not be upgraded"))
        }
    }
}

/// A request that is passed on: its body goes as it comes, and an upgrade is agreed on with the
/// backend, not with us. It lasts as long as both want.
async fn pass_on(request: &HttpRequest, payload: Payload, shared: &Shared) -> HttpResponse {
    let upgrades = request.headers().contains_key("upgrade");
    let (asked, rest) = if upgrades {
        (request::head(request, Body::Full(Bytes::new())), Some(payload))
    } else {
        (request::streamed(request, payload), None)
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => return respond::error(&error),
    };
    match (handle(shared, request, asked, Duration::MAX).await, rest) {
        (Answer::Full(response), _) => respond::full(request, response).await,
        (Answer::Stream(head, chunks), _) => respond::stream(head, chunks, shared.end_of(request)),
        (Answer::Upgraded(head, stream), Some(payload)) => {
            passage::join(head, stream, payload, shared.stopping.clone())
        }
        _ => respond::error(&ApiError::bad_request("this path can not be upgraded")),
    }
}

/// Hands a request to the API in a task of its own: a client that leaves must not stop a write
/// half way, and a panic must not take the connection's other requests with it.
async fn handle(
    shared: &Shared,
    request: &HttpRequest,
    asked: Request<Body>,
    patience: Duration,
) -> Answer {
    let (service, peer) = (shared.service.clone(), request::peer(request));
    let handling = shared.requests.spawn(async move {
        let patience = patience.saturating_add(Duration::from_secs(asked_seconds(asked.uri())));
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
fn asked_seconds(uri: &Uri) -> u64 {
    let parameters = uri.query().unwrap_or_default().split('&');
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
            assert_eq!(asked_seconds(&uri.parse().unwrap()), seconds, "{query}");
        }
    }
}

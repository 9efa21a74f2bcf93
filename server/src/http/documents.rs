//! The browsable page of the API: Kubernetes' documents, one per group and version, and our own.

use std::{collections::BTreeSet, sync::OnceLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, Payload, ServiceConfig},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use super::{listener::Shared, routes::serve, tunnel};

const OWN: &str = "/docs/longshore.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Longshore",
        description = "What Longshore adds to the Kubernetes API, and how to begin. The objects \
                       are in the documents of their groups: choose one above.",
    ),
    paths(health, version, create_session, documents, tunnel::accept),
    modifiers(&BearerToken),
)]
struct Own;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

pub(super) fn swagger() -> SwaggerUi {
    let config = Config::new(urls().iter().map(|(name, url)| Url::new(name, url)));
    SwaggerUi::new("/docs/{_:.*}").url(OWN, Own::openapi()).config(config.deep_linking(true))
}

/// Name and address of each document: our own first, then those that the API makes.
fn urls() -> &'static [(String, String)] {
    static URLS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    URLS.get_or_init(|| {
        let versions: BTreeSet<&str> = kinds::all().iter().map(|kind| &*kind.api_version).collect();
        let kubernetes = versions.into_iter().map(|version| {
            let root = if version.contains('/') { "apis" } else { "api" };
            (version.to_owned(), format!("/openapi/v3/{root}/{version}"))
        });
        std::iter::once(("longshore".to_owned(), OWN.to_owned())).chain(kubernetes).collect()
    })
}

pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The documented routes. The API answers them like any other.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/healthz", web::to(health))
        .route("/version", web::to(version))
        .route("/openapi/v3", web::to(documents))
        .route("/apis/longshore.dev/v1/sessions", web::to(create_session))
        .route("/apis/longshore.dev/v1/nodes/{name}/tunnel", web::to(tunnel::accept));
}

/// Says whether this server can serve.
///
/// Needs no token. `/livez` and `/readyz` answer in the same way.
#[utoipa::path(get, path = "/healthz", tag = "longshore", responses(
    (status = 200, description = "It can.", content_type = "text/plain", body = str),
    (status = 503, description = "The database is away.", content_type = "application/json"),
))]
async fn health(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> HttpResponse {
    serve(request, payload, shared).await
}

/// Tells the version of the API.
#[utoipa::path(get, path = "/version", tag = "longshore", responses(
    (status = 200, description = "The version.", content_type = "application/json"),
))]
async fn version(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> HttpResponse {
    serve(request, payload, shared).await
}

/// Logs a user in.
///
/// Needs no token: the answer has one in `status.token`, to be sent as `Authorization: Bearer`.
#[utoipa::path(
    post,
    path = "/apis/longshore.dev/v1/sessions",
    tag = "longshore",
    request_body(content_type = "application/json", content = Object, example = json!({
        "apiVersion": "longshore.dev/v1", "kind": "Session",
        "spec": {"user": "admin", "password": "the password"},
    })),
    responses(
        (status = 201, description = "The session.", content_type = "application/json",
         example = json!({
            "apiVersion": "longshore.dev/v1", "kind": "Session", "metadata": {},
            "spec": {"user": "admin"},
            "status": {"token": "eyJ…", "expirationTimestamp": "2030-01-01T00:00:00Z"},
        })),
        (status = 401, description = "User or password is wrong.", content_type = "application/json"),
    ),
)]
async fn create_session(
    request: HttpRequest,
    payload: Payload,
    shared: Data<Shared>,
) -> HttpResponse {
    serve(request, payload, shared).await
}

/// Lists the OpenAPI documents of the Kubernetes API.
#[utoipa::path(
    get,
    path = "/openapi/v3",
    tag = "longshore",
    responses(
        (status = 200, description = "Where the document of each group and version is.",
         content_type = "application/json"),
    ),
    security(("token" = [])),
)]
async fn documents(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> HttpResponse {
    serve(request, payload, shared).await
}

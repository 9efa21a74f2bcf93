//! Requests for documents: discovery, OpenAPI, version, health, token keys.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use kinds::Registry;
use object::ApiError;
use planning::access::Attributes;
use serde_json::json;

use super::incoming::{Incoming, not_allowed};
use crate::{
    Api, discovery, negotiate, openapi,
    resolve::{self, Discovery, Route},
    respond,
};

impl Api {
    pub(super) async fn handle_document(
        &self,
        incoming: &Incoming<'_>,
        path: &str,
        document: Route,
    ) -> Result<Response<Bytes>, ApiError> {
        if !matches!(*incoming.method, Method::GET | Method::HEAD) {
            return Err(not_allowed());
        }
        self.authorize(&incoming.user, &Attributes::path("get", path)).await?;
        Ok(match document {
            Route::Discovery(asked) => discover(&self.registry(), incoming, &asked)?,
            Route::Version => respond::json(StatusCode::OK, &discovery::version()),
            Route::Health { probe, check } => {
                self.probe(&probe, check.as_deref(), &incoming.query).await
            }
            Route::TokenKeys => {
                let keys = self.tokens.key_set().to_string().into();
                respond::bytes(StatusCode::OK, "application/jwk-set+json", keys)
            }
            Route::TokenIssuer => {
                let issuer = self.tokens.issuer();
                let configuration = json!({
                    "issuer": issuer, "jwks_uri": format!("{issuer}/openid/v1/jwks"),
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                });
                respond::json(StatusCode::OK, &configuration)
            }
            Route::OpenApiV2 => openapi::v2(),
            Route::OpenApi(None) => openapi::index(incoming.headers.get(header::IF_NONE_MATCH)),
            Route::OpenApi(Some(path)) => {
                let known = incoming.headers.get(header::IF_NONE_MATCH);
                openapi::document(&path, &incoming.query, known)?
            }
            Route::Target(_) => return Err(resolve::nowhere()),
        })
    }
}

fn discover(
    registry: &Registry,
    incoming: &Incoming<'_>,
    asked: &Discovery,
) -> Result<Response<Bytes>, ApiError> {
    let version = negotiate::accept_discovery(incoming.header(header::ACCEPT));
    let known = incoming.headers.get(header::IF_NONE_MATCH);
    let (core, version) = match (asked, version) {
        (Discovery::Core, Some(version)) => (true, version),
        (Discovery::Groups, Some(version)) => (false, version),
        _ => {
            let wanted = negotiate::accept(incoming.header(header::ACCEPT))?;
            let document = discovery::separate(registry, asked)?.to_string();
            return Ok(respond::formatted(StatusCode::OK, document.into(), wanted.format));
        }
    };
    let media = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let document = discovery::aggregated(registry, core, version).to_string();
    Ok(respond::tagged(media, document.into(), known))
}

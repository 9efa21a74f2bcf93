//! Requests for documents: discovery, OpenAPI, version, health, token keys.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use object::ApiError;
use planning::access::Attributes;
use serde_json::json;

use super::incoming::{Incoming, not_allowed};
use crate::{
    Api, aggregation, discovery, metrics, negotiate, openapi,
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
            Route::Discovery(asked) => self.discover(incoming, &asked).await?,
            Route::Metrics => {
                respond::bytes(StatusCode::OK, metrics::MEDIA, self.render_metrics()?.into())
            }
            Route::Paths => {
                let paths = discovery::paths(&*self.registry().await?);
                respond::json(StatusCode::OK, &json!({"paths": paths}))
            }
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
            Route::OpenApiV2 => {
                let (accept, known) =
                    (incoming.header(header::ACCEPT), incoming.headers.get(header::IF_NONE_MATCH));
                openapi::v2(&*self.registry().await?, accept, known)
            }
            Route::OpenApi(None) => {
                let registry = self.registry().await?;
                let schemas = self.discovered.schemas(&self.remotes());
                let known = incoming.headers.get(header::IF_NONE_MATCH);
                openapi::index(&registry, &schemas, known)
            }
            Route::OpenApi(Some(path)) => {
                let known = incoming.headers.get(header::IF_NONE_MATCH);
                openapi::document(&*self.registry().await?, &path, &incoming.query, known)?
            }
            Route::Target(_) => return Err(resolve::nowhere()),
        })
    }

    /// What is served here, and behind it what is served elsewhere.
    async fn discover(
        &self,
        incoming: &Incoming<'_>,
        asked: &Discovery,
    ) -> Result<Response<Bytes>, ApiError> {
        let (registry, remotes) = (self.registry().await?, self.remotes());
        let version = negotiate::accept_discovery(incoming.header(header::ACCEPT));
        let known = incoming.headers.get(header::IF_NONE_MATCH);
        let (core, version) = match (asked, version) {
            (Discovery::Core, Some(version)) => (true, version),
            (Discovery::Groups, Some(version)) => (false, version),
            _ => {
                let wanted = negotiate::accept(incoming.header(header::ACCEPT))?;
                let mut document = match (discovery::separate(&registry, asked), asked) {
                    (Err(_), Discovery::Group(name)) => {
                        let mut group =
                            aggregation::group(name, &remotes).ok_or_else(resolve::nowhere)?;
                        group["kind"] = "APIGroup".into();
                        group["apiVersion"] = "v1".into();
                        group
                    }
                    (document, _) => document?,
                };
                aggregation::extend_groups(&mut document, &remotes);
                let document = document.to_string().into();
                return Ok(respond::formatted(StatusCode::OK, document, wanted.format));
            }
        };
        let media = match version {
            "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        };
        let mut document = discovery::aggregated(&registry, core, version);
        if !core {
            self.discovered.extend_aggregated(&mut document, &remotes);
        }
        Ok(respond::tagged(media, document.to_string().into(), known))
    }
}

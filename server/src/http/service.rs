//! What the HTTP server serves, free of its framework.

use std::{net::IpAddr, sync::Arc};

use ::http::{Request, Response};
use api::{Answer, Api, Body, streams::Tunnels};
use async_trait::async_trait;
use bytes::Bytes;
use object::ApiError;
use planning::access::User;

use super::sign_in;

#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Answers a request to the API.
    async fn handle(&self, request: Request<Body>, peer: IpAddr) -> Answer;

    /// Whether requests to a path are passed on: their bodies are not read beforehand.
    fn passes_on(&self, path: &str) -> bool;

    /// Answers a browser with the rights of the token's user.
    async fn page(&self, request: Request<Bytes>, token: Option<&str>) -> Response<web::Body>;

    /// Whose token it is.
    async fn authenticate(&self, token: Option<&str>) -> Result<User, ApiError>;

    /// Where agents that dial in are kept.
    fn tunnels(&self) -> &Tunnels;
}

/// The product: the API, and the dashboard on top of it.
#[async_trait]
impl Service for Arc<Api> {
    async fn handle(&self, request: Request<Body>, peer: IpAddr) -> Answer {
        Api::handle(self, request, peer).await
    }

    fn passes_on(&self, path: &str) -> bool {
        Api::passes_on(self, path)
    }

    async fn page(&self, mut request: Request<Bytes>, token: Option<&str>) -> Response<web::Body> {
        if let Some(answer) = sign_in::answer(self, &request).await {
            return answer;
        }
        request.extensions_mut().insert(sign_in::options(self));
        // A session that has expired is none; the dashboard shows its login.
        let user = Api::authenticate(self, token).await.unwrap_or_else(|_| User::anonymous());
        web::page(request, self.client_as(user)).await
    }

    async fn authenticate(&self, token: Option<&str>) -> Result<User, ApiError> {
        Api::authenticate(self, token).await
    }

    fn tunnels(&self) -> &Tunnels {
        Api::tunnels(self)
    }
}

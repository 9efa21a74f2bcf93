//! What a path answers to a user of this process: a GET without HTTP.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use object::ApiError;
use planning::access::User;
use serde_json::Value;

use super::incoming::Incoming;
use crate::{Answer, Api, audit::Origin, query::Query, resolve::Route};

impl Api {
    pub(crate) async fn read_path(
        self: &Arc<Self>,
        user: &User,
        path: &str,
    ) -> Result<Value, ApiError> {
        let uri: Uri =
            path.parse().map_err(|_| ApiError::bad_request(format!("{path:?} is no path")))?;
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let raw_query = uri.query().unwrap_or_default();
        let class = OnceLock::new();
        let incoming = Incoming {
            method: &Method::GET,
            headers: &headers,
            query: Query::parse(raw_query),
            raw_query,
            body: &body,
            user: user.clone(),
            origin: Origin::default(),
            trail: None,
            class: &class,
        };
        let answer = match self.resolve(uri.path()).await? {
            Route::Target(target) => self.handle_target(incoming, target).await?,
            document => Answer::Full(self.handle_document(&incoming, uri.path(), document).await?),
        };
        let Answer::Full(response) = answer else {
            return Err(ApiError::bad_request(format!("{path} answers a stream")));
        };
        let value: Value = serde_json::from_slice(response.body())
            .map_err(|error| ApiError::internal(format!("{path} answers no JSON: {error}")))?;
        match ApiError::from_status(&value) {
            Some(error) if !response.status().is_success() => Err(error),
            _ => Ok(value),
        }
    }
}

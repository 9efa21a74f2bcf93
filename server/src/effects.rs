//! What the engine's actions do outside the API: on hosts, and with the authority's key.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use object::{ApiError, Reason};
use serde_json::Value;

use crate::{hosts::Hosts, pki::Authority};

pub struct Effects {
    pub hosts: Hosts,
    pub authority: Arc<Authority>,
}

#[async_trait]
impl engine::Effects for Effects {
    async fn install(&self, host: &Value) -> Result<(), ApiError> {
        self.hosts.install(host).await
    }

    async fn remove(&self, host: &Value) -> Result<(), ApiError> {
        self.hosts.remove(host).await
    }

    async fn sign(&self, request: &Value) -> Result<String, ApiError> {
        let request: CertificateSigningRequest = serde_json::from_value(request.clone())
            .map_err(|error| ApiError::internal(format!("the request does not decode: {error}")))?;
        let signed = self.authority.sign(&request.spec, Timestamp::now());
        signed.map_err(|error| ApiError::new(Reason::Invalid, error.to_string()))
    }
}

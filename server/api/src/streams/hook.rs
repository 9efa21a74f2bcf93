//! Webhooks: HTTPS endpoints that somebody named in a configuration, by URL or by a service.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, Uri, header};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::WebhookClientConfig;
use object::ApiError;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    ByteStream,
    exchange::{Exchanged, exchange},
    tls::{Tls, Trust},
};
use crate::Api;

/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer is larger: as much as a request may be, for many objects.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A webhook that can be called.
pub(crate) struct Hook {
    place: Place,
    host: String,
    path: String,
    tls: Tls,
}

enum Place {
    Address(String, u16),
    Service { namespace: String, name: String, port: u16 },
}

impl Api {
    /// Reads where a webhook is and whom it is believed by.
    pub(crate) fn hook(&self, client: &WebhookClientConfig) -> Result<Hook, ApiError> {
        let bundle = client.ca_bundle.as_ref().filter(|bundle| !bundle.0.is_empty());
        let trust = bundle.map_or(Trust::Public, |pem| Trust::Bundle(Bytes::from(pem.0.clone())));
        if let Some(service) = &client.service {
            let port = service.port.and_then(|port| port.try_into().ok()).unwrap_or(443);
            let host = format!("{}.{}.svc", service.name, service.namespace);
            let path = service.path.clone().unwrap_or_default();
            let (namespace, name) = (service.namespace.clone(), service.name.clone());
            let tls = Tls::new(&host, &trust, None)?;
            return Ok(Hook { place: Place::Service { namespace, name, port }, host, path, tls });
        }
        let text = client.url.as_deref().unwrap_or_default();
        let refuse = || ApiError::bad_request(format!("\"{text}\" is no https URL"));
        let uri: Uri = text.parse().map_err(|_| refuse())?;
        let host = uri.host().ok_or_else(refuse)?.trim_matches(['[', ']']).to_owned();
        if uri.scheme_str() != Some("https") {
            return Err(refuse());
        }
        let tls = Tls::new(&host, &trust, None)?;
        let place = Place::Address(host, uri.port_u16().unwrap_or(443));
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        Ok(Hook { place, host, path, tls })
    }

    /// Posts JSON to a webhook and reads the JSON that it answers.
    pub(crate) async fn call_hook(&self, hook: &Hook, body: &Value) -> Result<Value, ApiError> {
        let deadline = Instant::now() + PATIENCE;
        timeout_at(deadline, self.ask_hook(hook, body)).await.unwrap_or_else(|_| {
            Err(ApiError::unavailable(format!(
                "Post \"https://{}{}\": context deadline exceeded",
                hook.host, hook.path
            )))
        })
    }

    async fn ask_hook(&self, hook: &Hook, body: &Value) -> Result<Value, ApiError> {
        let path = if hook.path.starts_with('/') { &hook.path } else { "/" };
        let body = Bytes::from(body.to_string());
        let request = Request::post(path)
            .header(header::HOST, &hook.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(stream::iter([Ok(body)]).boxed())
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        let stream = self.reach_hook(&hook.place).await?;
        let answered = match exchange(stream, Some(&hook.tls), request).await? {
            Exchanged::Answered(answered) => answered,
            Exchanged::Upgraded(..) => {
                return Err(ApiError::unavailable("the webhook speaks another protocol"));
            }
        };
        let status = answered.status();
        let mut chunks = answered.into_body();
        let mut read = Vec::new();
        while let Some(chunk) = chunks.next().await {
            read.extend_from_slice(&chunk?);
            if read.len() > ANSWER_BYTES_MAX {
                return Err(ApiError::unavailable("the webhook's answer is too large"));
            }
        }
        if !status.is_success() {
            return Err(ApiError::unavailable(format!("the webhook answered {status}")));
        }
        serde_json::from_slice(&read).map_err(|error| {
            ApiError::unavailable(format!("the webhook's answer is no JSON: {error}"))
        })
    }

    async fn reach_hook(&self, place: &Place) -> Result<ByteStream, ApiError> {
        match place {
            Place::Service { namespace, name, port } => {
                self.dial_service(namespace, name, &port.to_string()).await
            }
            Place::Address(host, port) => {
                let connected = TcpStream::connect((host.as_str(), *port)).await;
                let stream = connected.map_err(|error| {
                    ApiError::unavailable(format!("dial tcp {host}:{port}: {error}"))
                })?;
                Ok(Box::new(stream))
            }
        }
    }
}

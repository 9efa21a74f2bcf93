//! Asks one webhook: by HTTPS, at a URL or at a service of the cluster.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::{Method, Request, StatusCode, Uri, header};
use kinds::KindDef;
use object::ApiError;
use planning::dynamic_admission::{Answer, Attempt, Target, Webhook};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Api,
    streams::{ByteStream, Exchanged, Tls, Trust, exchange},
};

/// A longer answer is none.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// As much of an answer that is none is shown.
const SHOWN_BYTES_MAX: usize = 256;

/// Where to ask.
struct Place {
    /// As messages name it.
    url: String,
    host: String,
    port: u16,
    /// With the query.
    path: String,
}

impl Api {
    /// Asks a webhook; `None` if it cannot be asked and the request is to go on.
    pub(super) async fn call(
        &self,
        webhook: &Webhook,
        attempt: &Attempt<'_>,
        def: &KindDef,
    ) -> Result<Option<Answer>, ApiError> {
        let uid = uuid::Uuid::new_v4().to_string();
        let question = webhook.question(attempt, def, &uid)?.to_string();
        let answered = match self.send(webhook, question.into()).await {
            Ok(body) => webhook.answer(&body, &uid),
            Err(why) => Err(format!("failed to call webhook: {why}")),
        };
        match answered {
            Ok(answer) => Ok(Some(answer)),
            Err(why) if webhook.fails_open => {
                let name = &webhook.name;
                tracing::warn!(webhook = %name, %why, "a webhook failed, which is ignored");
                Ok(None)
            }
            Err(why) => Err(webhook.failed(&why)),
        }
    }

    /// The body of the answer, or why there is none.
    async fn send(&self, webhook: &Webhook, question: Bytes) -> Result<Bytes, String> {
        let place = locate(webhook)?;
        let asked = timeout(webhook.timeout, self.send_to(webhook, &place, question)).await;
        let url = &place.url;
        match asked {
            Ok(Ok((StatusCode::OK, body))) => Ok(body),
            Ok(Ok((status, body))) => Err(refused(status, &body)),
            Ok(Err(why)) => Err(format!("Post {url:?}: {why}")),
            Err(_) => Err(format!("Post {url:?}: context deadline exceeded")),
        }
    }

    async fn send_to(
        &self,
        webhook: &Webhook,
        place: &Place,
        question: Bytes,
    ) -> Result<(StatusCode, Bytes), String> {
        let trust = webhook.bundle.clone().map_or(Trust::Public, Trust::Bundle);
        let tls = Tls::new(&place.host, &trust, None).map_err(|error| error.message)?;
        let stream = self.dial_webhook(webhook, place).await?;
        let host = match place.port {
            443 => bracketed(&place.host),
            port => format!("{}:{port}", bracketed(&place.host)),
        };
        let length = question.len();
        let request = Request::builder()
            .method(Method::POST)
            .uri(&place.path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .header(header::CONTENT_LENGTH, length)
            .header(header::USER_AGENT, "longshore-admission")
            .body(stream::iter([Ok(question)]).boxed())
            .map_err(|error| error.to_string())?;
        let answered = exchange(stream, Some(&tls), request).await.map_err(|e| e.message)?;
        let Exchanged::Answered(response) = answered else {
            return Err("the webhook asked for another protocol".to_owned());
        };
        let status = response.status();
        let mut body = response.into_body();
        let mut read = BytesMut::new();
        while let Some(chunk) = body.next().await {
            read.extend_from_slice(&chunk.map_err(|error| error.message)?);
            if read.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        Ok((status, read.freeze()))
    }

    async fn dial_webhook(&self, webhook: &Webhook, place: &Place) -> Result<ByteStream, String> {
        let Target::Service { namespace, name, port, .. } = &webhook.target else {
            let address = format!("{}:{}", bracketed(&place.host), place.port);
            let connected = TcpStream::connect((place.host.as_str(), place.port)).await;
            return match connected {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(format!("dial tcp {address}: {}", worded(&error))),
            };
        };
        let stream = self.dial_service(namespace, name, &port.to_string()).await;
        stream.map_err(|error| {
            if error.is_not_found() { format!("service {name:?} not found") } else { error.message }
        })
    }
}

fn worded(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        _ => error.to_string(),
    }
}

/// An IPv6 address as it stands in a URL.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn locate(webhook: &Webhook) -> Result<Place, String> {
    let url = match &webhook.target {
        Target::Url(url) => url.clone(),
        Target::Service { namespace, name, path, port } => {
            let slash = if path.starts_with('/') { "" } else { "/" };
            format!("https://{name}.{namespace}.svc:{port}{slash}{path}")
        }
    };
    let uri: Uri = url.parse().map_err(|error| format!("Post {url:?}: {error}"))?;
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let seconds = webhook.timeout.as_secs();
    let path = match uri.query() {
        Some(query) => format!("{}?{query}&timeout={seconds}s", uri.path()),
        None => format!("{}?timeout={seconds}s", uri.path()),
    };
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let url = format!("https://{authority}{path}");
    Ok(Place { url, host, port: uri.port_u16().unwrap_or(443), path })
}

/// As Kubernetes words an answer that is none.
fn refused(status: StatusCode, body: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]).into_owned();
    match status {
        StatusCode::NOT_FOUND => "the server could not find the requested resource".to_owned(),
        status if status.is_server_error() => {
            format!("an error on the server ({shown:?}) has prevented the request from succeeding")
        }
        _ => "the server rejected our request for an unknown reason".to_owned(),
    }
}

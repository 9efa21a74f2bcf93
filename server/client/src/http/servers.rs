//! The copies of the server: which one is asked, and what its failures mean.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, header, header::HeaderName};
use object::{ApiError, Reason};
use reqwest::{Response, Url};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, client::IntoClientRequest},
};

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Longer than the server's own.
const ANSWER_PATIENCE: Duration = Duration::from_secs(70);
/// A server that does not answer a sign of life for that long is given up, with its watches.
const ALIVE_PERIOD: Duration = Duration::from_secs(3);
const ALIVE_PATIENCE: Duration = Duration::from_secs(6);
/// What one stream may hold back unread, and all of a connection's streams together: a watch that
/// is read slowly must not hold up the others.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Clone)]
pub(super) struct Servers {
    urls: Arc<[Url]>,
    /// The one that answered last.
    current: Arc<AtomicUsize>,
    http: reqwest::Client,
    tls: Arc<ClientConfig>,
    /// Replaced when the client renews its token.
    authorization: Arc<RwLock<Option<HeaderValue>>>,
}

/// How long to wait for a request's end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Answer,
    /// The answer goes on for as long as it likes.
    Stream,
}

impl Servers {
    pub(super) fn new(
        servers: &[String],
        ca_pem: &str,
        token: Option<&str>,
    ) -> Result<Self, ApiError> {
        let urls: Result<Arc<[Url]>, ApiError> = servers.iter().map(|url| parse(url)).collect();
        let urls = urls?;
        if urls.is_empty() {
            return Err(ApiError::bad_request("no address of an API server is given"));
        }
        let tls = tls(ca_pem)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(with_http2(tls.clone()))
            .connect_timeout(CONNECT_PATIENCE)
            .http2_keep_alive_interval(ALIVE_PERIOD)
            .http2_keep_alive_timeout(ALIVE_PATIENCE)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ApiError::internal(format!("no HTTP client: {error}")))?;
        let authorization = Arc::new(RwLock::new(token.map(authorization).transpose()?));
        let current = Arc::default();
        Ok(Self { urls, current, http, tls: Arc::new(tls), authorization })
    }

    /// From now on requests carry this token.
    pub(super) fn set_token(&self, token: &str) -> Result<(), ApiError> {
        let value = authorization(token)?;
        *self.authorization.write().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }

    fn authorization(&self) -> Option<HeaderValue> {
        self.authorization.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn urls(&self) -> impl Iterator<Item = &Url> {
        self.urls.iter()
    }

    /// Every copy once, beginning with the one that answered last.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &Url)> {
        let first = self.current.load(Ordering::Relaxed);
        (0..self.urls.len()).map(move |turn| {
            let index = (first + turn) % self.urls.len();
            (index, &self.urls[index])
        })
    }

    /// Sends a request to the first copy that can be reached. One that may have been carried out
    /// is sent again only if that changes nothing.
    pub(super) async fn send(
        &self,
        method: &Method,
        url: &(impl Fn(&Url) -> Url + Sync),
        headers: &[(HeaderName, HeaderValue)],
        body: &Bytes,
        patience: Patience,
    ) -> Result<Response, ApiError> {
        let mut failure = None;
        for (index, server) in self.in_turn() {
            let mut request = self.http.request(method.clone(), url(server)).body(body.clone());
            if let Some(authorization) = self.authorization() {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if patience == Patience::Answer {
                request = request.timeout(ANSWER_PATIENCE);
            }
            match request.send().await {
                Ok(response) => {
                    self.current.store(index, Ordering::Relaxed);
                    return check(response).await;
                }
                Err(error) => {
                    let is_harmless = error.is_connect() || method == Method::GET;
                    failure = Some(unavailable(&error));
                    if !is_harmless {
                        break;
                    }
                }
            }
        }
        Err(failure.expect("there is at least one server, and each turn ends or fails"))
    }

    /// Opens a WebSocket to the first copy that can be reached.
    pub(super) async fn dial_any(
        &self,
        url: &(impl Fn(&Url) -> Url + Sync),
        subprotocol: &'static str,
    ) -> Result<Socket, ApiError> {
        let mut failure = None;
        for (index, server) in self.in_turn() {
            match self.dial(url(server), Some(subprotocol)).await {
                Err(error) if error.reason == Reason::ServiceUnavailable => failure = Some(error),
                done => {
                    self.current.store(index, Ordering::Relaxed);
                    return done;
                }
            }
        }
        Err(failure.expect("there is at least one server, and each turn ends or fails"))
    }

    /// Opens a WebSocket to one copy.
    pub(super) async fn dial(
        &self,
        mut url: Url,
        subprotocol: Option<&'static str>,
    ) -> Result<Socket, ApiError> {
        let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
        url.set_scheme(scheme).expect("both are schemes that a URL of HTTP may change to");
        let host = url.host_str().unwrap_or_default().to_owned();
        let away = |why: &dyn std::fmt::Display| {
            ApiError::unavailable(format!("no connection to the API server {host}: {why}"))
        };
        let mut request = url.as_str().into_client_request().map_err(|error| away(&error))?;
        if let Some(authorization) = self.authorization() {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        if let Some(subprotocol) = subprotocol {
            let value = HeaderValue::from_static(subprotocol);
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        let connector = Connector::Rustls(self.tls.clone());
        let dialling = connect_async_tls_with_config(request, None, true, Some(connector));
        match tokio::time::timeout(ANSWER_PATIENCE, dialling).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let (parts, body) = response.into_parts();
                Err(failure(parts.status.as_u16(), body.as_deref().unwrap_or_default()))
            }
            Ok(Err(error)) => Err(away(&error)),
            Err(_) => Err(away(&"it does not answer")),
        }
    }
}

fn parse(server: &str) -> Result<Url, ApiError> {
    let wrong = || {
        ApiError::bad_request(format!(
            "\"{server}\" is no address of an API server; write it as https://HOST:6443"
        ))
    };
    let url = Url::parse(server).map_err(|_| wrong())?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    if is_http { Ok(url) } else { Err(wrong()) }
}

fn tls(ca_pem: &str) -> Result<ClientConfig, ApiError> {
    let wrong = |error: &dyn std::fmt::Display| {
        ApiError::bad_request(format!("the certificate authority can not be used: {error}"))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// For requests; a WebSocket needs HTTP/1.1, so it offers nothing else.
fn with_http2(mut tls: ClientConfig) -> ClientConfig {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tls
}

fn authorization(token: &str) -> Result<HeaderValue, ApiError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
        .map_err(|_| ApiError::bad_request("the token has characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn check(response: Response) -> Result<Response, ApiError> {
    let code = response.status().as_u16();
    if code < 400 {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    Err(failure(code, &body))
}

/// The error that an answer tells: a `Status`, or whatever a proxy in between says.
pub(super) fn failure(code: u16, body: &[u8]) -> ApiError {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(error) = ApiError::from_status(&status) {
        return error;
    }
    let text = status["message"].as_str().map_or_else(
        || String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned(),
        str::to_owned,
    );
    let message = if text.is_empty() { format!("the server answered {code}") } else { text };
    ApiError::new(reason(code), message)
}

fn reason(code: u16) -> Reason {
    match code {
        401 => Reason::Unauthorized,
        403 => Reason::Forbidden,
        404 => Reason::NotFound,
        405 => Reason::MethodNotAllowed,
        409 => Reason::Conflict,
        410 => Reason::Expired,
        413 => Reason::RequestEntityTooLarge,
        415 => Reason::UnsupportedMediaType,
        422 => Reason::Invalid,
        429 => Reason::TooManyRequests,
        502 | 503 => Reason::ServiceUnavailable,
        504 => Reason::Timeout,
        400..500 => Reason::BadRequest,
        _ => Reason::InternalError,
    }
}

/// A request that got no answer, with the causes that the error itself leaves out.
pub(super) fn unavailable(error: &reqwest::Error) -> ApiError {
    let mut message = String::from("no answer from the API server");
    if let Some(host) = error.url().and_then(Url::host_str) {
        message = format!("{message} {host}");
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    ApiError::unavailable(message)
}

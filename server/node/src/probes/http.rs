//! Questions over HTTP, also those of gRPC's health protocol.

use std::time::Duration;

use k8s_openapi::api::core::v1::HTTPGetAction;
use reqwest::{
    Client, Url,
    header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::Answer;

const USER_AGENT: &str = "kube-probe/1.37";
const REDIRECTS_MAX: usize = 10;
/// `SERVING` in gRPC's health protocol.
const SERVING: u64 = 1;

/// The clients that probes share. Connections are never reused: a probe is about a fresh one.
pub(crate) struct Prober {
    http: Client,
    /// HTTP/2 without an upgrade, as gRPC speaks it.
    http2: Client,
}

impl Prober {
    /// # Errors
    /// When no TLS provider is installed.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let base = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .pool_max_idle_per_host(0)
                // Nobody vouches for a pod's own certificate.
                .tls_danger_accept_invalid_certs(true)
                .no_proxy()
        };
        // A probe goes on to the same host only; another is a success by itself.
        let policy = Policy::custom(|attempt| {
            let first =
                attempt.previous().first().and_then(|url| url.host_str().map(str::to_owned));
            if attempt.previous().len() > REDIRECTS_MAX {
                attempt.error("stopped after 10 redirects")
            } else if attempt.url().host_str().map(str::to_owned) == first {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        Ok(Self {
            http: base().redirect(policy).http1_only().build()?,
            http2: base().http2_prior_knowledge().build()?,
        })
    }

    pub(crate) async fn get(
        &self,
        action: &HTTPGetAction,
        address: &str,
        port: u16,
        limit: Duration,
    ) -> Answer {
        let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(address);
        let scheme = action.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let path = action.path.as_deref().unwrap_or("/").trim_start_matches('/');
        let url = format!("{scheme}://{host}:{port}/{path}");
        let Ok(parsed) = url.parse::<Url>() else {
            return Answer::Unknown(format!("{url} is no URL"));
        };
        let request = self.http.get(parsed).headers(headers(action)).timeout(limit);
        match request.send().await {
            Ok(response) if response.status().as_u16() < 400 => Answer::Success,
            Ok(response) => Answer::Failure(format!(
                "HTTP probe failed with statuscode: {}",
                response.status().as_u16()
            )),
            Err(error) if error.is_timeout() => {
                Answer::Failure(format!("Get \"{url}\": context deadline exceeded"))
            }
            Err(error) => Answer::Failure(format!("Get \"{url}\": {}", cause(&error))),
        }
    }

    pub(crate) async fn grpc(
        &self,
        address: &str,
        port: i32,
        service: &str,
        limit: Duration,
    ) -> Answer {
        let url = format!("http://{address}:{port}/grpc.health.v1.Health/Check");
        let request = self
            .http2
            .post(url)
            .header(CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .body(health_request(service))
            .timeout(limit);
        let answer = async { request.send().await?.bytes().await }.await;
        match answer {
            Ok(message) if health_status(&message) == Some(SERVING) => Answer::Success,
            Ok(_) => Answer::Failure("service unhealthy".to_owned()),
            Err(error) if error.is_timeout() => Answer::Failure(format!(
                "timeout: failed to connect service {address}:{port} within {}s",
                limit.as_secs()
            )),
            Err(error) => Answer::Failure(format!("error: {}", cause(&error))),
        }
    }
}

fn headers(action: &HTTPGetAction) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    for header in action.http_headers.iter().flatten() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = header.value.parse::<HeaderValue>();
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The innermost cause: "connection refused" instead of what is wrapped around it.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// `HealthCheckRequest { service }` as one gRPC message.
fn health_request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, a string.
        message.push(0x0a);
        push_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend(message);
    framed
}

fn push_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits fit") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("less than 128 is left"));
}

/// Field 1 of a `HealthCheckResponse`; an empty message means 0.
fn health_status(framed: &[u8]) -> Option<u64> {
    match framed.get(5..)? {
        [] => Some(0),
        [0x08, status, ..] => Some(u64::from(*status)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_health_protocol() {
        assert_eq!(health_request(""), [0, 0, 0, 0, 0]);
        assert_eq!(health_request("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(health_request(&"x".repeat(200))[5..8], [0x0a, 0xc8, 0x01]);
        assert_eq!(health_status(&[0, 0, 0, 0, 2, 8, 1]), Some(SERVING));
        assert_eq!(health_status(&[0, 0, 0, 0, 2, 8, 2]), Some(2));
        assert_eq!(health_status(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(health_status(&[]), None);
    }
}

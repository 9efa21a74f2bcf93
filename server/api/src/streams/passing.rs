//! How a request changes on its way to a backend, and the answer on its way back.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header, request::Parts,
};
use object::ApiError;

use super::BodyStream;

/// Headers that concern one connection only.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];

/// What backends never see: who the sender is to this API, not to them.
const SECRET: [&str; 1] = ["authorization"];
const SECRET_PREFIXES: [&str; 2] = ["impersonate-", "x-remote-"];

/// Where a request stands: what comes before the path that is passed on, and what follows.
pub(crate) struct Passage {
    /// `/api/v1/namespaces/a/services/b/proxy`
    prefix: String,
    /// With the query.
    path: String,
    scheme: String,
    host: String,
}

impl Passage {
    pub(crate) fn of(head: &Parts, path: &str) -> Self {
        let whole = head.uri.path();
        let prefix = whole.strip_suffix(path).unwrap_or(whole);
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        Self {
            prefix: prefix.to_owned(),
            path: format!("{path}{query}"),
            scheme: head.uri.scheme_str().unwrap_or("https").to_owned(),
            host: host_of(head).to_owned(),
        }
    }
}

fn host_of(head: &Parts) -> &str {
    let named = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or(head.uri.authority().map(|authority| authority.as_str())).unwrap_or_default()
}

/// What follows a number of segments, as it stands: with its slash and its escapes.
pub(crate) fn path_below(path: &str, segments: usize) -> &str {
    let mut rest = path;
    for _ in 0..segments {
        let trimmed = rest.trim_start_matches('/');
        rest = trimmed.find('/').map_or("", |at| &trimmed[at..]);
    }
    rest
}

/// Where somebody is sent who reads the root without its slash: relative links would go wrong.
pub(crate) fn with_slash(head: &Parts, path: &str) -> Option<String> {
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    if !path.is_empty() || !reads || head.headers.contains_key(header::UPGRADE) {
        return None;
    }
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{}/{query}", head.uri.path()))
}

/// The request as the backend gets it.
pub(crate) fn request(
    head: &Parts,
    passage: &Passage,
    body: BodyStream,
    peer: IpAddr,
) -> Result<Request<BodyStream>, ApiError> {
    let uri: Uri =
        passage.path.parse().map_err(|_| ApiError::bad_request("the path can not be passed on"))?;
    let mut request =
        Request::builder().method(head.method.clone()).uri(uri).body(body).map_err(|error| {
            ApiError::bad_request(format!("the request can not be passed on: {error}"))
        })?;
    let headers = request.headers_mut();
    for (name, value) in &head.headers {
        if !is_secret(name) {
            headers.append(name, value.clone());
        }
    }
    let upgrade = headers.remove(header::UPGRADE);
    remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
    set(headers, "host", &passage.host);
    set(headers, "x-forwarded-for", &forwarded_for(head, peer));
    let without_query = passage.path.split('?').next().unwrap_or_default();
    set(headers, "x-forwarded-uri", &format!("{}{without_query}", passage.prefix));
    set(headers, "x-forwarded-host", &passage.host);
    set(headers, "x-forwarded-proto", &passage.scheme);
    Ok(request)
}

fn is_secret(name: &HeaderName) -> bool {
    SECRET.contains(&name.as_str())
        || SECRET_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
}

fn forwarded_for(head: &Parts, peer: IpAddr) -> String {
    let before = head.headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
    before.map(str::to_owned).chain([peer.to_string()]).collect::<Vec<_>>().join(", ")
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The answer as the client gets it: its connection is another one, redirections lead back here, and
/// no other site may read what is behind this API.
pub(crate) fn response(
    mut response: Response<BodyStream>,
    passage: &Passage,
) -> Response<BodyStream> {
    let headers = response.headers_mut();
    remove_hop_by_hop(headers);
    headers.remove(header::UPGRADE);
    for name in [
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
    ] {
        headers.remove(name);
    }
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    if let Some(rewritten) = location.and_then(|location| rewrite(location, passage))
        && let Ok(value) = HeaderValue::from_str(&rewritten)
    {
        headers.insert(header::LOCATION, value);
    }
    response
}

/// A redirection to the backend itself, as seen from outside; `None` for one that leads elsewhere.
fn rewrite(location: &str, passage: &Passage) -> Option<String> {
    let path = match location.split_once("://") {
        None => location,
        Some((_, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if host != passage.host {
                return None;
            }
            path
        }
    };
    if !path.starts_with('/') || path.starts_with("//") || path.starts_with(&passage.prefix) {
        return None;
    }
    Some(format!("{}://{}{}{path}", passage.scheme, passage.host, passage.prefix))
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;

    fn head(uri: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn finds_what_follows() {
        for (path, segments, expected) in [
            ("/api/v1/nodes/one/proxy/a%2Fb/", 5, "/a%2Fb/"),
            ("/api/v1/nodes/one/proxy", 5, ""),
            ("/api/v1//nodes/one/proxy/", 5, "/"),
            ("/api/v1/nodes/one/proxy//x", 5, "//x"),
        ] {
            assert_eq!(path_below(path, segments), expected, "{path}");
        }
    }

    #[test]
    fn backends_see_where_a_request_came_from_and_no_secret() {
        let head = head(
            "https://api:6443/api/v1/nodes/one/proxy/x/?y=1",
            &[
                ("authorization", "Bearer secret"),
                ("impersonate-user", "jane"),
                ("connection", "x-hop, keep-alive"),
                ("x-hop", "1"),
                ("x-forwarded-for", "192.0.2.1"),
                ("accept", "a"),
            ],
        );
        let passage = Passage::of(&head, path_below(head.uri.path(), 5));
        let peer = [10, 0, 0, 1].into();
        let sent = request(&head, &passage, stream::empty().boxed(), peer).unwrap();
        assert_eq!(sent.uri(), "/x/?y=1");
        let mut headers: Vec<String> = sent
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        assert_eq!(
            headers,
            [
                "accept: a",
                "host: api:6443",
                "x-forwarded-for: 192.0.2.1, 10.0.0.1",
                "x-forwarded-host: api:6443",
                "x-forwarded-proto: https",
                "x-forwarded-uri: /api/v1/nodes/one/proxy/x/",
            ]
        );
    }

    #[test]
    fn redirections_lead_back() {
        let head = head("https://api/api/v1/nodes/one/proxy/x", &[]);
        let passage = Passage::of(&head, "/x");
        for (location, expected) in [
            ("/login?a=b", Some("https://api/api/v1/nodes/one/proxy/login?a=b")),
            ("http://api/login", Some("https://api/api/v1/nodes/one/proxy/login")),
            ("http://elsewhere/login", None),
            ("//elsewhere/login", None),
            ("login", None),
            ("/api/v1/nodes/one/proxy/login", None),
        ] {
            assert_eq!(rewrite(location, &passage).as_deref(), expected, "{location}");
        }
    }
}

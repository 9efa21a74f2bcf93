//! `proxy` subresources: a request is passed on to a pod, a service or a node's agent.

use std::net::{IpAddr, SocketAddr};

use http::{Method, Response, StatusCode, header, request::Parts};
use kinds::Proxied;
use object::ApiError;
use planning::{access::User, dialing::Endpoint};

use crate::{
    Answer, Api, Body, admit,
    audit::{Origin, Trail},
    authorize,
    resolve::{self, Route, Target},
    streams::{
        ByteStream, Exchanged, Operation, Passage, StreamHeader, Tls, Trust, exchange, passing,
    },
};

/// What stands before `/proxy`: `name`, `name:port` or `scheme:name:port`.
struct Asked<'t> {
    is_tls: bool,
    name: &'t str,
    port: &'t str,
}

impl<'t> Asked<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let mut parts = text.split(':');
        let (scheme, name, port) = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            (name, None, ..) => ("", name, ""),
            (name, Some(port), None, _) => ("", name, port),
            (scheme, Some(name), Some(port), None) => (scheme, name, port),
            _ => return None,
        };
        let is_valid = matches!(scheme, "" | "http" | "https") && !name.is_empty();
        is_valid.then_some(Self { is_tls: scheme == "https", name, port })
    }

    /// The scheme's own port where none is named.
    fn number(&self, port: &str) -> Result<u16, ApiError> {
        match port {
            "" if self.is_tls => Ok(443),
            "" => Ok(80),
            port => port.parse().map_err(|_| {
                ApiError::bad_request(format!("the port {port:?} is no number between 1 and 65535"))
            }),
        }
    }
}

impl Api {
    /// Whether requests to a path are passed on, so that their bodies are streamed.
    pub fn passes_on(&self, path: &str) -> bool {
        // Kinds that users define have nothing that is passed on.
        let route = resolve::resolve(kinds::Registry::builtin(), path);
        matches!(route, Ok(Route::Target(target)) if target.proxied().is_some())
            || self.remote_of(path).is_some()
    }

    /// What changes something behind this API leaves its row, as every write does.
    pub(super) async fn handle_proxy(
        &self,
        (user, origin): (&User, &Origin),
        target: &Target,
        proxied: Proxied,
        head: &Parts,
        body: Body,
        peer: IpAddr,
    ) -> Result<Answer, ApiError> {
        let answer = self.pass_on(user, target, proxied, head, body, peer).await;
        let verb = verb_of(&head.method);
        if verb != "get" {
            let trail = Trail::new(user, origin, verb, &target.subresource);
            let code = answer.as_ref().map_or_else(ApiError::code, Answer::code);
            self.auditor.note(&trail, &target.key(), code);
        }
        answer
    }

    async fn pass_on(
        &self,
        user: &User,
        target: &Target,
        proxied: Proxied,
        head: &Parts,
        body: Body,
        peer: IpAddr,
    ) -> Result<Answer, ApiError> {
        self.authorize(user, &authorize::wanted(verb_of(&head.method), target)).await?;
        let asked = Asked::read(&target.name).ok_or_else(|| {
            ApiError::bad_request(format!(
                "invalid {} request {:?}",
                target.def.plural, target.name
            ))
        })?;
        let path = passing::path_below(head.uri.path(), segments_above(target));
        if let Some(location) = passing::with_slash(head, path) {
            return moved(&location);
        }
        self.admit_stream(user, target, head.uri.query().unwrap_or_default()).await?;
        let stream = self.reach(target, proxied, &asked).await?;
        let is_tls = asked.is_tls && proxied != Proxied::Agent;
        // Who asks for a pod by its address does not know its certificate.
        let tls = is_tls.then(|| Tls::new(asked.name, &Trust::Anyone, None)).transpose()?;
        let passage = Passage::of(head, path);
        let request = passing::request(head, &passage, body.into_stream(), peer)?;
        match exchange(stream, tls.as_ref(), request).await? {
            Exchanged::Answered(response) => {
                let (head, body) = passing::response(response, &passage).into_parts();
                Ok(Answer::Stream(Response::from_parts(head, ()), body))
            }
            Exchanged::Upgraded(response, stream) => Ok(Answer::Upgraded(response, stream)),
        }
    }

    async fn reach(
        &self,
        target: &Target,
        proxied: Proxied,
        asked: &Asked<'_>,
    ) -> Result<ByteStream, ApiError> {
        let named = Target { name: asked.name.to_owned(), ..target.clone() };
        if proxied == Proxied::Endpoints {
            return self.dial_service(&target.namespace, asked.name, asked.port).await;
        }
        let stored = self.read(&named.key(), false).await?;
        if proxied == Proxied::Agent {
            let header = StreamHeader::of_node(Operation::Node, String::new());
            return self.dial(asked.name, &header).await;
        }
        let object = admit::decode_stored(&target.def, &stored.body)?;
        let destination = object.destination(&target.subresource, asked.port)?;
        let (address, port) = destination.address;
        let refuse = |_| ApiError::bad_request("address not allowed");
        let address = SocketAddr::new(address.parse().map_err(refuse)?, asked.number(&port)?);
        self.dial_endpoint(&Endpoint { node: Some(destination.node), address }).await
    }
}

/// As Kubernetes maps methods for RBAC; others have no verb, which only `*` allows.
fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// How many segments of the path stand before what is passed on.
fn segments_above(target: &Target) -> usize {
    let root = if target.def.group.is_empty() { 2 } else { 3 };
    let namespace = if target.namespace.is_empty() { 0 } else { 2 };
    // The plural, the name and the subresource.
    root + namespace + 3
}

fn moved(location: &str) -> Result<Answer, ApiError> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let location = location.parse();
    let location = location.map_err(|_| ApiError::bad_request("the path can not be passed on"))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(Answer::Full(response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_asked_for() {
        for (text, expected) in [
            ("web", Some((false, "web", ""))),
            ("web:80", Some((false, "web", "80"))),
            ("https:web:", Some((true, "web", ""))),
            ("http:web:http", Some((false, "web", "http"))),
            (":web:80", Some((false, "web", "80"))),
            ("ftp:web:80", None),
            (":80", None),
            ("http:web:80:1", None),
        ] {
            let asked = Asked::read(text).map(|asked| (asked.is_tls, asked.name, asked.port));
            assert_eq!(asked, expected, "{text}");
        }
    }
}

//! API aggregation: requests for groups and versions that a service of the cluster serves are passed
//! on to it, in the name of their sender; what it serves is shown among what is served here.

mod discovered;
mod watching;

pub(crate) use discovered::{Discovered, extend_groups, group};
pub(crate) use watching::look_after;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, request::Parts};
use object::{ApiError, Key, KindName};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use planning::{
    access::User,
    aggregation::{self, Remote, Remotes},
};

use crate::{
    Answer, Api, Body,
    audit::{Origin, Trail},
    query::Query,
    streams::{BodyStream, Exchanged, Passage, Tls, Trust, exchange, passing},
};

impl Api {
    pub(crate) fn remotes(&self) -> Remotes {
        self.feed.remotes()
    }

    /// Who serves a path, if it is served elsewhere.
    pub(crate) fn remote_of(&self, path: &str) -> Option<Arc<Remote>> {
        let path = path.strip_prefix("/openapi/v3").unwrap_or(path);
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let found = (segments.next()?, segments.next()?, segments.next()?);
        let ("apis", group, version) = found else { return None };
        self.remotes().find(group, version).cloned()
    }

    /// Passes a request on. What changes something leaves its row, as every write does.
    pub(crate) async fn handle_remote(
        &self,
        (user, origin): (&User, &Origin),
        remote: &Remote,
        head: &Parts,
        body: Body,
        peer: IpAddr,
    ) -> Result<Answer, ApiError> {
        let is_watch = Query::parse(head.uri.query().unwrap_or_default()).flag("watch");
        let wanted = aggregation::wanted(head.method.as_str(), head.uri.path(), is_watch);
        self.authorize(user, &wanted).await?;
        let answer = self.pass_to_remote(user, remote, head, body, peer).await;
        let verb = ["create", "update", "patch", "delete", "deletecollection"];
        if let Some(verb) = verb.into_iter().find(|verb| *verb == wanted.verb) {
            let kind = KindName::new(&wanted.resource, &wanted.group);
            let key = Key::new(kind, &wanted.namespace, &wanted.name);
            let code = answer.as_ref().map_or_else(ApiError::code, Answer::code);
            self.auditor.note(&Trail::new(user, origin, verb, &wanted.subresource), &key, code);
        }
        answer
    }

    async fn pass_to_remote(
        &self,
        user: &User,
        remote: &Remote,
        head: &Parts,
        body: Body,
        peer: IpAddr,
    ) -> Result<Answer, ApiError> {
        if !remote.is_available {
            return Err(ApiError::unavailable("service unavailable"));
        }
        let passage = Passage::of(head, head.uri.path());
        let mut request = passing::request(head, &passage, body.into_stream(), peer)?;
        name_user(request.headers_mut(), user);
        Ok(match self.ask_remote(remote, request).await? {
            Exchanged::Answered(response) => {
                let (head, body) = passing::response(response, &passage).into_parts();
                Answer::Stream(Response::from_parts(head, ()), body)
            }
            Exchanged::Upgraded(response, stream) => Answer::Upgraded(response, stream),
        })
    }

    /// One request to a service that serves a part of this API.
    async fn ask_remote(
        &self,
        remote: &Remote,
        request: Request<BodyStream>,
    ) -> Result<Exchanged, ApiError> {
        let trust = match (&remote.ca_bundle, remote.is_insecure) {
            (_, true) => Trust::Anyone,
            (bundle, _) if bundle.is_empty() => Trust::Public,
            (bundle, _) => Trust::Bundle(bundle.clone().into()),
        };
        let name = format!("{}.{}.svc", remote.service, remote.namespace);
        let tls = Tls::new(&name, &trust, self.settings.front_proxy.as_ref())?;
        let port = remote.port.to_string();
        let stream = self.dial_service(&remote.namespace, &remote.service, &port).await?;
        exchange(stream, Some(&tls), request).await
    }
}

/// Tells the backend whose request it is. It believes the headers because of our certificate; those
/// that the client sent are not among them any more.
fn name_user(headers: &mut HeaderMap, user: &User) {
    let mut add = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, value);
        }
    };
    add("x-remote-user", &user.name);
    if !user.uid.is_empty() {
        add("x-remote-uid", &user.uid);
    }
    user.groups.iter().for_each(|group| add("x-remote-group", group));
    for (key, values) in &user.extra {
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        values.iter().for_each(|value| add(&format!("x-remote-extra-{key}"), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_told_the_user() {
        let mut user = User::new("jane", &["a", "b"]);
        user.extra.insert("example.org/Scope".to_owned(), vec!["x".to_owned()]);
        let mut headers = HeaderMap::new();
        name_user(&mut headers, &user);
        let all: Vec<_> = headers.get_all("x-remote-group").iter().collect();
        assert_eq!((headers["x-remote-user"].to_str().unwrap(), all.len()), ("jane", 2));
        assert_eq!(headers["x-remote-extra-example%2eorg%2fscope"], "x");
    }
}

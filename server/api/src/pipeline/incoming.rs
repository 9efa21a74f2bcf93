//! A request, taken apart: what its headers, query and body say.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use kinds::{Verb, schema::Body};
use object::{ApiError, Reason};
use planning::{access::User, fairness::Class};

use crate::{
    audit::{Origin, Trail},
    body,
    negotiate::{self, Format, Sent},
    query::{Query, WriteOptions},
    render::View,
    resolve::Target,
    verbs::{delete::DeleteRequest, patch::Patch},
};

/// A request, taken apart.
pub(super) struct Incoming<'r> {
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
    pub(super) query: Query,
    pub(super) raw_query: &'r str,
    pub(super) body: &'r Bytes,
    pub(super) user: User,
    pub(super) origin: Origin,
    /// What the audit is to hear of the request, if it is to hear of it.
    pub(super) trail: Option<Arc<Trail>>,
    /// How the request was sorted, once it was.
    pub(super) class: &'r OnceLock<Class>,
}

impl Incoming<'_> {
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn view(&self) -> Result<View, ApiError> {
        let mut wanted = negotiate::accept(self.header(header::ACCEPT))?;
        if wanted.format == Format::Json && is_pretty(&self.query) {
            wanted.format = Format::Pretty;
        }
        View::new(wanted, &self.query)
    }

    /// The program that writes, when it does not name itself: what stands first in `User-Agent`.
    fn field_manager(&self) -> String {
        let agent = self.header(header::USER_AGENT).unwrap_or_default();
        let name = agent.split('/').next().unwrap_or_default();
        name.chars().take(128).collect()
    }

    pub(super) fn write_options(&self, name: &str) -> Result<WriteOptions, ApiError> {
        let mut options = WriteOptions::read(&self.query, name)?;
        options.field_manager.get_or_insert_with(|| self.field_manager());
        options.trail.clone_from(&self.trail);
        Ok(options)
    }

    pub(super) fn document(&self) -> Result<Body, ApiError> {
        body::read(self.header(header::CONTENT_TYPE), self.body)
    }

    pub(super) fn delete_request(&self) -> Result<DeleteRequest, ApiError> {
        let body = if self.body.is_empty() { None } else { Some(self.document()?.value) };
        let mut request = DeleteRequest::read(body, &self.query)?;
        request.write.trail.clone_from(&self.trail);
        Ok(request)
    }

    pub(super) fn patch(&self) -> Result<Patch, ApiError> {
        let body = self.body.clone();
        let media = self.header(header::CONTENT_TYPE);
        Ok(match media.and_then(|media| negotiate::content_type(Some(media))) {
            Some(Sent::JsonPatch) => Patch::Json(body),
            Some(Sent::MergePatch) => Patch::Merge(body),
            Some(Sent::StrategicPatch) => Patch::Strategic(body),
            Some(Sent::ApplyPatch) => Patch::Apply(body),
            _ => {
                return Err(negotiate::unsupported(&[
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/strategic-merge-patch+json",
                    "application/apply-patch+yaml",
                ]));
            }
        })
    }
}

/// Whether a person reads the answer.
fn is_pretty(query: &Query) -> bool {
    query
        .get("pretty")
        .is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "True" | "TRUE"))
}

/// The format of an answer that says what went wrong.
pub(super) fn format_of(parts: &Parts) -> Format {
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = negotiate::accept(accept).map(|wanted| wanted.format).unwrap_or_default();
    match format {
        Format::Json if is_pretty(&Query::parse(parts.uri.query().unwrap_or_default())) => {
            Format::Pretty
        }
        format => format,
    }
}

/// Where a request comes from, with what it calls its program.
pub(super) fn origin(headers: &HeaderMap, peer: IpAddr, impersonator: Option<String>) -> Origin {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default().chars().take(512).collect();
    Origin { impersonator, address: Some(peer), agent }
}

/// Whether the audit hears of a request: of writes, of streams into pods, of reads of secrets.
pub(super) fn is_audited(target: &Target, verb: Verb) -> bool {
    let reads = matches!(verb, Verb::Get | Verb::List | Verb::Watch);
    !reads || target.def.secret || target.sub().is_some_and(|sub| sub.connects)
}

/// The refusal of a method that means nothing on its path.
pub(super) fn not_allowed() -> ApiError {
    ApiError::new(
        Reason::MethodNotAllowed,
        "the server does not allow this method on the requested resource",
    )
}

/// The verb that a method means on a target, if the target has it.
pub(super) fn verb_of(incoming: &Incoming<'_>, target: &Target) -> Result<Verb, ApiError> {
    let is_collection = target.name.is_empty();
    let verb = match *incoming.method {
        Method::GET if is_collection && incoming.query.flag("watch") => Verb::Watch,
        // A watch has no end that its head could wait for.
        Method::HEAD if is_collection && incoming.query.flag("watch") => return Err(not_allowed()),
        Method::GET | Method::HEAD if is_collection => Verb::List,
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST if is_collection || target.sub().is_some() => Verb::Create,
        Method::PUT if !is_collection => Verb::Update,
        Method::PATCH if !is_collection => Verb::Patch,
        Method::DELETE if is_collection => Verb::DeleteCollection,
        Method::DELETE => Verb::Delete,
        _ => return Err(not_allowed()),
    };
    let verbs = target.sub().map_or(target.def.verbs, |sub| sub.verbs);
    let homeless = target.def.is_namespaced() && target.namespace.is_empty();
    let reads = matches!(verb, Verb::List | Verb::Watch);
    if !verbs.contains(&verb) || (homeless && !reads) {
        return Err(not_allowed());
    }
    Ok(verb)
}

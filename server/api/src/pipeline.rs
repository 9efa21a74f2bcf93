//! One request: resolve, authenticate, authorize, then the verb, then the answer.

use std::{net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use kinds::{Verb, schema::Body};
use object::{ApiError, Reason};
use planning::access::{Attributes, User};
use serde_json::json;

use crate::{
    Answer, Api, authorize, body, discovery,
    negotiate::{self, Sent, Shape},
    openapi,
    query::{ListOptions, Query, WriteOptions},
    render::{self, View},
    resolve::{self, Discovery, Route, Target},
    respond,
    streams::check_upgrade,
    verbs::{
        Writer, Written,
        delete::{DeleteRequest, Deleted},
        patch::Patch,
        post::success,
        scale::table as scale_table,
    },
    watch_lines,
};

/// A request, taken apart.
struct Incoming<'r> {
    method: &'r Method,
    headers: &'r HeaderMap,
    query: Query,
    raw_query: &'r str,
    body: &'r Bytes,
    user: User,
}

impl Incoming<'_> {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn view(&self) -> Result<View, ApiError> {
        View::new(negotiate::accept(self.header(header::ACCEPT))?, &self.query)
    }

    /// The program that writes, when it does not name itself: what stands first in `User-Agent`.
    fn field_manager(&self) -> String {
        let agent = self.header(header::USER_AGENT).unwrap_or_default();
        let name = agent.split('/').next().unwrap_or_default();
        name.chars().take(128).collect()
    }

    fn write_options(&self, name: &str) -> Result<WriteOptions, ApiError> {
        let mut options = WriteOptions::read(&self.query, name)?;
        options.field_manager.get_or_insert_with(|| self.field_manager());
        Ok(options)
    }

    fn document(&self) -> Result<Body, ApiError> {
        body::read(self.header(header::CONTENT_TYPE), self.body)
    }

    fn delete_request(&self) -> Result<DeleteRequest, ApiError> {
        let body = if self.body.is_empty() { None } else { Some(self.document()?.value) };
        DeleteRequest::read(body, &self.query)
    }

    fn patch(&self) -> Result<Patch, ApiError> {
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

/// What `verb` is called where the method of a request allows nothing.
fn not_allowed() -> ApiError {
    ApiError::new(
        Reason::MethodNotAllowed,
        "the server does not allow this method on the requested resource",
    )
}

impl Api {
    /// Answers one request of a client that is connected from `peer`.
    pub async fn handle(self: &Arc<Self>, request: Request<Bytes>, peer: IpAddr) -> Answer {
        let (parts, body) = request.into_parts();
        let began = Instant::now();
        let answer = async {
            let incoming = Incoming {
                method: &parts.method,
                headers: &parts.headers,
                query: Query::parse(parts.uri.query().unwrap_or_default()),
                raw_query: parts.uri.query().unwrap_or_default(),
                body: &body,
                user: self.sender(&parts.headers).await?,
            };
            match resolve::resolve(parts.uri.path())? {
                Route::Target(target) => self.handle_target(incoming, target).await,
                document => {
                    let path = parts.uri.path();
                    self.handle_document(&incoming, path, document).await.map(Answer::Full)
                }
            }
        };
        let answer = answer.await.unwrap_or_else(|error| Answer::Full(respond::failure(&error)));
        let code = match &answer {
            Answer::Full(response) => response.status().as_u16(),
            Answer::Stream(head, _) => head.status().as_u16(),
            Answer::Connect(_) => StatusCode::SWITCHING_PROTOCOLS.as_u16(),
        };
        // Without the query: it may hold what a command in a container is told.
        let (method, path) = (&parts.method, parts.uri.path());
        tracing::debug!(%method, path, code, %peer, elapsed = ?began.elapsed(), "request");
        answer
    }

    async fn handle_document(
        &self,
        incoming: &Incoming<'_>,
        path: &str,
        document: Route,
    ) -> Result<Response<Bytes>, ApiError> {
        if !matches!(*incoming.method, Method::GET | Method::HEAD) {
            return Err(not_allowed());
        }
        self.authorize(&incoming.user, &Attributes::path("get", path)).await?;
        Ok(match document {
            Route::Discovery(asked) => discover(incoming, &asked)?,
            Route::Version => respond::json(StatusCode::OK, &discovery::version()),
            Route::Health { probe, check } => {
                self.probe(&probe, check.as_deref(), &incoming.query).await
            }
            Route::TokenKeys => respond::json(StatusCode::OK, &self.tokens.key_set()),
            Route::TokenIssuer => {
                let issuer = self.tokens.issuer();
                let configuration = json!({
                    "issuer": issuer, "jwks_uri": format!("{issuer}/openid/v1/jwks"),
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                });
                respond::json(StatusCode::OK, &configuration)
            }
            Route::OpenApiV2 => openapi::v2(),
            Route::OpenApi(None) => openapi::index(incoming.headers.get(header::IF_NONE_MATCH)),
            Route::OpenApi(Some(path)) => {
                let known = incoming.headers.get(header::IF_NONE_MATCH);
                openapi::document(&path, &incoming.query, known)?
            }
            Route::Target(_) => return Err(resolve::nowhere()),
        })
    }

    async fn handle_target(
        self: &Arc<Self>,
        incoming: Incoming<'_>,
        target: Target,
    ) -> Result<Answer, ApiError> {
        let verb = verb_of(&incoming, &target)?;
        let wanted = if target.name.is_empty() && verb != Verb::Create {
            let fields = incoming.query.get("fieldSelector").unwrap_or_default();
            authorize::wanted_of_many(verb.name(), &target, fields)
        } else {
            authorize::wanted(verb.name(), &target)
        };
        self.authorize(&incoming.user, &wanted).await?;
        if target.sub().is_some_and(|sub| sub.connects) {
            return self.handle_stream(&incoming, &target).await;
        }
        match verb {
            Verb::Watch => self.handle_watch(&incoming, &target).await,
            Verb::Get => self.handle_get(&incoming, &target).await.map(Answer::Full),
            Verb::List => {
                let view = incoming.view()?;
                let options = ListOptions::read(&incoming.query)?;
                let page = self.list(&target, &options).await?;
                let items = page.items.iter().map(|item| &**item);
                let listed = render::list(target.def, items, &page.meta, view);
                Ok(Answer::Full(respond::formatted(StatusCode::OK, listed, view.wanted.format)))
            }
            Verb::Delete => self.handle_delete(&incoming, &target).await.map(Answer::Full),
            Verb::DeleteCollection => {
                let view = incoming.view()?;
                let options = ListOptions::read(&incoming.query)?;
                let request = incoming.delete_request()?;
                let page =
                    self.delete_collection(&incoming.user, &target, &options, &request).await?;
                let items = page.items.iter().map(|item| &**item);
                let listed = render::list(target.def, items, &page.meta, view);
                Ok(Answer::Full(respond::formatted(StatusCode::OK, listed, view.wanted.format)))
            }
            Verb::Create | Verb::Update | Verb::Patch => {
                self.handle_write(&incoming, &target, verb).await.map(Answer::Full)
            }
        }
    }

    async fn handle_get(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Response<Bytes>, ApiError> {
        let view = incoming.view()?;
        if target.sub().is_some_and(|sub| sub.scales) {
            let scale = self.get_scale(target).await?;
            let shown = match view.wanted.shape {
                Shape::Table(version) => scale_table(&scale, version),
                _ => scale,
            };
            let shown = shown.to_string().into();
            return Ok(respond::formatted(StatusCode::OK, shown, view.wanted.format));
        }
        if target.sub().is_some_and(|sub| sub.awaits) {
            let seconds = incoming.query.number("timeoutSeconds")?;
            let done = self.wait(target, seconds.and_then(|n| n.try_into().ok())).await?;
            let mut status = success();
            status["message"] = done.into();
            return Ok(respond::json(StatusCode::OK, &status));
        }
        let stale = incoming.query.get("resourceVersion") == Some("0");
        if let Some(revision) = incoming.query.number("resourceVersion")? {
            self.catch_up_to(revision.try_into().unwrap_or(0)).await?;
        }
        let stored = self.read(&target.key(), stale).await?;
        let shown = render::object(target.def, &stored, view);
        Ok(respond::formatted(StatusCode::OK, shown, view.wanted.format))
    }

    async fn handle_watch(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Answer, ApiError> {
        let view = incoming.view()?;
        let options = ListOptions::read(&incoming.query)?;
        let lines = match self.watch(target, &options).await {
            Ok(seen) => watch_lines::lines(target.def, seen, view),
            // A revision that is gone, or not there yet, is told within the stream.
            Err(error) if matches!(error.reason, Reason::Expired | Reason::Timeout) => {
                watch_lines::failed(&error)
            }
            Err(error) => return Err(error),
        };
        let mut head = Response::new(());
        let media = HeaderValue::from_static("application/json");
        head.headers_mut().insert(header::CONTENT_TYPE, media);
        let private = HeaderValue::from_static("no-cache, private");
        head.headers_mut().insert(header::CACHE_CONTROL, private);
        Ok(Answer::Stream(head, lines))
    }

    /// A log is plain text; everything else is an upgrade.
    async fn handle_stream(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Answer, ApiError> {
        self.authorize_stream(&incoming.user, target).await?;
        if target.sub().is_some_and(|sub| sub.verbs.contains(&Verb::Create)) {
            let place = self.locate(target, incoming.raw_query).await?;
            check_upgrade(incoming.headers)?;
            return self.tunnels().open(&place.node, &place.header).await.map(Answer::Connect);
        }
        let chunks = self.read_log(target, incoming.raw_query).await?;
        let mut head = Response::new(());
        let media = HeaderValue::from_static("text/plain; charset=utf-8");
        head.headers_mut().insert(header::CONTENT_TYPE, media);
        Ok(Answer::Stream(head, chunks))
    }

    async fn handle_delete(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Response<Bytes>, ApiError> {
        let view = incoming.view()?;
        let request = incoming.delete_request()?;
        Ok(match self.delete(&incoming.user, target, &request).await? {
            Deleted::Marked(stored) => {
                let shown = render::object(target.def, &stored, view);
                respond::formatted(StatusCode::OK, shown, view.wanted.format)
            }
            Deleted::Gone(stored) if target.def.returns_deleted => {
                let shown = render::object(target.def, &stored, view);
                respond::formatted(StatusCode::OK, shown, view.wanted.format)
            }
            Deleted::Gone(stored) => {
                let uid = object::Meta::read(&stored.body).map(|meta| meta.uid.to_string());
                let mut status = success();
                status["details"] = json!({
                    "name": target.name, "group": target.def.group, "kind": target.def.plural,
                    "uid": uid.unwrap_or_default(),
                });
                respond::json(StatusCode::OK, &status)
            }
        })
    }

    async fn handle_write(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
        verb: Verb,
    ) -> Result<Response<Bytes>, ApiError> {
        let view = incoming.view()?;
        let options = incoming.write_options(match verb {
            Verb::Create => "CreateOptions",
            Verb::Update => "UpdateOptions",
            _ => "PatchOptions",
        })?;
        let mut writer = Writer::new(&incoming.user, &options);
        let written = match (verb, target.sub()) {
            (Verb::Create, None) => self.create(&mut writer, target, incoming.document()?).await?,
            (Verb::Create, Some(sub)) => {
                self.post(&mut writer, target, sub, incoming.document()?).await?
            }
            (Verb::Update, Some(sub)) if sub.scales => {
                self.update_scale(&mut writer, target, incoming.document()?).await?
            }
            (Verb::Update, _) => self.update(&mut writer, target, incoming.document()?).await?,
            _ => self.patch(&mut writer, target, &incoming.patch()?).await?,
        };
        let (status, body) = match &written {
            Written::Created(stored) => {
                (StatusCode::CREATED, render::object(target.def, stored, view))
            }
            Written::Changed(stored) => (StatusCode::OK, render::object(target.def, stored, view)),
            Written::Answered(value) if verb == Verb::Create => {
                (StatusCode::CREATED, value.to_string().into())
            }
            Written::Answered(value) => (StatusCode::OK, value.to_string().into()),
        };
        let mut response = respond::formatted(status, body, view.wanted.format);
        respond::warn(&mut response, &writer.warnings);
        Ok(response)
    }
}

/// The verb that a method means on a target, if the target has it.
fn verb_of(incoming: &Incoming<'_>, target: &Target) -> Result<Verb, ApiError> {
    let is_collection = target.name.is_empty();
    let verb = match *incoming.method {
        Method::GET | Method::HEAD if is_collection && incoming.query.flag("watch") => Verb::Watch,
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

fn discover(incoming: &Incoming<'_>, asked: &Discovery) -> Result<Response<Bytes>, ApiError> {
    let version = negotiate::accept_discovery(incoming.header(header::ACCEPT));
    let known = incoming.headers.get(header::IF_NONE_MATCH);
    let (core, version) = match (asked, version) {
        (Discovery::Core, Some(version)) => (true, version),
        (Discovery::Groups, Some(version)) => (false, version),
        _ => {
            let wanted = negotiate::accept(incoming.header(header::ACCEPT))?;
            let document = discovery::separate(asked)?.to_string();
            return Ok(respond::formatted(StatusCode::OK, document.into(), wanted.format));
        }
    };
    let media = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let document = discovery::aggregated(core, version).to_string();
    Ok(respond::tagged(media, document.into(), known))
}

//! One request: resolve, authenticate, authorize, then the verb, then the answer.

mod documents;
mod incoming;
mod objects;
mod proxy;
mod read;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use http::Request;
use kinds::Verb;
use object::ApiError;
use planning::access::Attributes;

use crate::{
    Answer, Api, Body,
    audit::Trail,
    authorize,
    fairness::{self, Seat},
    metrics,
    query::Query,
    resolve::{Route, Target},
    respond,
};
use incoming::{Incoming, is_audited, origin, verb_of};

impl Api {
    /// Answers one request of a client that is connected from `peer`.
    pub async fn handle(
        self: &Arc<Self>,
        request: Request<impl Into<Body>>,
        peer: IpAddr,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        let began = Instant::now();
        let _inflight = self.metrics.begin();
        let mut asked = None;
        let class = OnceLock::new();
        let answer = async {
            let sender = self.sender(&parts).await?;
            let origin = origin(&parts.headers, peer, sender.impersonator);
            if let Some(remote) = self.remote_of(parts.uri.path()) {
                let sender = (&sender.user, &origin);
                return self.handle_remote(sender, &remote, &parts, body.into(), peer).await;
            }
            let route = self.resolve(parts.uri.path()).await?;
            if let Route::Target(target) = &route {
                asked = Some(target.clone());
            }
            if let Route::Target(target) = &route
                && let Some(proxied) = target.proxied()
            {
                let sender = (&sender.user, &origin);
                return self.handle_proxy(sender, target, proxied, &parts, body.into(), peer).await;
            }
            let body = body.into().gather().await?;
            let incoming = Incoming {
                method: &parts.method,
                headers: &parts.headers,
                query: Query::parse(parts.uri.query().unwrap_or_default()),
                raw_query: parts.uri.query().unwrap_or_default(),
                body: &body,
                user: sender.user,
                origin,
                trail: None,
                class: &class,
            };
            match route {
                Route::Target(target) => self.handle_target(incoming, target).await,
                document => {
                    let path = parts.uri.path();
                    let verb = parts.method.as_str().to_ascii_lowercase();
                    let _seat = self.enter(&incoming, &Attributes::path(&verb, path)).await?;
                    self.handle_document(&incoming, path, document).await.map(Answer::Full)
                }
            }
        };
        let mut answer = answer.await.unwrap_or_else(|error| {
            Answer::Full(respond::failure(&error, incoming::format_of(&parts)))
        });
        if let Some(class) = class.get() {
            fairness::tell(&mut answer, class);
        }
        let code = answer.code();
        // Without the query: it may hold what a command in a container is told.
        let (method, path) = (&parts.method, parts.uri.path());
        let elapsed = began.elapsed();
        tracing::debug!(%method, path, code, %peer, ?elapsed, "request");
        let is_watch = parts.uri.query().is_some_and(|query| Query::parse(query).flag("watch"));
        let verb = metrics::verb(method, asked.as_ref(), is_watch);
        self.metrics.end(asked.as_ref(), verb, elapsed, answer)
    }

    async fn handle_target(
        self: &Arc<Self>,
        mut incoming: Incoming<'_>,
        target: Target,
    ) -> Result<Answer, ApiError> {
        let verb = verb_of(&incoming, &target)?;
        let seat = self.enter(&incoming, &authorize::wanted(verb.name(), &target)).await?;
        // Whoever waits for something to happen keeps nobody from working.
        let _seat = seat.filter(|_| !target.sub().is_some_and(|sub| sub.awaits));
        if !is_audited(&target, verb) {
            return self.perform(&incoming, &target, verb).await;
        }
        let Incoming { user, origin, .. } = &incoming;
        let trail = Trail::new(user, origin, verb.name(), &target.subresource);
        incoming.trail = Some(trail.clone());
        let answer = self.perform(&incoming, &target, verb).await;
        let code = answer.as_ref().map_or_else(ApiError::code, Answer::code);
        self.auditor.note(&trail, &target.key(), code);
        answer
    }

    /// Waits until it is the turn of a request.
    async fn enter(
        &self,
        incoming: &Incoming<'_>,
        wanted: &Attributes,
    ) -> Result<Option<Seat>, ApiError> {
        let config = self.feed.fairness();
        let Some(class) = config.classify(&incoming.user, wanted) else { return Ok(None) };
        let class = incoming.class.get_or_init(|| class);
        self.fairness.enter(&config, class).await
    }

    async fn perform(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        target: &Target,
        verb: Verb,
    ) -> Result<Answer, ApiError> {
        let wanted = if target.name.is_empty() && verb != Verb::Create {
            let fields = incoming.query.get("fieldSelector").unwrap_or_default();
            authorize::wanted_of_many(verb.name(), target, fields)
        } else {
            authorize::wanted(verb.name(), target)
        };
        self.authorize(&incoming.user, &wanted).await?;
        let deprecated = target.def.deprecated.clone();
        let mut answer = self.answer_verb(incoming, target, verb).await?;
        if let (Some(warning), Answer::Full(response)) = (deprecated, &mut answer) {
            respond::warn(response, &[warning.into_owned()]);
        }
        Ok(answer)
    }

    async fn answer_verb(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        target: &Target,
        verb: Verb,
    ) -> Result<Answer, ApiError> {
        if target.sub().is_some_and(|sub| sub.connects) {
            return self.handle_stream(incoming, target).await;
        }
        match verb {
            Verb::Watch => self.handle_watch(incoming, target).await,
            Verb::Get => self.handle_get(incoming, target).await.map(Answer::Full),
            Verb::List => self.handle_list(incoming, target).await,
            Verb::Delete => self.handle_delete(incoming, target).await.map(Answer::Full),
            Verb::DeleteCollection => {
                self.handle_delete_collection(incoming, target).await.map(Answer::Full)
            }
            Verb::Create | Verb::Update | Verb::Patch => {
                self.handle_write(incoming, target, verb).await.map(Answer::Full)
            }
        }
    }
}

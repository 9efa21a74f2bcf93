//! One request: resolve, authenticate, authorize, then the verb, then the answer.

mod documents;
mod incoming;
mod objects;

use std::{net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use kinds::Verb;
use object::ApiError;

use crate::{
    Answer, Api, authorize,
    query::Query,
    resolve::{self, Route, Target},
    respond,
};
use incoming::{Incoming, verb_of};

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
            match resolve::resolve(&self.registry(), parts.uri.path())? {
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
            Verb::List => self.handle_list(&incoming, &target).await.map(Answer::Full),
            Verb::Delete => self.handle_delete(&incoming, &target).await.map(Answer::Full),
            Verb::DeleteCollection => {
                self.handle_delete_collection(&incoming, &target).await.map(Answer::Full)
            }
            Verb::Create | Verb::Update | Verb::Patch => {
                self.handle_write(&incoming, &target, verb).await.map(Answer::Full)
            }
        }
    }
}

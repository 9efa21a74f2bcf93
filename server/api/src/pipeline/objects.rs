//! Requests for objects: each verb, and how its outcome is answered.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use kinds::Verb;
use object::{ApiError, Reason};
use serde_json::{Value, json};
use store::Stored;

use super::incoming::Incoming;
use crate::{
    Answer, Api, listing,
    negotiate::{Shape, Wanted},
    query::ListOptions,
    render::{self, View},
    resolve::Target,
    respond,
    streams::{Dialect, check_upgrade},
    verbs::{
        Writer, Written, delete::Deleted, list::Page, post::success, scale::table as scale_table,
    },
    watch_lines,
};

/// An answer that is not stored has no metadata to make a table of.
fn check_transformable(target: &Target, answered: &Value, view: View) -> Result<(), ApiError> {
    if view.wanted.shape == Shape::Whole || answered["kind"] == "Status" {
        return Ok(());
    }
    let name = &target.def.name;
    let why = format!("the resource {name} does not support being converted to a Table");
    Err(ApiError::new(Reason::NotAcceptable, why))
}

/// A page as the client wants to read it.
fn listed(target: &Target, page: &Page, view: View) -> Response<Bytes> {
    let items = page.items.iter().map(|item| &**item);
    let listed = render::list(&target.def, items, &page.meta, view);
    respond::formatted(StatusCode::OK, listed, view.wanted.format)
}

impl Api {
    async fn show(
        &self,
        target: &Target,
        stored: Arc<Stored>,
        view: View,
    ) -> Result<Bytes, ApiError> {
        let stored = self.in_version(&target.def, stored).await?;
        Ok(render::object(&target.def, &stored, view))
    }

    async fn page_in_version(&self, target: &Target, page: Page) -> Result<Page, ApiError> {
        let items = self.all_in_version(&target.def, page.items).await?;
        Ok(Page { items, ..page })
    }

    pub(super) async fn handle_list(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Answer, ApiError> {
        let view = incoming.view()?;
        let page = self.list(target, &ListOptions::read_for(&target.def, &incoming.query)?).await?;
        let page = self.page_in_version(target, page).await?;
        if view.wanted == Wanted::default() && listing::is_large(&page) {
            let members = listing::accepts_gzip(incoming.headers).then(|| self.members.clone());
            let (head, chunks) = listing::answer(&target.def, page, members);
            return Ok(Answer::Stream(head, chunks));
        }
        Ok(Answer::Full(listed(target, &page, view)))
    }

    pub(super) async fn handle_delete_collection(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Response<Bytes>, ApiError> {
        let view = incoming.view()?;
        let options = ListOptions::read(&incoming.query)?;
        let request = incoming.delete_request()?;
        let writer = Writer::new(&incoming.user, &request.write);
        let page = self.delete_collection(&writer, target, &options, &request).await?;
        let page = self.page_in_version(target, page).await?;
        let mut response = listed(target, &page, view);
        respond::warn(&mut response, &writer.all_warnings());
        Ok(response)
    }

    pub(super) async fn handle_get(
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
            let shown = object::text::line(&shown).into();
            return Ok(respond::formatted(StatusCode::OK, shown, view.wanted.format));
        }
        if target.sub().is_some_and(|sub| sub.awaits) {
            let seconds = incoming.query.number("timeoutSeconds")?;
            let done = self.wait(target, seconds.and_then(|n| n.try_into().ok())).await?;
            let mut status = success();
            status["message"] = done.into();
            return Ok(respond::json(StatusCode::OK, &status));
        }
        if target.def.computed {
            let computed = self.compute_one(target).await?;
            let shown = render::object(&target.def, &computed, view);
            return Ok(respond::formatted(StatusCode::OK, shown, view.wanted.format));
        }
        let stale = incoming.query.get("resourceVersion") == Some("0");
        if let Some(revision) = incoming.query.revision()? {
            self.catch_up_to(revision).await?;
        }
        let stored = self.read(&target.key(), stale).await?;
        let stored = self.in_version(&target.def, stored).await?;
        let shown = render::object(&target.def, &stored, view);
        Ok(respond::formatted(StatusCode::OK, shown, view.wanted.format))
    }

    pub(super) async fn handle_watch(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Answer, ApiError> {
        let view = incoming.view()?;
        let options = ListOptions::read(&incoming.query)?;
        let lines = match self.clone().watch_in_version(target, &options).await {
            Ok(seen) => watch_lines::lines(target.def.clone(), seen, view),
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
    pub(super) async fn handle_stream(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Answer, ApiError> {
        self.authorize_stream(&incoming.user, target).await?;
        if target.sub().is_some_and(|sub| sub.verbs.contains(&Verb::Create)) {
            let place = self.locate(target, incoming.raw_query).await?;
            let dialect = check_upgrade(incoming.headers, &target.subresource)?;
            self.admit_stream(&incoming.user, target, incoming.raw_query).await?;
            return match dialect {
                Dialect::Channels => {
                    let opened = self.tunnels().open(&place.node, &place.header).await;
                    opened.map(Answer::Connect)
                }
                Dialect::Spdy => Ok(Answer::Bytes(self.forward_ports(place))),
            };
        }
        let chunks = self.read_log(target, incoming.raw_query).await?;
        let mut head = Response::new(());
        let media = HeaderValue::from_static("text/plain; charset=utf-8");
        head.headers_mut().insert(header::CONTENT_TYPE, media);
        Ok(Answer::Stream(head, chunks))
    }

    pub(super) async fn handle_delete(
        &self,
        incoming: &Incoming<'_>,
        target: &Target,
    ) -> Result<Response<Bytes>, ApiError> {
        let view = incoming.view()?;
        let request = incoming.delete_request()?;
        let writer = Writer::new(&incoming.user, &request.write);
        let mut response = match self.delete(&writer, target, &request).await? {
            Deleted::Marked(stored) => {
                let shown = self.show(target, Arc::new(stored), view).await?;
                respond::formatted(StatusCode::OK, shown, view.wanted.format)
            }
            Deleted::Gone(stored) if target.def.returns_deleted => {
                let shown = self.show(target, stored, view).await?;
                respond::formatted(StatusCode::OK, shown, view.wanted.format)
            }
            Deleted::Gone(stored) => {
                let uid = object::Meta::read(&stored.body).map(|meta| meta.uid.to_string());
                let mut status = success();
                status["details"] = json!({
                    "name": target.name, "kind": target.def.plural, "uid": uid.unwrap_or_default(),
                });
                if !target.def.group.is_empty() {
                    status["details"]["group"] = (*target.def.group).into();
                }
                respond::json(StatusCode::OK, &status)
            }
        };
        respond::warn(&mut response, &writer.all_warnings());
        Ok(response)
    }

    pub(super) async fn handle_write(
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
        let (status, body) = match written {
            Written::Created(stored) => {
                (StatusCode::CREATED, self.show(target, Arc::new(stored), view).await?)
            }
            Written::Changed(stored) => {
                (StatusCode::OK, self.show(target, Arc::new(stored), view).await?)
            }
            Written::Answered(value) if verb == Verb::Create => {
                check_transformable(target, &value, view)?;
                (StatusCode::CREATED, object::text::line(&value).into())
            }
            Written::Answered(value) => (StatusCode::OK, object::text::line(&value).into()),
        };
        let mut response = respond::formatted(status, body, view.wanted.format);
        respond::warn(&mut response, &writer.all_warnings());
        Ok(response)
    }
}

//! What is no whole object: deletions, scales, what is posted to a part of an object, streams.

use kinds::{AnyObject, SubresourceDef};
use object::ApiError;
use planning::{
    admission::Notes,
    dynamic_admission::{Operation, Part},
};
use serde_json::{Map, Value, json};

use super::{Event, Options, Shown, changes::Before};
use crate::{
    Api,
    query::Query,
    resolve::Target,
    verbs::{Writer, delete::DeleteRequest, scale},
};

/// The parameters of streams that are yes or no.
const FLAGS: [&str; 4] = ["stdin", "stdout", "stderr", "tty"];

pub(super) fn scales(before: Before<'_>, object: &dyn AnyObject) -> Shown {
    let show = |object| scale::show(object, before.revision).ok();
    let (group, version, kind) = ("autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned());
    let part = Some(Part { group, version, kind });
    Shown { object: show(object), old: show(before.object), part }
}

/// The replicas that a `Scale` asks for.
pub(super) fn replicas(scale: &Value) -> Option<i32> {
    scale["spec"]["replicas"].as_i64().and_then(|replicas| i32::try_from(replicas).ok())
}

impl Api {
    /// Asks about a deletion.
    pub(crate) async fn admit_deletion(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        request: &DeleteRequest,
        before: Before<'_>,
    ) -> Result<(), ApiError> {
        let event = Event::new(Operation::Delete, target, writer.user, &request.write);
        let event = Event { options: Options::Delete(request), ..event };
        if self.is_unasked(&event).await? {
            return Ok(());
        }
        let mut old = before.object.to_value();
        old["metadata"]["resourceVersion"] = before.revision.to_string().into();
        let shown = Shown { old: Some(old), ..Shown::default() };
        let (_, notes) = self.ask_all(&event, shown).await?;
        writer.note(notes);
        Ok(())
    }

    /// Asks about what is posted to a part of an object, which mutating webhooks may change.
    pub(crate) async fn admit_post(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        sub: &SubresourceDef,
        posted: &mut Value,
    ) -> Result<(), ApiError> {
        let event = Event::new(Operation::Create, target, writer.user, writer.options);
        if self.is_unasked(&event).await? {
            return Ok(());
        }
        let part = sub.response_kind.map(|(group, version, kind)| Part {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        });
        let shown = Shown { object: Some(posted.take()), old: None, part };
        let (object, notes) = self.ask_all(&event, shown).await?;
        *posted = object.unwrap_or_default();
        writer.note(notes);
        Ok(())
    }

    /// Asks about a stream; `query` is the request's.
    pub(crate) async fn admit_stream(
        &self,
        user: &planning::access::User,
        target: &Target,
        query: &str,
    ) -> Result<(), ApiError> {
        let write = crate::query::WriteOptions::default();
        let event = Event::new(Operation::Connect, target, user, &write);
        if self.is_unasked(&event).await? {
            return Ok(());
        }
        let (options, part) = stream_options(target, &Query::parse(query));
        let shown = Shown { object: Some(options), old: None, part: Some(part) };
        let asked: Result<(Option<Value>, Notes), ApiError> = self.ask_all(&event, shown).await;
        asked.map(drop)
    }
}

/// `PodExecOptions` and the like, from what the request asks for.
fn stream_options(target: &Target, query: &Query) -> (Value, Part) {
    let kind = match target.subresource.as_str() {
        "exec" => "PodExecOptions".to_owned(),
        "attach" => "PodAttachOptions".to_owned(),
        "portforward" => "PodPortForwardOptions".to_owned(),
        _ => format!("{}ProxyOptions", target.def.kind),
    };
    let mut options = Map::new();
    options.insert("kind".to_owned(), kind.as_str().into());
    options.insert("apiVersion".to_owned(), "v1".into());
    if kind.ends_with("ProxyOptions") {
        options.insert("path".to_owned(), target.rest.as_str().into());
    }
    for flag in FLAGS.into_iter().filter(|flag| query.flag(flag)) {
        options.insert(flag.to_owned(), true.into());
    }
    if let Some(container) = query.get("container") {
        options.insert("container".to_owned(), container.into());
    }
    let command: Vec<&str> = query.all("command").collect();
    if !command.is_empty() {
        options.insert("command".to_owned(), json!(command));
    }
    let ports: Vec<i64> = query.all("ports").filter_map(|port| port.parse().ok()).collect();
    if !ports.is_empty() {
        options.insert("ports".to_owned(), json!(ports));
    }
    let part = Part { group: String::new(), version: "v1".to_owned(), kind };
    (Value::Object(options), part)
}

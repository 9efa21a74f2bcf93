//! An app's logs, as they come.

use std::collections::BTreeMap;

use askama::Template;
use bytes::Bytes;
use client::Connection;
use futures::{StreamExt, stream, stream::SelectAll};
use http::StatusCode;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use object::ApiError;

use crate::{
    live::encode,
    objects::{get, in_namespace, key_of, list},
    response::{Answer, events, html, render},
    router::Visit,
    view::app::pods_of,
};

/// How many old lines of each replica are shown at first.
const TAIL_LINES: usize = 100;

#[derive(Template)]
#[template(path = "parts/logs.html")]
struct LogsPart<'p> {
    namespace: &'p str,
    name: &'p str,
    pod: &'p str,
}

#[derive(Template)]
#[template(path = "parts/log_line.html")]
struct LogLine<'p> {
    pod: &'p str,
    text: &'p str,
}

/// The box that follows the logs of one replica, or of all.
pub(crate) fn show(visit: &Visit, namespace: &str, name: &str) -> Result<Answer, ApiError> {
    let pod = visit.query.text("pod");
    Ok(html(StatusCode::OK, render(&LogsPart { namespace, name, pod })))
}

pub(crate) async fn live(visit: &Visit, namespace: &str, name: &str) -> Result<Answer, ApiError> {
    let wanted = visit.query.text("pod");
    let deployment: Deployment = get(&*visit.client, namespace, name).await?;
    let pods: Vec<Pod> = list(&*visit.client, &in_namespace(namespace)).await?;
    let own = pods_of(&deployment, &pods).filter_map(|pod| pod.metadata.name.clone());
    let mut lines = SelectAll::new();
    for pod in own.filter(|pod| wanted.is_empty() || pod == wanted) {
        let key = key_of::<Pod>(namespace, &pod);
        let query = format!("follow=true&tailLines={TAIL_LINES}");
        let stream = match visit.client.connect(&key, "log", &query).await {
            Ok(connection) => follow(pod, connection).boxed(),
            // A replica that has not started yet says so in its line; the others go on.
            Err(error) => stream::iter([line(&pod, &error.message)]).boxed(),
        };
        lines.push(stream);
    }
    // The browser would connect anew at the stream's end and show the same lines again.
    let end = stream::iter([encode("end", "")]);
    Ok(events(lines.chain(end).boxed()))
}

fn line(pod: &str, text: &str) -> Bytes {
    encode("line", &render(&LogLine { pod, text }))
}

/// Cuts a replica's output into lines; unfinished ones wait for their end, by channel.
fn follow(pod: String, connection: Connection) -> impl futures::Stream<Item = Bytes> + Send {
    let state = (pod, connection, BTreeMap::<u8, Vec<u8>>::new());
    stream::unfold(state, |(pod, mut connection, mut rest)| async move {
        loop {
            let frame = connection.incoming.recv().await?;
            let pending = rest.entry(frame.channel).or_default();
            pending.extend_from_slice(&frame.data);
            let Some(end) = pending.iter().rposition(|byte| *byte == b'\n') else { continue };
            let complete: Vec<u8> = pending.drain(..=end).collect();
            let text = String::from_utf8_lossy(&complete);
            let html: Vec<String> =
                text.lines().map(|text| render(&LogLine { pod: &pod, text })).collect();
            return Some((encode("line", &html.join("\n")), (pod, connection, rest)));
        }
    })
}

//! Pages that follow the cluster: a watch's change renders the page's part anew and sends it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use client::{Client, EventStream, Selection};
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, SelectAll},
};
use object::{ApiError, KindName};

/// Changes that come together are shown together.
const SETTLE_MS: u64 = 60;
/// Intermediaries end connections that say nothing.
const KEEP_ALIVE_SECONDS: u64 = 15;

/// Renders the part of a page that follows the cluster.
pub(crate) type Render =
    Arc<dyn Fn() -> BoxFuture<'static, Result<String, ApiError>> + Send + Sync>;

struct Follower {
    changes: SelectAll<EventStream>,
    event: &'static str,
    render: Render,
    last: String,
}

/// Server-sent events that carry the part's HTML whenever it differs from what was sent last. The
/// stream ends with its watches; the browser then connects anew.
///
/// # Errors
/// When a watch is refused.
pub(crate) async fn follow(
    client: &dyn Client,
    watched: &[(KindName, Selection)],
    event: &'static str,
    render: Render,
) -> Result<BoxStream<'static, Bytes>, ApiError> {
    let mut changes = SelectAll::new();
    for (kind, selection) in watched {
        match client.watch(kind, selection, 0).await {
            Ok(stream) => changes.push(stream),
            // What the user may not see does not change for the user.
            Err(error) if error.code() == 403 => {}
            Err(error) => return Err(error),
        }
    }
    let follower = Follower { changes, event, render, last: String::new() };
    Ok(stream::unfold(follower, |mut follower| async move {
        let message = follower.next_message().await?;
        Some((message, follower))
    })
    .boxed())
}

impl Follower {
    async fn next_message(&mut self) -> Option<Bytes> {
        loop {
            let wait = Duration::from_secs(KEEP_ALIVE_SECONDS);
            match tokio::time::timeout(wait, self.changes.next()).await {
                Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
                Ok(None | Some(Err(_))) => return None,
                Ok(Some(Ok(_))) => {}
            }
            tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
            while let Some(more) = self.changes.next().now_or_never() {
                more?.ok()?;
            }
            let html = (self.render)().await.ok()?;
            if html != self.last {
                let message = encode(self.event, &html);
                self.last = html;
                return Some(message);
            }
        }
    }
}

/// One server-sent event.
pub(crate) fn encode(event: &str, data: &str) -> Bytes {
    let mut text = format!("event: {event}\n");
    for line in data.lines() {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text.into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_of_an_event_is_data() {
        assert_eq!(&super::encode("a", "x\ny")[..], b"event: a\ndata: x\ndata: y\n\n");
    }
}

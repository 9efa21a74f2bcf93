//! Follows the engine: its changes, and whether it is there at all.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::sync::{mpsc, watch};

use crate::context::Context;

const RETRY: Duration = Duration::from_secs(2);

/// What happened at the engine.
pub(super) enum EngineChange {
    /// A container of this pod changed.
    Pod(String),
    /// Anything may have changed while nobody listened.
    Everything,
}

/// Tells of the engine's changes for ever, and of the engine itself when it is away.
pub(super) async fn follow_engine(
    context: Arc<Context>,
    changes: mpsc::Sender<EngineChange>,
    problem: watch::Sender<Option<String>>,
) {
    loop {
        let ended = match context.runtime.changes(&context.config.node).await {
            Ok(mut stream) => {
                if changes.send(EngineChange::Everything).await.is_err() {
                    return;
                }
                let alive = context.runtime.engine().await.err().map(|error| error.to_string());
                problem.send_if_modified(|before| replace(before, alive));
                loop {
                    match stream.next().await {
                        Some(Ok(change)) => {
                            let told = changes.send(EngineChange::Pod(change.pod_uid)).await;
                            if told.is_err() {
                                return;
                            }
                        }
                        Some(Err(error)) => break error.to_string(),
                        None => break "Docker has closed the stream of its events".to_owned(),
                    }
                }
            }
            Err(error) => error.to_string(),
        };
        let answer = context.runtime.engine().await;
        if let Err(error) = answer {
            tracing::warn!(%error, %ended, "the engine is away");
            problem.send_if_modified(|before| replace(before, Some(error.to_string())));
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn replace(before: &mut Option<String>, now: Option<String>) -> bool {
    let changed = *before != now;
    *before = now;
    changed
}

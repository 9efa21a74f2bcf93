//! Which pods have their node, as a watcher sees it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::api::{latency::Report, platform::Platform};

#[derive(Deserialize)]
struct Event {
    object: Pod,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Meta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<String>,
}

/// Pods that were seen: when they came, and how long they waited for their node.
#[derive(Default)]
struct Seen {
    waiting: HashMap<String, Instant>,
    waits: HashMap<String, Duration>,
}

pub struct Bound {
    count: watch::Receiver<usize>,
    seen: std::sync::Arc<std::sync::Mutex<Seen>>,
    watching: JoinHandle<Result<()>>,
}

impl Bound {
    pub async fn watch(platform: &Platform, space: &str) -> Result<Self> {
        let client = platform.client(1).await?;
        let path = format!("/api/v1/namespaces/{space}/pods?watch=true");
        let mut body = client.open(&path).await?;
        let (counting, count) = watch::channel(0);
        let seen = std::sync::Arc::<std::sync::Mutex<Seen>>::default();
        let noting = seen.clone();
        let watching = tokio::spawn(async move {
            // The connection is the client's.
            let _client = client;
            let mut buffer = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                buffer.extend_from_slice(&data);
                let mut seen = noting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    seen.note(serde_json::from_slice(&buffer[..end])?);
                    buffer.advance(end + 1);
                }
                counting.send_replace(seen.waits.len());
            }
            Ok(())
        });
        Ok(Self { count, seen, watching })
    }

    pub async fn wait(&self, pods: usize, patience: Duration) -> Result<()> {
        let mut count = self.count.clone();
        let waiting = count.wait_for(|count| *count >= pods);
        let seen = *self.count.borrow();
        let late = || format!("of {pods} pods, {seen} had a node at the start of {patience:?}");
        timeout(patience, waiting).await.with_context(late)?.context("the watch has ended")?;
        Ok(())
    }

    pub fn report(&self) -> Report {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut report = Report::default();
        seen.waits.values().for_each(|wait| report.note(*wait));
        report
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Seen {
    fn note(&mut self, event: Event) {
        let Meta { name } = event.object.metadata;
        let since = *self.waiting.entry(name.clone()).or_insert_with(Instant::now);
        if event.object.spec.node_name.is_some_and(|node| !node.is_empty()) {
            self.waits.entry(name).or_insert_with(|| since.elapsed());
        }
    }
}

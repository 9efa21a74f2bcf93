//! Events about pods, for people: `kubectl describe` shows them. Telling one never holds a pod up.

use std::{collections::BTreeMap, sync::Arc};

use client::{Client, PatchType, WriteOptions};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use object::Key;
use ring::digest::{Context as Digest, SHA256};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Events that wait to be written; more are dropped.
const WAITING_MAX: usize = 64;
/// Events whose counts are remembered.
const KNOWN_MAX: usize = 256;

struct Told {
    key: Key,
    body: Value,
}

#[derive(Clone)]
pub(crate) struct Recorder {
    node: Arc<str>,
    sender: mpsc::Sender<Told>,
}

/// Writes the events of a [`Recorder`].
pub(crate) struct Writer {
    client: Arc<dyn Client>,
    receiver: mpsc::Receiver<Told>,
    counts: BTreeMap<Key, i32>,
}

pub(crate) fn recorder(client: Arc<dyn Client>, node: &str) -> (Recorder, Writer) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let writer = Writer { client, receiver, counts: BTreeMap::new() };
    (Recorder { node: node.into(), sender }, writer)
}

impl Recorder {
    pub(crate) fn normal(&self, pod: &Pod, container: Option<&str>, reason: &str, message: &str) {
        self.record(pod, container, "Normal", reason, message);
    }

    pub(crate) fn warn(&self, pod: &Pod, container: Option<&str>, reason: &str, message: &str) {
        self.record(pod, container, "Warning", reason, message);
    }

    fn record(&self, pod: &Pod, container: Option<&str>, kind: &str, reason: &str, message: &str) {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let meta = &pod.metadata;
        let (name, namespace, uid) = (text(&meta.name), text(&meta.namespace), text(&meta.uid));
        let path = container.map(|name| field_path(pod, name)).unwrap_or_default();
        let mut digest = Digest::new(&SHA256);
        for part in [uid.as_str(), &path, kind, reason, message] {
            digest.update(part.as_bytes());
            digest.update(&[0]);
        }
        let hash = digest.finish();
        let short: String = hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let event_name = format!("{name}.{short}");
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let body = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": event_name, "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": name,
                "namespace": namespace, "uid": uid, "fieldPath": path},
            "type": kind, "reason": reason, "message": message,
            "source": {"component": "kubelet", "host": *self.node},
            "reportingComponent": "kubelet", "reportingInstance": *self.node,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        });
        let told = Told { key: Key::new("events", &namespace, &event_name), body };
        if self.sender.try_send(told).is_err() {
            tracing::debug!(reason, "too many events at once: one is lost");
        }
    }
}

/// `spec.containers{web}`, as Kubernetes writes it.
fn field_path(pod: &Pod, name: &str) -> String {
    let spec = pod.spec.as_ref();
    let is_init = spec
        .and_then(|spec| spec.init_containers.as_ref())
        .is_some_and(|init| init.iter().any(|container| container.name == name));
    let list = if is_init { "initContainers" } else { "containers" };
    format!("spec.{list}{{{name}}}")
}

impl Writer {
    pub(crate) async fn run(mut self) {
        while let Some(told) = self.receiver.recv().await {
            let key = told.key.clone();
            if let Err(error) = self.write(told).await {
                tracing::debug!(%key, %error, "an event could not be written");
            }
        }
    }

    async fn write(&mut self, told: Told) -> Result<(), object::ApiError> {
        let options = WriteOptions::default();
        let count = match self.counts.get(&told.key) {
            Some(count) => *count,
            None => {
                let created =
                    self.client.create(&told.key, "", told.body.to_string().into(), &options).await;
                match created {
                    Ok(_) => {
                        self.remember(told.key, 1);
                        return Ok(());
                    }
                    Err(error) if error.is_already_exists() => {
                        let there: Value = self.client.get(&told.key).await?.decode()?;
                        there["count"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(1)
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let count = count.saturating_add(1);
        let patch = json!({"count": count, "lastTimestamp": told.body["lastTimestamp"]});
        let patched = self
            .client
            .patch(&told.key, "", PatchType::Merge, patch.to_string().into(), &options)
            .await;
        match patched {
            Ok(_) => {
                self.remember(told.key, count);
                Ok(())
            }
            // It has expired: the next one is the first again.
            Err(error) if error.is_not_found() => {
                self.counts.remove(&told.key);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn remember(&mut self, key: Key, count: i32) {
        if self.counts.len() >= KNOWN_MAX {
            self.counts.pop_first();
        }
        self.counts.insert(key, count);
    }
}

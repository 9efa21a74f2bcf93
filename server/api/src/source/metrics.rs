//! What nodes and pods use, asked of their agents when somebody asks. Nothing of it is stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use client::tunnel::{Operation, StreamHeader};
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use http::Request;
use jiff::Timestamp;
use kinds::{node_metrics::NodeMetrics, pod_metrics::PodMetrics};
use object::{ApiError, Key, KindName, Meta};
use planning::world::kind_name;
use serde_json::{Value, json};
use store::{Range, Store};

use super::{Asked, Computed, Source};
use crate::streams::{Exchanged, Tunnels, exchange};

/// What was told is told again for so long: agents look no more often.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// A node that does not answer by then is left out.
const PATIENCE: Duration = Duration::from_secs(3);
const SUMMARY: &str = "/stats/summary";

/// What each node told, and when.
type Told = HashMap<Arc<str>, (Instant, Arc<Value>)>;

/// Asks the agents; shared by both kinds.
pub(crate) struct Agents {
    store: Arc<dyn Store>,
    tunnels: Tunnels,
    told: Mutex<Told>,
}

pub(crate) struct Nodes(Arc<Agents>);
pub(crate) struct Pods(Arc<Agents>);

/// Both kinds with what computes them.
pub(crate) fn sources(
    store: &Arc<dyn Store>,
    tunnels: &Tunnels,
) -> [(KindName, Arc<dyn Source>); 2] {
    let agents =
        Arc::new(Agents { store: store.clone(), tunnels: tunnels.clone(), told: Mutex::default() });
    [
        (kind_name::<NodeMetrics>(), Arc::new(Nodes(agents.clone()))),
        (kind_name::<PodMetrics>(), Arc::new(Pods(agents))),
    ]
}

impl Agents {
    /// The summaries of all nodes, or of one, with each node's name.
    async fn summaries(&self, only: Option<&str>) -> Vec<(Arc<str>, Arc<Value>)> {
        let range = Range { kind: Some("nodes".into()), ..Range::default() };
        let nodes: Vec<Arc<str>> = self
            .store
            .snapshot(&range)
            .items
            .iter()
            .map(|node| node.key.name.clone())
            .filter(|name| only.is_none_or(|only| **name == *only))
            .collect();
        let asked = nodes.into_iter().map(async |node| {
            let summary = tokio::time::timeout(PATIENCE, self.summary(&node)).await;
            match summary {
                Ok(Ok(summary)) => Some((node, summary)),
                Ok(Err(error)) => {
                    tracing::debug!(%node, %error, "a node does not tell what it uses");
                    None
                }
                Err(_) => None,
            }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn summary(&self, node: &Arc<str>) -> Result<Arc<Value>, ApiError> {
        let known = {
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.get(node).filter(|(at, _)| at.elapsed() < FRESH_FOR).map(|(_, told)| told.clone())
        };
        if let Some(known) = known {
            return Ok(known);
        }
        if !self.tunnels.is_connected(node) {
            return Err(ApiError::unavailable("its agent is not connected"));
        }
        let summary = Arc::new(self.ask(node).await?);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, (at, _)| at.elapsed() < FRESH_FOR);
        told.insert(node.clone(), (Instant::now(), summary.clone()));
        Ok(summary)
    }

    async fn ask(&self, node: &str) -> Result<Value, ApiError> {
        let header = StreamHeader::of_node(Operation::Node, String::new());
        let stream = self.tunnels.dial(node, &header).await?;
        let request = Request::get(SUMMARY).header("host", node);
        let request = request
            .body(stream::empty().boxed())
            .map_err(|error| ApiError::internal(error.to_string()))?;
        let Exchanged::Answered(response) = exchange(stream, None, request).await? else {
            return Err(ApiError::unavailable("it speaks another protocol"));
        };
        let status = response.status();
        let chunks: Vec<Bytes> = response.into_body().try_collect().await?;
        let body = chunks.concat();
        if !status.is_success() {
            return Err(ApiError::unavailable(String::from_utf8_lossy(&body).trim().to_owned()));
        }
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::unavailable(format!("it answers no JSON: {error}")))
    }

    fn labels(&self, key: &Key) -> BTreeMap<String, String> {
        let stored = self.store.get(key);
        let meta = stored.and_then(|stored| Meta::read(&stored.body).ok());
        meta.map(|meta| meta.labels).unwrap_or_default()
    }
}

#[async_trait]
impl Source for Nodes {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let only = Some(asked.name).filter(|name| !name.is_empty());
        let summaries = self.0.summaries(only).await;
        let items = summaries.iter().map(|(name, summary)| {
            let node = &summary["node"];
            let mut item = head("NodeMetrics", node, summary);
            let labels = self.0.labels(&Key::new("nodes", "", name));
            item["metadata"] = json!({"name": name, "labels": labels,
                "creationTimestamp": item["timestamp"]});
            item["usage"] = usage(node);
            item
        });
        Ok(Computed { items: items.collect(), continuation: None })
    }
}

#[async_trait]
impl Source for Pods {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let mut items = BTreeMap::new();
        for (_, summary) in self.0.summaries(None).await {
            for pod in summary["pods"].as_array().into_iter().flatten() {
                let text = |field: &str| pod["podRef"][field].as_str().unwrap_or_default();
                let (namespace, name) = (text("namespace"), text("name"));
                let is_asked = |asked: &str, own: &str| asked.is_empty() || asked == own;
                if !is_asked(asked.namespace, namespace) || !is_asked(asked.name, name) {
                    continue;
                }
                let mut item = head("PodMetrics", &summary["node"], &summary);
                let labels = self.0.labels(&Key::new("pods", namespace, name));
                item["metadata"] = json!({"name": name, "namespace": namespace, "labels": labels,
                    "creationTimestamp": item["timestamp"]});
                let containers = pod["containers"].as_array().into_iter().flatten();
                item["containers"] = containers
                    .map(|one| json!({"name": one["name"], "usage": usage(one)}))
                    .collect();
                items.insert((namespace.to_owned(), name.to_owned()), item);
            }
        }
        Ok(Computed { items: items.into_values().collect(), continuation: None })
    }
}

fn head(kind: &str, measured: &Value, summary: &Value) -> Value {
    let at: Option<Timestamp> = measured["cpu"]["time"].as_str().and_then(|t| t.parse().ok());
    let at = at.and_then(|at| Timestamp::from_second(at.as_second()).ok());
    json!({"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1",
        "timestamp": at.unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
        "window": format!("{}s", summary["windowSeconds"].as_u64().unwrap_or(1))})
}

/// As `metrics.k8s.io` writes them.
fn usage(measured: &Value) -> Value {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    json!({"cpu": format!("{}n", number(&measured["cpu"]["usageNanoCores"])),
        "memory": format!("{}Ki", number(&measured["memory"]["workingSetBytes"]) / 1024)})
}

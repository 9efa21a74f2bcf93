//! What the scheduler would do: with hosts that are lost, and with a pod that waits. Computed over a
//! copy of the newest state, away from the threads that answer requests.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use kinds::{host::Host, placement::Placement, what_if::WhatIf};
use object::{ApiError, Key, KindName};
use planning::{
    Entry, World,
    scheduler::{NodeVerdict, Scheduler},
    what_if,
    world::kind_name,
};
use serde_json::{Value, json};
use store::{Range, Store};

use super::{Asked, Computed, Source};

pub(crate) struct WhatIfs(Arc<dyn Store>);
pub(crate) struct Placements(Arc<dyn Store>);

/// Both kinds with what computes them.
pub(crate) fn sources(store: &Arc<dyn Store>) -> [(KindName, Arc<dyn Source>); 2] {
    [
        (kind_name::<WhatIf>(), Arc::new(WhatIfs(store.clone()))),
        (kind_name::<Placement>(), Arc::new(Placements(store.clone()))),
    ]
}

fn world(store: &dyn Store) -> World {
    let mut world = World::default();
    for kind in what_if::KINDS {
        let range = Range { kind: Some((*kind).into()), ..Range::default() };
        for stored in &store.snapshot(&range).items {
            world.apply(stored.key.clone(), stored.revision, Some(stored.body.clone()));
        }
    }
    world
}

/// Runs what takes the processor for a while.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::internal("the computation broke off")))
}

#[async_trait]
impl Source for WhatIfs {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let named = Some(asked.name).filter(|name| !name.is_empty());
        let lose = named.or_else(|| asked.fields.exact("lose")).map(str::to_owned);
        let store = self.0.clone();
        compute(move || {
            let world = world(&*store);
            let losses = match lose {
                Some(hosts) => vec![hosts.split(',').map(str::to_owned).collect()],
                None => {
                    world.of_kind("nodes").map(|node| vec![node.key.name.to_string()]).collect()
                }
            };
            let items = losses.iter().map(|hosts: &Vec<String>| show_loss(&*store, &world, hosts));
            Ok(Computed { items: items.collect::<Result<_, _>>()?, continuation: None })
        })
        .await
    }
}

fn show_loss(store: &dyn Store, world: &World, hosts: &[String]) -> Result<Value, ApiError> {
    let nodes = hosts.iter().map(|host| node_of(store, world, host));
    let nodes: BTreeSet<Arc<str>> = nodes.collect::<Result<_, _>>()?;
    Ok(json!({
        "apiVersion": "longshore.dev/v1", "kind": "WhatIf",
        "metadata": {"name": hosts.join(",")},
        "spec": {"lose": hosts},
        "status": what_if::lose(world, &nodes),
    }))
}

/// The node of a host; a node's name stands for itself.
fn node_of(store: &dyn Store, world: &World, host: &str) -> Result<Arc<str>, ApiError> {
    let key = Key::new(kind_name::<Host>(), "", host);
    let stored = store.get(&key);
    let stored: Option<Host> = stored.and_then(|host| serde_json::from_slice(&host.body).ok());
    let node = stored.and_then(|host| host.status?.node).unwrap_or_else(|| host.to_owned());
    match world.entry(&Key::new("nodes", "", &node)) {
        Some(entry) => Ok(entry.key.name.clone()),
        None => Err(ApiError::not_found(&key.kind, host)),
    }
}

#[async_trait]
impl Source for Placements {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let (namespace, name) = (asked.namespace.to_owned(), asked.name.to_owned());
        let store = self.0.clone();
        compute(move || {
            let world = world(&*store);
            let mut scheduler = Scheduler::of(&world);
            let is_asked = |asked: &str, own: &str| asked.is_empty() || asked == own;
            let pods = world.of_kind("pods").filter(|pod| {
                is_asked(&namespace, &pod.key.namespace) && is_asked(&name, &pod.key.name)
            });
            let items =
                pods.filter_map(|pod| Some(show_opinions(pod, scheduler.explain(&pod.key)?)));
            Ok(Computed { items: items.collect(), continuation: None })
        })
        .await
    }
}

fn show_opinions(pod: &Entry, verdicts: Vec<NodeVerdict>) -> Value {
    let nodes = verdicts.iter().map(|verdict| {
        let mut opinion = json!({"node": verdict.node, "fits": verdict.filter.is_none()});
        if let Some(filter) = verdict.filter {
            opinion["filter"] = filter.into();
            opinion["reasons"] = json!(verdict.reasons);
        }
        opinion
    });
    json!({
        "apiVersion": "longshore.dev/v1", "kind": "Placement",
        "metadata": {"name": pod.key.name, "namespace": pod.key.namespace,
            "labels": pod.meta.labels},
        "spec": {},
        "status": {"nodes": nodes.collect::<Vec<_>>()},
    })
}

//! Kinds whose objects are computed when somebody asks, instead of read from the table of objects.

mod audit_events;
mod component_statuses;
mod foresight;
mod metrics;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use object::{ApiError, KindName, selector::FieldSelector};
use serde_json::Value;
use store::Store;

use crate::streams::Tunnels;
pub(crate) use audit_events::AuditEvents;
use component_statuses::ComponentStatuses;

/// What is asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Empty: all namespaces, or a kind of the cluster.
    pub namespace: &'a str,
    /// Empty: all names.
    pub name: &'a str,
    /// Names fields that the kind declares only. The source goes by it.
    pub fields: &'a FieldSelector,
    pub limit: Option<usize>,
    /// What the source said at the end of the page before.
    pub continuation: Option<&'a str>,
}

/// Whole objects, in the order in which they are to be shown.
#[derive(Debug, Default)]
pub struct Computed {
    pub items: Vec<Value>,
    /// Where the next page begins, if there is one.
    pub continuation: Option<String>,
}

/// Computes the objects of a kind that declares itself computed.
#[async_trait]
pub trait Source: Send + Sync {
    /// # Errors
    /// What the client is to be told.
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError>;
}

/// Sources by the name of their kind.
pub(crate) type Sources = BTreeMap<KindName, Arc<dyn Source>>;

/// Those that the API has by itself.
pub(crate) fn own(store: &Arc<dyn Store>, tunnels: &Tunnels) -> Sources {
    let events: Arc<dyn Source> = Arc::new(AuditEvents::new(store.clone()));
    let metrics = metrics::sources(store, tunnels);
    let foresight = foresight::sources(store);
    let components: Arc<dyn Source> = Arc::new(ComponentStatuses::new(store.clone()));
    let others = [(AuditEvents::kind(), events), (ComponentStatuses::kind(), components)];
    metrics.into_iter().chain(foresight).chain(others).collect()
}

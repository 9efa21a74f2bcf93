//! What the scheduler reads of a pod that waits for a node.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{NodeAffinity, Toleration};

use crate::{Entry, resources::Resources, world::HostPort};

pub(super) struct Pod {
    pub(super) entry: Arc<Entry>,
    pub(super) priority: i32,
    pub(super) requests: Resources,
    pub(super) host_ports: Vec<HostPort>,
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) affinity: NodeAffinity,
    pub(super) tolerations: Vec<Toleration>,
    /// The uid of the controller whose pods are spread.
    pub(super) owner: Option<Arc<str>>,
    pub(super) images: Vec<String>,
}

impl Pod {
    /// `None` unless the pod waits for this scheduler.
    pub(super) fn pending(entry: &Arc<Entry>) -> Option<Self> {
        let summary = entry.pod()?;
        if !summary.node.is_empty() || summary.is_finished() || entry.meta.is_deleting() {
            return None;
        }
        let spec = entry.decode::<kinds::pod::Pod>()?.spec?;
        let is_ours =
            spec.scheduler_name.as_deref().is_none_or(|name| matches!(name, "" | super::NAME));
        if !is_ours || spec.scheduling_gates.is_some_and(|gates| !gates.is_empty()) {
            return None;
        }
        Some(Self {
            entry: entry.clone(),
            priority: spec.priority.unwrap_or(0),
            requests: summary.requests.clone(),
            host_ports: summary.host_ports.clone(),
            node_selector: spec.node_selector.unwrap_or_default(),
            affinity: spec.affinity.and_then(|affinity| affinity.node_affinity).unwrap_or_default(),
            tolerations: spec.tolerations.unwrap_or_default(),
            owner: owner(entry),
            images: spec.containers.into_iter().filter_map(|container| container.image).collect(),
        })
    }
}

pub(super) fn owner(entry: &Entry) -> Option<Arc<str>> {
    entry.meta.controller().map(|owner| owner.uid.clone())
}

//! What the scheduler knows of a node, and what pods take of it.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Taint;

use super::pod::owner;
use crate::{Entry, resources::Resources, taints, world::HostPort};

#[derive(PartialEq)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) taints: Vec<Taint>,
    pub(super) is_unschedulable: bool,
    pub(super) allocatable: Resources,
    pub(super) pods_max: i64,
    /// Names of images that are there already, with their size.
    pub(super) images: BTreeMap<String, i64>,
}

/// For a node that does not say how many pods it takes.
const PODS_MAX_DEFAULT: i64 = 110;

impl Node {
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let is_ready = entry.node()?.is_ready;
        let node = entry.decode::<kinds::node::Node>()?;
        let spec = node.spec.unwrap_or_default();
        let status = node.status.unwrap_or_default();
        let mut taints = spec.taints.unwrap_or_default();
        // A node that never reported, or has just stopped, may not carry its taint yet.
        let says_so =
            |taint: &Taint| matches!(&*taint.key, taints::NOT_READY | taints::UNREACHABLE);
        if !is_ready && !taints.iter().any(says_so) {
            taints.push(taints::taint(taints::NOT_READY, taints::NO_SCHEDULE));
        }
        let offered = status.allocatable.or(status.capacity);
        let allocatable = Resources::of(offered.as_ref());
        let images = status.images.into_iter().flatten().flat_map(|image| {
            let size = image.size_bytes.unwrap_or(0);
            image.names.into_iter().flatten().map(move |name| (name, size))
        });
        Some(Self {
            name: entry.key.name.clone(),
            labels: entry.meta.labels.clone(),
            taints,
            is_unschedulable: spec.unschedulable == Some(true),
            pods_max: allocatable.others.get("pods").copied().unwrap_or(PODS_MAX_DEFAULT),
            allocatable,
            images: images.collect(),
        })
    }
}

#[derive(Default)]
pub(super) struct Usage {
    pub(super) requested: Resources,
    pub(super) pods: i64,
    pub(super) host_ports: Vec<HostPort>,
    owners: BTreeMap<Arc<str>, usize>,
}

impl Usage {
    pub(super) fn take(&mut self, pod: &Entry, adds: bool) {
        let Some(summary) = pod.pod() else { return };
        if adds {
            self.requested.add(&summary.requests);
            self.pods += 1;
            self.host_ports.extend_from_slice(&summary.host_ports);
        } else {
            self.requested.subtract(&summary.requests);
            self.pods -= 1;
            for port in &summary.host_ports {
                if let Some(at) = self.host_ports.iter().position(|taken| taken == port) {
                    self.host_ports.swap_remove(at);
                }
            }
        }
        let Some(owner) = owner(pod) else { return };
        let count = self.owners.entry(owner.clone()).or_insert(0);
        *count = if adds { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.owners.remove(&owner);
        }
    }

    /// Pods here that belong to an owner.
    pub(super) fn of_owner(&self, owner: &str) -> usize {
        self.owners.get(owner).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods == 0
    }
}

//! What the scheduler knows of a node, and what pods take of it.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Taint;

use super::{
    amounts::{Amounts, PODS},
    shape::Shape,
    slots::Names,
};
use crate::{Entry, resources::Resources, taints, world::HostPort};

pub(super) struct Node {
    pub(super) name: Arc<str>,
    /// `None` as long as only pods say that there is such a node.
    pub(super) info: Option<Arc<Info>>,
    pub(super) requested: Amounts,
    /// CPU and memory as they count when nodes are compared.
    pub(super) assumed: [i64; 2],
    pub(super) host_ports: Vec<HostPort>,
    /// The numbers of the pods that stand here.
    pub(super) pods: Vec<u32>,
    /// Of pods that wait until room that was made for them is free.
    pub(super) nominated: Vec<u32>,
}

#[derive(Clone, PartialEq)]
pub(super) struct Info {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) taints: Vec<Taint>,
    pub(super) is_unschedulable: bool,
    pub(super) allocatable: Amounts,
    /// Names of images that are there already, with their size.
    pub(super) images: BTreeMap<String, i64>,
}

/// For a node that does not say how many pods it takes.
const PODS_MAX_DEFAULT: i64 = 110;

impl Node {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            info: None,
            requested: Amounts::default(),
            assumed: [0; 2],
            host_ports: Vec::new(),
            pods: Vec::new(),
            nominated: Vec::new(),
        }
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.info.is_none() && self.pods.is_empty() && self.nominated.is_empty()
    }

    pub(super) fn take(&mut self, pod: u32, shape: &Shape) {
        self.requested.add(&shape.requests);
        self.assumed[0] += shape.assumed[0];
        self.assumed[1] += shape.assumed[1];
        self.host_ports.extend_from_slice(&shape.host_ports);
        self.pods.push(pod);
    }

    pub(super) fn give_back(&mut self, pod: u32, shape: &Shape) {
        self.requested.subtract(&shape.requests);
        self.assumed[0] -= shape.assumed[0];
        self.assumed[1] -= shape.assumed[1];
        for port in &shape.host_ports {
            if let Some(at) = self.host_ports.iter().position(|taken| taken == port) {
                self.host_ports.swap_remove(at);
            }
        }
        if let Some(at) = self.pods.iter().position(|one| *one == pod) {
            self.pods.swap_remove(at);
        }
    }
}

impl Info {
    pub(super) fn of(entry: &Entry, names: &mut Names) -> Option<Self> {
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
        let offered = Resources::of(status.allocatable.or(status.capacity).as_ref());
        let mut allocatable = Amounts::of(&offered, names);
        if !offered.others.contains_key(PODS) {
            allocatable.pods = PODS_MAX_DEFAULT;
        }
        let images = status.images.into_iter().flatten().flat_map(|image| {
            let size = image.size_bytes.unwrap_or(0);
            image.names.into_iter().flatten().map(move |name| (name, size))
        });
        Some(Self {
            labels: entry.meta.labels.clone(),
            taints,
            is_unschedulable: spec.unschedulable == Some(true),
            allocatable,
            images: images.collect(),
        })
    }
}

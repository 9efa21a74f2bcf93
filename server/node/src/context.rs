//! What every task of the agent works with.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use client::Client;
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{Pod, Service};
use object::Key;
use planning::{
    World,
    node::{FieldContext, Place, Refusal, Room, admit},
    resources::Resources,
};
use tokio::sync::{Semaphore, watch};

use crate::{
    AgentConfig, Runtime, addresses::Addresses, endpoints::Endpoints, events::Recorder,
    network::Network, objects::Objects, probes::Prober, usage::Usage,
};

/// How many steps that start or remove containers run at once: more only makes each slower.
const PERMITS: usize = 4;
/// How many pods a node takes.
pub(crate) const PODS_MAX: i64 = 110;

pub(crate) struct Context {
    pub(crate) config: AgentConfig,
    pub(crate) client: Arc<dyn Client>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) network: Network,
    /// The host's address.
    pub(crate) address: Ipv4Addr,
    pub(crate) addresses: Addresses,
    pub(crate) endpoints: Endpoints,
    pub(crate) objects: Objects,
    pub(crate) recorder: Recorder,
    pub(crate) prober: Prober,
    pub(crate) usage: Usage,
    pub(crate) permits: Semaphore,
    /// What the node has for pods.
    pub(crate) room: Room,
    pub(crate) world: watch::Receiver<World>,
    /// What the pods that this node took asked for, by uid.
    pub(crate) taken: Mutex<BTreeMap<String, Resources>>,
}

/// The parts of a context that are made beforehand.
pub(crate) struct Parts {
    pub(crate) config: AgentConfig,
    pub(crate) client: Arc<dyn Client>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) network: Network,
    pub(crate) address: Ipv4Addr,
    pub(crate) recorder: Recorder,
    pub(crate) prober: Prober,
    pub(crate) room: Room,
    pub(crate) world: watch::Receiver<World>,
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            objects: Objects::new(parts.client.clone()),
            config: parts.config,
            client: parts.client,
            runtime: parts.runtime,
            network: parts.network,
            address: parts.address,
            addresses: Addresses::default(),
            endpoints: Endpoints::default(),
            recorder: parts.recorder,
            prober: parts.prober,
            usage: Usage::default(),
            permits: Semaphore::new(PERMITS),
            room: parts.room,
            world: parts.world,
            taken: Mutex::default(),
        }
    }

    pub(crate) fn world(&self) -> World {
        self.world.borrow().clone()
    }

    pub(crate) fn place(&self) -> Place {
        Place { host_ip: self.address.to_string() }
    }

    /// The range of this node's pods, once a controller has given it one.
    pub(crate) fn pod_range(&self) -> Option<Ipv4Net> {
        let node = self.world().get::<kinds::node::Node>("", &self.config.node)?;
        node.spec?.pod_cidr?.parse().ok()
    }

    /// The services that a pod of a namespace is told about.
    pub(crate) fn services(&self, namespace: &str) -> Vec<Service> {
        let world = self.world();
        let own = world.in_namespace("services", namespace);
        let api = world.entry(&Key::new("services", "default", "kubernetes"));
        let all = own.chain(api.filter(|_| namespace != "default"));
        all.filter_map(|entry| entry.decode::<kinds::service::Service>()).collect()
    }

    /// What the downward API shows besides the pod's object.
    pub(crate) fn fields(&self, pod: &Pod) -> FieldContext {
        let status = pod.status.as_ref();
        FieldContext {
            pod_ip: status.and_then(|status| status.pod_ip.clone()).unwrap_or_default(),
            host_ip: self.address.to_string(),
            allocatable: self.room.allocatable.clone(),
        }
    }

    /// Takes a pod in unless it does not fit; what it asks for counts until it is given back.
    pub(crate) fn admit(&self, uid: &str, pod: &Pod) -> Option<Refusal> {
        // People give nodes labels that the agent did not start with.
        let node = self.world().entry(&Key::new("nodes", "", &self.config.node)).cloned();
        let labels = node.map_or_else(|| self.room.labels.clone(), |node| node.meta.labels.clone());
        let room = Room { labels, ..self.room.clone() };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let others = taken.iter().filter(|(other, _)| *other != uid).map(|(_, asked)| asked);
        let refusal = admit(pod, others, &room);
        if refusal.is_none() {
            taken.insert(uid.to_owned(), Resources::requested_by(pod));
        }
        refusal
    }

    /// Counts a pod that was taken before.
    pub(crate) fn take(&self, uid: &str, pod: &Pod) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(uid.to_owned(), Resources::requested_by(pod));
    }

    pub(crate) fn give_back(&self, uid: &str) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

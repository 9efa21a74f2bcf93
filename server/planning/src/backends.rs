//! The pods behind a Service, as both kinds of endpoint objects tell them.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Service, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::Key;

use crate::{Change, Entry, World, world::PodSummary};

pub const SERVICES: &str = "services";
pub const PODS: &str = "pods";
pub const NODES: &str = "nodes";
/// Of a node.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// One pod that a Service may lead to.
pub struct Backend<'w> {
    pub entry: &'w Arc<Entry>,
    pub pod: &'w PodSummary,
    pub ip: &'w str,
    /// Whether it answers, terminating or not.
    pub is_serving: bool,
    pub zone: Option<&'w str>,
}

impl Backend<'_> {
    pub fn is_terminating(&self) -> bool {
        self.entry.meta.is_deleting()
    }

    /// Whether new connections may go to it.
    pub fn is_ready(&self, service: &Service) -> bool {
        publishes_not_ready(service) || (self.is_serving && !self.is_terminating())
    }
}

pub fn publishes_not_ready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses) == Some(true)
}

pub fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

/// Whether the Service names its pods; otherwise its endpoints are somebody else's business.
pub fn has_selector(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        spec.type_.as_deref() != Some("ExternalName")
            && spec.selector.as_ref().is_some_and(|selector| !selector.is_empty())
    })
}

/// The pods that the Service selects, have an address and have not ended, by name. Those of a node
/// that does not answer do not serve, whatever was last heard of them.
pub fn of_service<'w>(world: &'w World, service: &'w Entry) -> Vec<Backend<'w>> {
    let Some(selector) = service.selector() else { return Vec::new() };
    let backend = |entry: &'w Arc<Entry>| {
        let pod = entry.pod().filter(|pod| !pod.is_finished())?;
        let node = world.entry(&Key::new(NODES, "", &pod.node));
        let node_answers = node.is_some_and(|node| node.node().is_some_and(|node| node.is_ready));
        let zone = node.and_then(|node| node.meta.labels.get(ZONE));
        Some(Backend {
            entry,
            pod,
            ip: pod.ip.as_deref()?,
            is_serving: pod.is_ready() && node_answers,
            zone: zone.map(String::as_str),
        })
    };
    let selected = world.selected(PODS, &service.key.namespace, selector);
    selected.into_iter().filter_map(backend).collect()
}

/// A port as it is on the pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub name: String,
    pub protocol: String,
    pub port: i32,
    pub app_protocol: Option<String>,
}

/// The Service's ports on one pod: those whose name the pod does not know are left out.
pub fn ports(service: &Service, pod: &PodSummary) -> Vec<Port> {
    let all = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let mut ports: Vec<Port> = all.filter_map(|port| resolve(port, Some(pod))).collect();
    ports.sort();
    ports
}

/// Those of the Service's ports that are the same on every pod.
pub fn numbered_ports(service: &Service) -> Vec<Port> {
    let all = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let mut ports: Vec<Port> = all.filter_map(|port| resolve(port, None)).collect();
    ports.sort();
    ports
}

fn resolve(port: &ServicePort, pod: Option<&PodSummary>) -> Option<Port> {
    let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let fits = |named: &&crate::world::NamedPort| {
                named.name == *name && named.protocol == protocol
            };
            pod?.named_ports.iter().find(fits)?.port
        }
    };
    Some(Port {
        name: port.name.clone().unwrap_or_default(),
        protocol,
        port: number,
        app_protocol: port.app_protocol.clone(),
    })
}

/// Pods by the ports that they serve the Service on.
pub fn by_ports<'b, 'w>(
    service: &Service,
    backends: &'b [Backend<'w>],
) -> BTreeMap<Vec<Port>, Vec<&'b Backend<'w>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for backend in backends {
        let ports = ports(service, backend.pod);
        // A Service with ports leads nowhere on a pod that has none of them.
        let has_ports = service
            .spec
            .as_ref()
            .is_some_and(|spec| spec.ports.as_ref().is_some_and(|ports| !ports.is_empty()));
        if !ports.is_empty() || !has_ports {
            groups.entry(ports).or_default().push(backend);
        }
    }
    groups
}

/// The Services whose endpoints a change of a Service, pod or node may concern.
pub fn services_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        SERVICES => vec![change.key.clone()],
        PODS if is_irrelevant(change) => Vec::new(),
        PODS => change.both().flat_map(|pod| selecting(world, pod)).collect(),
        NODES if !is_answer_changed(change) => Vec::new(),
        NODES => world
            .with_field(PODS, "spec.nodeName", &change.key.name)
            .flat_map(|pod| selecting(world, pod))
            .collect(),
        _ => Vec::new(),
    }
}

fn selecting(world: &World, pod: &Entry) -> Vec<Key> {
    let services = world.selecting(SERVICES, &pod.key.namespace, &pod.meta.labels);
    services.map(|service| service.key.clone()).collect()
}

/// Whether nothing changed that endpoints tell of a pod.
fn is_irrelevant(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return false };
    let told = |entry: &Entry| {
        entry.pod().map(|pod| {
            let (node, ip) = (pod.node.clone(), pod.ip.clone());
            (node, ip, pod.is_ready(), pod.is_finished(), entry.meta.is_deleting())
        })
    };
    old.meta.uid == new.meta.uid && old.meta.labels == new.meta.labels && told(old) == told(new)
}

/// Whether a node answers otherwise than before, or from another zone.
fn is_answer_changed(change: &Change) -> bool {
    let told = |entry: Option<&Arc<Entry>>| {
        let is_ready = entry.and_then(|entry| entry.node()).is_some_and(|node| node.is_ready);
        (is_ready, entry.and_then(|entry| entry.meta.labels.get(ZONE).cloned()))
    };
    told(change.old.as_ref()) != told(change.new.as_ref())
}

//! Which endpoint stands in which slice. An endpoint stays where it is; a change touches the slices
//! that it must and no others.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::{
    core::v1::{ObjectReference, Service},
    discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
};

use super::hints;
use crate::{
    Entry,
    backends::{self, Backend, Port},
};

const ENDPOINTS_MAX: usize = 100;

/// A slice as it is to be.
pub(super) struct Draft<'w> {
    /// The one that it is now, if it is there.
    pub(super) slice: Option<&'w Arc<Entry>>,
    pub(super) ports: Vec<EndpointPort>,
    pub(super) endpoints: Vec<Endpoint>,
}

pub(super) fn fill<'w>(
    service: &Service,
    backends: &[Backend<'_>],
    own: &[&'w Arc<Entry>],
) -> Vec<Draft<'w>> {
    let mut present: Vec<Option<Present<'w>>> =
        own.iter().map(|slice| Present::of(slice)).collect();
    let mut drafts = Vec::new();
    for (ports, group) in backends::by_ports(service, backends) {
        let ports = endpoint_ports(&ports);
        let alike: Vec<Present<'w>> = present
            .iter_mut()
            .filter(|slot| slot.as_ref().is_some_and(|slice| slice.ports == ports))
            .filter_map(Option::take)
            .collect();
        let wanted = group.iter().map(|backend| (uid(backend), endpoint(service, backend)));
        drafts.extend(distribute(wanted.collect(), &ports, alike));
    }
    if drafts.is_empty() {
        drafts.push(placeholder(service, present));
    }
    drafts
}

/// A slice that is there, with its endpoints by their pods' uids.
struct Present<'w> {
    entry: &'w Arc<Entry>,
    ports: Vec<EndpointPort>,
    uids: Vec<String>,
}

impl<'w> Present<'w> {
    fn of(entry: &'w Arc<Entry>) -> Option<Self> {
        let slice: EndpointSlice = entry.decode::<kinds::endpoint_slice::EndpointSlice>()?;
        let endpoints = slice.endpoints.into_iter().flatten();
        let uids = endpoints.filter_map(|endpoint| endpoint.target_ref?.uid).collect();
        let mut ports = slice.ports.unwrap_or_default();
        ports.sort_by(|a, b| (&a.name, a.port).cmp(&(&b.name, b.port)));
        Some(Self { entry, ports, uids })
    }
}

fn distribute<'w>(
    mut wanted: BTreeMap<String, Endpoint>,
    ports: &[EndpointPort],
    present: Vec<Present<'w>>,
) -> Vec<Draft<'w>> {
    let mut drafts: Vec<Draft<'w>> = present
        .into_iter()
        .map(|slice| Draft {
            slice: Some(slice.entry),
            ports: ports.to_vec(),
            endpoints: slice.uids.iter().filter_map(|uid| wanted.remove(uid)).collect(),
        })
        .collect();
    // The fullest first, so that slices do not stay half empty.
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(drafts[*at].endpoints.len()));
    let mut rest = wanted.into_values();
    for at in order {
        let room = ENDPOINTS_MAX.saturating_sub(drafts[at].endpoints.len());
        drafts[at].endpoints.extend(rest.by_ref().take(room));
    }
    loop {
        let endpoints: Vec<Endpoint> = rest.by_ref().take(ENDPOINTS_MAX).collect();
        if endpoints.is_empty() {
            break;
        }
        drafts.push(Draft { slice: None, ports: ports.to_vec(), endpoints });
    }
    drafts.retain(|draft| !draft.endpoints.is_empty());
    drafts
}

/// A Service without pods keeps one empty slice, by which one sees that somebody looked.
fn placeholder<'w>(service: &Service, present: Vec<Option<Present<'w>>>) -> Draft<'w> {
    match present.into_iter().flatten().next() {
        Some(slice) => {
            Draft { slice: Some(slice.entry), ports: slice.ports, endpoints: Vec::new() }
        }
        None => Draft {
            slice: None,
            ports: endpoint_ports(&backends::numbered_ports(service)),
            endpoints: Vec::new(),
        },
    }
}

fn uid(backend: &Backend<'_>) -> String {
    backend.entry.meta.uid.to_string()
}

fn endpoint(service: &Service, backend: &Backend<'_>) -> Endpoint {
    let key = &backend.entry.key;
    let service_name = service.metadata.name.as_deref();
    let dns_name = backend.pod.dns_name.as_ref();
    let hostname = dns_name.filter(|name| Some(&*name.subdomain) == service_name);
    Endpoint {
        addresses: vec![backend.ip.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(backend.is_ready(service)),
            serving: Some(backend.is_serving),
            terminating: Some(backend.is_terminating()),
        }),
        hostname: hostname.map(|name| name.hostname.clone()),
        node_name: Some(backend.pod.node.to_string()).filter(|node| !node.is_empty()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            name: Some(key.name.to_string()),
            namespace: Some(key.namespace.to_string()),
            uid: Some(uid(backend)),
            ..ObjectReference::default()
        }),
        zone: backend.zone.map(ToOwned::to_owned),
        hints: hints::of(service, backend),
        ..Endpoint::default()
    }
}

fn endpoint_ports(ports: &[Port]) -> Vec<EndpointPort> {
    let mut ports: Vec<EndpointPort> = ports
        .iter()
        .map(|port| EndpointPort {
            app_protocol: port.app_protocol.clone(),
            name: Some(port.name.clone()),
            port: Some(port.port),
            protocol: Some(port.protocol.clone()),
        })
        .collect();
    ports.sort_by(|a, b| (&a.name, a.port).cmp(&(&b.name, b.port)));
    ports
}

//! Who answers: the endpoints that a frontend's connections are spread over.

use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::{
    core::v1::{Service, ServicePort},
    discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice},
};

use super::frontends::{Audience, Protocol};

/// One address that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    pub address: SocketAddrV4,
    /// Whether it is on this node, where a pod may reach itself through its service.
    pub is_local: bool,
}

/// Whose connections get this node's address as their source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Masquerade {
    /// Those of clients that are no pods: the way back must lead through this node.
    Outsiders,
    /// All of them.
    Everyone,
    /// None of them: the endpoint sees its client (`externalTrafficPolicy: Local`).
    Nobody,
}

/// What happens to a connection that nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// It is refused at once.
    Reject,
    /// It is left without an answer: another node may have endpoints.
    Drop,
}

/// Everything about the answering side of a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends {
    /// In order, none twice. Empty: see `absence`.
    pub endpoints: Vec<Endpoint>,
    /// A client comes back to the same endpoint, while that is there. It never expires, whatever
    /// the service's `timeoutSeconds`: nothing is kept that could.
    pub has_affinity: bool,
    pub masquerade: Masquerade,
    pub absence: Absence,
}

impl Backends {
    /// One endpoint on this node that answers a frontend alone.
    pub fn single(address: SocketAddrV4) -> Self {
        Self {
            endpoints: vec![Endpoint { address, is_local: true }],
            has_affinity: false,
            masquerade: Masquerade::Nobody,
            absence: Absence::Reject,
        }
    }
}

/// Whose endpoints these are to be: a node, and its zone if it says one.
#[derive(Clone, Copy)]
pub(super) struct Here<'w> {
    pub(super) node: &'w str,
    pub(super) zone: Option<&'w str>,
}

/// How near an endpoint is meant to be used, and whether it is meant for here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    None,
    Here,
    Elsewhere,
}

/// An endpoint of a slice with what decides whether it is used.
struct Candidate {
    endpoint: Endpoint,
    is_ready: bool,
    /// Would answer still, though its pod is about to stop.
    is_draining: bool,
    node_hint: Hint,
    zone_hint: Hint,
}

/// The endpoints behind one port of a service, from which each audience gets its share.
pub(super) struct Candidates(Vec<Candidate>);

impl Candidates {
    /// Reads the slices of a service as they concern one of its ports.
    pub(super) fn read(port: &ServicePort, slices: &[EndpointSlice], here: Here<'_>) -> Self {
        let mut all = Vec::new();
        for slice in slices.iter().filter(|slice| slice.address_type == "IPv4") {
            for number in ports_of(port, slice) {
                let endpoints = slice.endpoints.iter().flatten();
                all.extend(endpoints.filter_map(|e| candidate(e, number, here)));
            }
        }
        Self(all)
    }

    /// What an audience gets under the service's policies.
    pub(super) fn backends_for(&self, service: &Service, audience: Audience) -> Backends {
        let spec = service.spec.as_ref();
        let policy = match audience {
            Audience::Internal => spec.and_then(|spec| spec.internal_traffic_policy.as_deref()),
            Audience::External => spec.and_then(|spec| spec.external_traffic_policy.as_deref()),
        };
        let only_local = policy == Some("Local");
        let endpoints = self.usable(only_local);
        // Kubernetes leaves a connection unanswered when other nodes have endpoints for it.
        let elsewhere = only_local && endpoints.is_empty() && !self.usable(false).is_empty();
        Backends {
            endpoints,
            has_affinity: spec.and_then(|spec| spec.session_affinity.as_deref())
                == Some("ClientIP"),
            masquerade: match (audience, only_local) {
                (Audience::Internal, _) => Masquerade::Outsiders,
                (Audience::External, false) => Masquerade::Everyone,
                (Audience::External, true) => Masquerade::Nobody,
            },
            absence: if elsewhere { Absence::Drop } else { Absence::Reject },
        }
    }

    /// The ready endpoints; when there are none, those that still answer while they stop.
    fn usable(&self, only_local: bool) -> Vec<Endpoint> {
        let choose = |wanted: &dyn Fn(&Candidate) -> bool| -> Vec<Endpoint> {
            let in_reach = self.0.iter().filter(|c| c.endpoint.is_local || !only_local);
            let mut chosen: Vec<_> = in_reach.filter(|c| wanted(c)).map(|c| c.endpoint).collect();
            chosen.sort_unstable();
            chosen.dedup_by_key(|endpoint| endpoint.address);
            chosen
        };
        // Hints are followed if all ready endpoints have them and one is meant for here.
        let hint = [|c: &Candidate| c.node_hint, |c: &Candidate| c.zone_hint]
            .into_iter()
            .find(|hint| !only_local && self.follows(*hint));
        let ready = choose(&|c| c.is_ready && hint.is_none_or(|hint| hint(c) == Hint::Here));
        if ready.is_empty() { choose(&|candidate| candidate.is_draining) } else { ready }
    }

    fn follows(&self, hint: fn(&Candidate) -> Hint) -> bool {
        let ready = || self.0.iter().filter(|candidate| candidate.is_ready);
        ready().all(|c| hint(c) != Hint::None) && ready().any(|c| hint(c) == Hint::Here)
    }
}

/// The numbers under which a slice serves a port of the service: names and protocols must agree.
fn ports_of<'s>(port: &'s ServicePort, slice: &'s EndpointSlice) -> impl Iterator<Item = u16> + 's {
    let name = port.name.as_deref().unwrap_or_default();
    let protocol = Protocol::from_name(port.protocol.as_deref());
    let same = move |p: &&k8s_openapi::api::discovery::v1::EndpointPort| {
        p.name.as_deref().unwrap_or_default() == name
            && Protocol::from_name(p.protocol.as_deref()) == protocol
    };
    slice.ports.iter().flatten().filter(same).filter_map(|p| u16::try_from(p.port?).ok())
}

fn hint<'n>(mut names: impl Iterator<Item = &'n str>, own: Option<&str>) -> Hint {
    match (names.next(), own) {
        (None, _) => Hint::None,
        (Some(first), Some(own)) if first == own || names.any(|name| name == own) => Hint::Here,
        _ => Hint::Elsewhere,
    }
}

fn candidate(endpoint: &SliceEndpoint, port: u16, here: Here<'_>) -> Option<Candidate> {
    let address: Ipv4Addr = endpoint.addresses.first()?.parse().ok()?;
    let conditions = endpoint.conditions.as_ref();
    let ready = conditions.and_then(|c| c.ready).unwrap_or(true);
    let serving = conditions.and_then(|c| c.serving).unwrap_or(ready);
    let terminating = conditions.and_then(|c| c.terminating).unwrap_or(false);
    let hints = endpoint.hints.as_ref();
    let nodes = hints.into_iter().flat_map(|hints| hints.for_nodes.iter().flatten());
    let zones = hints.into_iter().flat_map(|hints| hints.for_zones.iter().flatten());
    Some(Candidate {
        endpoint: Endpoint {
            address: SocketAddrV4::new(address, port),
            is_local: endpoint.node_name.as_deref() == Some(here.node),
        },
        node_hint: hint(nodes.map(|node| node.name.as_str()), Some(here.node)),
        zone_hint: hint(zones.map(|zone| zone.name.as_str()), here.zone),
        is_ready: ready && !terminating,
        is_draining: (serving || ready) && terminating,
    })
}

//! What clients connect to: the addresses and ports of a service.

use std::{fmt, net::Ipv4Addr};

use k8s_openapi::api::core::v1::{Service, ServicePort};

/// A transport protocol that a service can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// Reads Kubernetes' name; none is TCP, as its API defaults it.
    pub fn from_name(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("" | "TCP") => Some(Self::Tcp),
            Some("UDP") => Some(Self::Udp),
            Some("SCTP") => Some(Self::Sctp),
            Some(_) => None,
        }
    }

    /// The number in the header of an IP packet.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Where a frontend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At this address, wherever in the cluster the client is.
    Address(Ipv4Addr),
    /// At every address of this node: a node port.
    Node,
}

/// What a client connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    pub place: Place,
    pub protocol: Protocol,
    pub port: u16,
}

impl Frontend {
    pub fn new(address: Ipv4Addr, protocol: Protocol, port: u16) -> Self {
        Self { place: Place::Address(address), protocol, port }
    }

    pub fn on_node(protocol: Protocol, port: u16) -> Self {
        Self { place: Place::Node, protocol, port }
    }
}

/// `10.43.0.10:53/udp`, or `node:30080/tcp`.
impl fmt::Display for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Address(address) => write!(f, "{address}:{}/{}", self.port, self.protocol),
            Place::Node => write!(f, "node:{}/{}", self.port, self.protocol),
        }
    }
}

/// Whether a frontend is for clients inside the cluster or for those outside: each has a traffic
/// policy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    Internal,
    External,
}

/// The frontends of one port of a service.
pub(super) fn frontends_of(service: &Service, port: &ServicePort) -> Vec<(Frontend, Audience)> {
    let (Some(spec), Some(protocol)) =
        (&service.spec, Protocol::from_name(port.protocol.as_deref()))
    else {
        return Vec::new();
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        return Vec::new();
    }
    let Ok(number) = u16::try_from(port.port) else { return Vec::new() };
    let mut all = Vec::new();
    if let Some(address) = cluster_address(service) {
        all.push((Frontend::new(address, protocol, number), Audience::Internal));
    }
    let outside = spec.external_ips.iter().flatten().map(String::as_str);
    for address in outside.chain(balancer_addresses(service)) {
        if let Ok(address) = address.parse() {
            all.push((Frontend::new(address, protocol, number), Audience::External));
        }
    }
    if let Some(node_port) = port.node_port.and_then(|p| u16::try_from(p).ok()).filter(|p| *p != 0)
    {
        all.push((Frontend::on_node(protocol, node_port), Audience::External));
    }
    all
}

/// The IPv4 address of a service; a headless one has none.
fn cluster_address(service: &Service) -> Option<Ipv4Addr> {
    let spec = service.spec.as_ref()?;
    let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    all.filter_map(|address| address.parse().ok()).next()
}

/// Addresses of a load balancer that hands packets on as they are.
fn balancer_addresses(service: &Service) -> impl Iterator<Item = &str> {
    let balancer = service.status.iter().filter_map(|status| status.load_balancer.as_ref());
    balancer
        .flat_map(|balancer| balancer.ingress.iter().flatten())
        .filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"))
        .filter_map(|ingress| ingress.ip.as_deref())
}

//! What stands in the maps for a frontend. Pure.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use planning::routing::{Absence, Backends, Frontend, Place};

use super::{chains::Chain, expressions::Verdict, numbers::numbered, skeleton::REJECTING};

/// The sets and maps of our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Set {
    /// Where connections to an address go: a chain.
    Services,
    /// The same for node ports.
    Ports,
    /// The endpoints of an address, numbered from 0.
    Endpoints,
    PortEndpoints,
    /// What happens to connections that nobody answers.
    Refusals,
    RefusedPorts,
    /// Pairs of an endpoint of this node with itself.
    Loops,
}

pub(super) const SETS: [Set; 7] = [
    Set::Services,
    Set::Ports,
    Set::Endpoints,
    Set::PortEndpoints,
    Set::Refusals,
    Set::RefusedPorts,
    Set::Loops,
];

/// The parts of a key or value as the kernel's tools name them; each takes four bytes.
pub(super) enum Type {
    Verdict,
    Parts(&'static [u32]),
}

const ADDRESS: u32 = 7;
const PROTOCOL: u32 = 12;
const PORT: u32 = 13;
const NUMBER: u32 = 19;

pub(super) struct Shape {
    pub(super) key: Type,
    pub(super) value: Option<Type>,
}

impl Type {
    pub(super) fn kind(&self) -> u32 {
        const VERDICT: u32 = 0xffff_ff00;
        match self {
            Self::Verdict => VERDICT,
            Self::Parts(parts) => parts.iter().fold(0, |kind, part| kind << 6 | part),
        }
    }

    pub(super) fn bytes(&self) -> u32 {
        match self {
            Self::Verdict => 16,
            Self::Parts(parts) => parts.iter().map(|_| 4).sum(),
        }
    }
}

impl Set {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Ports => "ports",
            Self::Endpoints => "endpoints",
            Self::PortEndpoints => "port-endpoints",
            Self::Refusals => "refusals",
            Self::RefusedPorts => "refused-ports",
            Self::Loops => "loops",
        }
    }

    pub(super) fn shape(self) -> Shape {
        let (key, value): (&'static [u32], _) = match self {
            Self::Services | Self::Refusals => (&[ADDRESS, PROTOCOL, PORT], Some(Type::Verdict)),
            Self::Ports | Self::RefusedPorts => (&[PROTOCOL, PORT], Some(Type::Verdict)),
            Self::Endpoints => {
                (&[ADDRESS, PROTOCOL, PORT, NUMBER], Some(Type::Parts(&[ADDRESS, PORT])))
            }
            Self::PortEndpoints => (&[PROTOCOL, PORT, NUMBER], Some(Type::Parts(&[ADDRESS, PORT]))),
            Self::Loops => (&[ADDRESS, ADDRESS], None),
        };
        Shape { key: Type::Parts(key), value }
    }
}

pub(super) type Key = Vec<u8>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Verdict(Verdict),
    Endpoint(Vec<u8>),
    /// Of a set, which only has keys.
    Nothing,
}

/// Elements, in order of their sets.
pub(super) type Content = BTreeMap<(Set, Key), Value>;

/// The elements for a frontend; those of [`Set::Loops`] are shared with others and stand apart.
pub(super) fn content_of(frontend: Frontend, backends: &Backends) -> Content {
    let at = key_of(frontend);
    let is_port = frontend.place == Place::Node;
    let choose = |address, port| if is_port { port } else { address };
    let mut content = Content::new();
    let Some(chain) = Chain::of(frontend, backends) else {
        let verdict = match backends.absence {
            Absence::Reject => Verdict::Goto(REJECTING.to_owned()),
            Absence::Drop => Verdict::Drop,
        };
        let set = choose(Set::Refusals, Set::RefusedPorts);
        content.insert((set, at), Value::Verdict(verdict));
        return content;
    };
    let verdict = Verdict::Goto(chain.name());
    content.insert((choose(Set::Services, Set::Ports), at.clone()), Value::Verdict(verdict));
    for (number, address) in (0_u32..).zip(numbered(backends)) {
        let mut key = at.clone();
        key.extend_from_slice(&number.to_ne_bytes());
        let set = choose(Set::Endpoints, Set::PortEndpoints);
        content.insert((set, key), Value::Endpoint(endpoint_bytes(address)));
    }
    content
}

pub(super) fn loop_key(address: Ipv4Addr) -> (Set, Key) {
    (Set::Loops, [address.octets(), address.octets()].concat())
}

fn key_of(frontend: Frontend) -> Key {
    let mut key = Vec::with_capacity(20);
    if let Place::Address(address) = frontend.place {
        key.extend_from_slice(&address.octets());
    }
    key.extend_from_slice(&[frontend.protocol.number(), 0, 0, 0]);
    push_port(&mut key, frontend.port);
    key
}

fn endpoint_bytes(address: SocketAddrV4) -> Vec<u8> {
    let mut bytes = address.ip().octets().to_vec();
    push_port(&mut bytes, address.port());
    bytes
}

fn push_port(bytes: &mut Vec<u8>, port: u16) {
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
}

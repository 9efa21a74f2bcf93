//! Connections that the kernel remembers, of services whose datagrams have no end of their own.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use planning::routing::{Backends, Frontend, Place, Protocol};

use crate::{
    netlink::{CONNTRACK, DUMP, FAMILY_IPV4, NONE, Netlink, find},
    nftables::MARK_SERVICE,
};

const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const MARK: u16 = 8;
const ID: u16 = 12;
const MARK_MASK: u16 = 21;

/// Who answers each frontend now. `None`: it is gone.
type Answers<'t> = BTreeMap<Frontend, Option<&'t Arc<Backends>>>;

/// Has the kernel forget the connections to endpoints that do not answer these frontends any more.
pub(crate) fn forget_stale(netlink: &mut Netlink, answers: &Answers<'_>) -> io::Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let ours = netlink.request(GET, DUMP, FAMILY_IPV4, |a| {
        a.u32(MARK, MARK_SERVICE).u32(MARK_MASK, MARK_SERVICE);
    })?;
    for connection in ours.iter().filter(|connection| is_stale(connection, answers)) {
        let (Some(tuple), Some(id)) = (find(connection, ORIGINAL), find(connection, ID)) else {
            continue;
        };
        let deleted = netlink.request(DELETE, NONE, FAMILY_IPV4, |a| {
            a.nested(ORIGINAL, |original| original.raw(tuple)).bytes(ID, id);
        });
        match deleted {
            // It ended in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => drop(other?),
        }
    }
    Ok(())
}

fn is_stale(connection: &[u8], answers: &Answers<'_>) -> bool {
    let (Some(original), Some(reply)) = (
        find(connection, ORIGINAL).and_then(Tuple::read),
        find(connection, REPLY).and_then(Tuple::read),
    ) else {
        return false;
    };
    if original.protocol != Protocol::Udp.number() {
        return false;
    }
    let (address, port) = (*original.destination.ip(), original.destination.port());
    let places = [Place::Address(address), Place::Node];
    let frontends = places.map(|place| Frontend { place, protocol: Protocol::Udp, port });
    let Some(now) = frontends.iter().find_map(|frontend| answers.get(frontend)) else {
        return false;
    };
    let answering = now.iter().flat_map(|backends| &backends.endpoints);
    !answering.into_iter().any(|endpoint| endpoint.address == reply.source)
}

/// One direction of a connection.
struct Tuple {
    protocol: u8,
    source: SocketAddrV4,
    destination: SocketAddrV4,
}

impl Tuple {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (ip, protocol) = (find(bytes, 1)?, find(bytes, 2)?);
        let address = |kind| {
            let octets: &[u8; 4] = find(ip, kind)?.first_chunk()?;
            Some(Ipv4Addr::from(*octets))
        };
        let port = |kind| {
            let bytes: &[u8; 2] = find(protocol, kind)?.first_chunk()?;
            Some(u16::from_be_bytes(*bytes))
        };
        Some(Self {
            protocol: *find(protocol, 1)?.first()?,
            source: SocketAddrV4::new(address(1)?, port(2)?),
            destination: SocketAddrV4::new(address(2)?, port(3)?),
        })
    }
}

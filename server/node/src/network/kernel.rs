//! What we ask of the kernel over rtnetlink, in words of our own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use futures::{StreamExt, TryStreamExt};
use ipnet::Ipv4Net;
use rtnetlink::{
    AddressMessageBuilder, Error, Handle, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressScope},
        link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage},
        route::{
            RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
            RouteType,
        },
    },
};

use super::{NetworkError, PROTOCOL};

const LOOPBACK: u32 = 1;

/// An rtnetlink socket in one network namespace.
#[derive(Clone)]
pub(super) struct Kernel {
    pub(super) handle: Handle,
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelRoute {
    pub(super) network: Ipv4Net,
    pub(super) gateway: Option<Ipv4Addr>,
    pub(super) link: Option<u32>,
    pub(super) is_unicast: bool,
    /// Straight to the neighbour, as the route of a pod is.
    pub(super) is_direct: bool,
    protocol: RouteProtocol,
    message: RouteMessage,
}

impl KernelRoute {
    pub(super) fn is_ours(&self) -> bool {
        self.protocol == RouteProtocol::Other(PROTOCOL)
    }
}

/// How the kernel would send a packet.
pub(super) struct Way {
    pub(super) is_local: bool,
    pub(super) gateway: Option<Ipv4Addr>,
    pub(super) link: Option<u32>,
    pub(super) source: Option<Ipv4Addr>,
}

impl Kernel {
    /// A socket in the namespace of the calling thread, driven by a task of its own.
    pub(super) fn open() -> Result<Self, NetworkError> {
        let (connection, handle, _) = rtnetlink::new_connection()
            .map_err(|source| NetworkError::Kernel { action: "open netlink".into(), source })?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    pub(super) async fn links(&self) -> Result<Vec<LinkMessage>, NetworkError> {
        let links = self.handle.link().get().execute();
        links.try_collect().await.map_err(failed("list links"))
    }

    pub(super) async fn link_named(&self, name: &str) -> Result<Option<LinkMessage>, NetworkError> {
        let mut found = self.handle.link().get().match_name(name.to_owned()).execute().boxed();
        absent_as_none(found.try_next().await).map_err(failed(format!("look for link {name}")))
    }

    pub(super) async fn delete_link(&self, index: u32) -> Result<(), NetworkError> {
        let deleted = self.handle.link().del(index).execute().await;
        absent_as_none(deleted.map(Some)).map_err(failed(format!("delete link {index}")))?;
        Ok(())
    }

    /// The link that has an address.
    pub(super) async fn link_with(
        &self,
        address: Ipv4Addr,
    ) -> Result<Option<LinkMessage>, NetworkError> {
        let action = format!("find the link of {address}");
        let mut addresses = self.handle.address().get().execute().boxed();
        let mut index = None;
        while let Some(found) = addresses.try_next().await.map_err(failed(action.clone()))? {
            let local = AddressAttribute::Local(IpAddr::V4(address));
            if found.attributes.contains(&local) {
                index = Some(found.header.index);
            }
        }
        let Some(index) = index else { return Ok(None) };
        let mut found = self.handle.link().get().match_index(index).execute().boxed();
        absent_as_none(found.try_next().await).map_err(failed(action))
    }

    pub(super) async fn add_loopback_address(&self, address: Ipv4Addr) -> Result<(), NetworkError> {
        let mut request = self.handle.address().add(LOOPBACK, address.into(), 32).replace();
        // The scope keeps the kernel from taking it as the source towards others.
        request.message_mut().header.scope = AddressScope::Host;
        request.execute().await.map_err(failed(format!("add address {address}")))
    }

    pub(super) async fn delete_loopback_address(
        &self,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let message =
            AddressMessageBuilder::<Ipv4Addr>::new().index(LOOPBACK).address(address, 32).build();
        let deleted = self.handle.address().del(message).execute().await;
        let action = format!("delete address {address}");
        absent_as_none(deleted.map(Some)).map_err(failed(action))?;
        Ok(())
    }

    /// The IPv4 routes of the main table.
    pub(super) async fn routes(&self) -> Result<Vec<KernelRoute>, NetworkError> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes: Vec<RouteMessage> = self
            .handle
            .route()
            .get(all)
            .execute()
            .try_collect()
            .await
            .map_err(failed("list routes"))?;
        Ok(routes.into_iter().filter_map(read_route).collect())
    }

    pub(super) async fn has_default_route(&self) -> Result<bool, NetworkError> {
        Ok(self.routes().await?.iter().any(|route| route.network.prefix_len() == 0))
    }

    /// Asks the kernel for the way to an address.
    pub(super) async fn look_up(&self, address: Ipv4Addr) -> Result<Way, NetworkError> {
        let action = format!("find a route to {address}");
        let query = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, 32).build();
        let mut found = self.handle.route().get(query).execute().boxed();
        let answer = found.try_next().await.map_err(failed(action.clone()))?;
        let message = answer.ok_or_else(|| NetworkError::Kernel {
            action,
            source: io::Error::from(io::ErrorKind::NetworkUnreachable),
        })?;
        Ok(Way {
            is_local: message.header.kind == RouteType::Local,
            gateway: gateway_of(&message),
            link: link_of(&message),
            source: message.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::PrefSource(RouteAddress::Inet(address)) => Some(*address),
                _ => None,
            }),
        })
    }

    pub(super) async fn replace_route(
        &self,
        route: RouteMessage,
        action: &str,
    ) -> Result<(), NetworkError> {
        let request = self.handle.route().add(route).replace();
        request.execute().await.map_err(failed(action))
    }

    pub(super) async fn delete_route(&self, route: &KernelRoute) -> Result<(), NetworkError> {
        let deleted = self.handle.route().del(route.message.clone()).execute().await;
        let action = format!("delete the route to {}", route.network);
        absent_as_none(deleted.map(Some)).map_err(failed(action))?;
        Ok(())
    }
}

/// A route of ours, to be completed.
pub(super) fn route_to(network: Ipv4Net) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(network.network(), network.prefix_len())
        .protocol(RouteProtocol::Other(PROTOCOL))
}

pub(super) fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

pub(super) fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}

/// The index of a veth's other end, in the namespace where that is.
pub(super) fn peer_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Link(index) => Some(*index),
        _ => None,
    })
}

pub(super) fn is_veth(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Veth)),
        _ => false,
    })
}

/// Names what was being done when the kernel refused.
pub(super) fn failed(action: impl Into<String>) -> impl FnOnce(Error) -> NetworkError {
    move |error| NetworkError::Kernel { action: action.into(), source: to_io(error) }
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

/// Takes the kernel's word that a thing does not exist as an answer.
fn absent_as_none<T>(answer: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    /// The kernel's numbers for: no such file, process, device, address.
    const ABSENT: [i32; 4] = [2, 3, 19, 99];
    match answer {
        Err(Error::NetlinkError(message)) if ABSENT.contains(&message.raw_code().abs()) => Ok(None),
        other => other,
    }
}

fn read_route(message: RouteMessage) -> Option<KernelRoute> {
    if message.header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let destination = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    });
    let address = destination.unwrap_or(Ipv4Addr::UNSPECIFIED);
    Some(KernelRoute {
        network: Ipv4Net::new(address, message.header.destination_prefix_length).ok()?,
        gateway: gateway_of(&message),
        link: link_of(&message),
        is_unicast: message.header.kind == RouteType::Unicast,
        is_direct: message.header.scope == RouteScope::Link,
        protocol: message.header.protocol,
        message,
    })
}

fn gateway_of(message: &RouteMessage) -> Option<Ipv4Addr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })
}

fn link_of(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

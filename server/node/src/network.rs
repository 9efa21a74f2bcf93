//! The links, addresses and routes of one host: what lets pods and nodes reach each other.
//!
//! **Invariant:** touches only what is ours: links whose name starts with [`LINK_PREFIX`], routes
//! of the protocol [`PROTOCOL`], and the address [`ANSWERS`]. Everything happens in the network
//! namespace in which [`Network::open`] was called, and every call may be repeated.

mod attach;
mod kernel;
mod routes;
mod sysctl;

use std::{io, net::Ipv4Addr};

use ipnet::Ipv4Net;
use kernel::Kernel;
use rtnetlink::packet_route::route::RouteScope;
use thiserror::Error;

pub use routes::Refusal;
pub use sysctl::{SYSCTLS_IN_AGENT, SYSCTLS_ON_HOST, sysctls};

/// How the names of the host's ends of pods' links start.
pub const LINK_PREFIX: &str = "ls";
/// The routing protocol by which we know our own routes: `ip route show proto 108`.
pub const PROTOCOL: u8 = 108;
/// An address that this host alone has: the agent answers pods there (DNS, the way to the API).
pub const ANSWERS: Ipv4Addr = Ipv4Addr::new(169, 254, 42, 1);

/// What fits every link that nobody set up otherwise.
const MTU_DEFAULT: u32 = 1500;

/// What the network of a host could not do.
#[derive(Debug, Error)]
pub enum NetworkError {
    #[error("process {0} is gone, and its network namespace with it")]
    Gone(u32),
    #[error(
        "cannot enter the network namespace of process {pid}: {source}; the agent's container \
         needs `--pid host` and the capabilities SYS_ADMIN and SYS_PTRACE"
    )]
    Enter { pid: u32, source: io::Error },
    #[error("process {pid} has an interface {name} already that the agent did not make")]
    Occupied { pid: u32, name: &'static str },
    #[error("cannot {action}: {source}{}", advice(.source))]
    Kernel { action: String, source: io::Error },
    #[error(
        "this host does not forward packets, and the agent may not change that ({0}): run \
         `sysctl -w net.ipv4.ip_forward=1` on the host"
    )]
    Forwarding(io::Error),
    #[error("no interface of this host has the node's address {0}, and there is no default route")]
    NoAddress(Ipv4Addr),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; the agent's container needs `--network host` and the capability NET_ADMIN"
        }
        _ => "",
    }
}

/// The network of one host.
pub struct Network {
    kernel: Kernel,
    services: Ipv4Net,
    /// Of pods' links.
    mtu: u32,
    /// From which the host speaks to its pods; the kernel would take any of its addresses.
    source: Option<Ipv4Addr>,
}

impl Network {
    /// Opens the network of the namespace that the calling thread is in. `services` is the range
    /// of the cluster's service addresses.
    ///
    /// # Errors
    /// When the kernel gives no netlink socket.
    pub fn open(services: Ipv4Net) -> Result<Self, NetworkError> {
        Ok(Self { kernel: Kernel::open()?, services, mtu: MTU_DEFAULT, source: None })
    }

    /// Makes the host ready for pods: it forwards packets, knows a way to service addresses (which
    /// the data plane then rewrites) and has the address [`ANSWERS`]. Pods get the MTU of the link
    /// that has the node's address.
    ///
    /// # Errors
    /// When the host may not forward packets, or the kernel refuses a change.
    pub async fn prepare(&mut self, node_address: Ipv4Addr) -> Result<(), NetworkError> {
        sysctl::enable_forwarding().map_err(NetworkError::Forwarding)?;
        self.kernel.add_loopback_address(ANSWERS).await?;
        match self.kernel.link_with(node_address).await? {
            Some(link) => {
                self.mtu = kernel::mtu_of(&link).unwrap_or(MTU_DEFAULT);
                self.source = Some(node_address);
                self.lead_to_services(link.header.index, node_address).await
            }
            None if self.kernel.has_default_route().await? => Ok(()),
            None => Err(NetworkError::NoAddress(node_address)),
        }
    }

    /// Gives connections of the host to service addresses a route: without one they would fail
    /// before the data plane sees them.
    async fn lead_to_services(&self, link: u32, source: Ipv4Addr) -> Result<(), NetworkError> {
        let taken = self.kernel.routes().await?;
        let is_foreign =
            taken.iter().any(|route| route.network == self.services && !route.is_ours());
        if is_foreign {
            return Ok(());
        }
        let route = kernel::route_to(self.services)
            .output_interface(link)
            .scope(RouteScope::Link)
            .pref_source(source);
        self.kernel.replace_route(route.build(), &format!("route {}", self.services)).await
    }

    /// The address from which this host speaks to another.
    ///
    /// # Errors
    /// When there is no route to it.
    pub async fn address_towards(&self, other: Ipv4Addr) -> Result<Ipv4Addr, NetworkError> {
        let way = self.kernel.look_up(other).await?;
        way.source.ok_or_else(|| NetworkError::Kernel {
            action: format!("find an address to reach {other} from"),
            source: io::Error::from(io::ErrorKind::AddrNotAvailable),
        })
    }

    /// Takes everything back that we made: links of pods, routes, addresses.
    ///
    /// # Errors
    /// When the kernel refuses a change.
    pub async fn clear(&self) -> Result<(), NetworkError> {
        for link in self.kernel.links().await? {
            if kernel::name_of(&link).is_some_and(|name| name.starts_with(LINK_PREFIX))
                && kernel::is_veth(&link)
            {
                self.kernel.delete_link(link.header.index).await?;
            }
        }
        for route in self.kernel.routes().await?.iter().filter(|route| route.is_ours()) {
            self.kernel.delete_route(route).await?;
        }
        self.kernel.delete_loopback_address(ANSWERS).await
    }
}

/// The name of the host's end of a pod's link: stable, at most 15 characters long.
pub fn link_name(pod_uid: &str) -> String {
    let letters = pod_uid.chars().filter(char::is_ascii_alphanumeric).take(12);
    LINK_PREFIX.chars().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_fit_the_kernel() {
        let name = link_name("0f3a5f36-9c5d-4f0e-8d56-0a62a5d3c7aa");
        assert_eq!(name, "ls0f3a5f369c5d");
        assert!(name.len() < 16);
    }
}

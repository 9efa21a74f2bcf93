//! Under which address other hosts reach this one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};

use crate::{AgentConfig, network::Network};

/// An address that no host has: whoever can send there has a way out.
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The configured one, else that from which the host speaks to the server, else that of its way
/// out, else that of any of its links.
pub(crate) async fn find_address(config: &AgentConfig, network: &Network) -> Option<Ipv4Addr> {
    if config.address.is_some() {
        return config.address;
    }
    let servers = config.servers.iter().filter_map(|url| server_address(url));
    for other in servers.chain([SOMEWHERE]) {
        if let Ok(own) = network.address_towards(other).await
            && !own.is_loopback()
        {
            return Some(own);
        }
    }
    link_address()
}

fn server_address(url: &str) -> Option<Ipv4Addr> {
    let host = url.split_once("://")?.1.split('/').next()?;
    let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
    with_port.to_socket_addrs().ok()?.find_map(|address| match address {
        SocketAddr::V4(address) => Some(*address.ip()),
        SocketAddr::V6(_) => None,
    })
}

fn link_address() -> Option<Ipv4Addr> {
    let is_usable = |flags: InterfaceFlags| {
        flags.contains(InterfaceFlags::IFF_UP) && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    };
    // Bridges of the engine lead to its own containers only.
    let is_bridge = |name: &str| name.starts_with("docker") || name.starts_with("br-");
    getifaddrs()
        .ok()?
        .filter(|link| is_usable(link.flags) && !is_bridge(&link.interface_name))
        .find_map(|link| match IpAddr::from(link.address?.as_sockaddr_in()?.ip()) {
            IpAddr::V4(address) if !address.is_link_local() => Some(address),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_servers() {
        for (url, want) in [
            ("https://10.0.0.1:6443", Some("10.0.0.1")),
            ("https://10.0.0.2", Some("10.0.0.2")),
            ("nothing", None),
        ] {
            assert_eq!(server_address(url), want.map(|text| text.parse().unwrap()), "{url}");
        }
    }
}

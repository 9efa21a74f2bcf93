//! The ways to the pods of other nodes: one route each, straight to the node.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use planning::routing::Route;
use rtnetlink::packet_route::route::RouteType;

use super::{
    Network, NetworkError,
    kernel::{Kernel, KernelRoute, route_to},
};

/// A node whose pods can't be reached from here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub node: Arc<str>,
    pub reason: String,
}

impl Network {
    /// Makes the routes to other nodes' pods what they should be. A node with which this host
    /// shares no link is refused, and its pods answer "unreachable" at once: packets must not leak
    /// to a default gateway, which would lose them. A route that an administrator made for the
    /// same network stays, and counts.
    ///
    /// # Errors
    /// When the kernel refuses a change.
    pub async fn sync_routes(&self, wanted: &[Route]) -> Result<Vec<Refusal>, NetworkError> {
        let present = self.kernel.routes().await?;
        let mut refusals = Vec::new();
        for route in wanted {
            let mut same = present.iter().filter(|there| there.network == route.network);
            if same.clone().any(|there| !there.is_ours()) {
                continue;
            }
            let way = direct_way(&self.kernel, route.gateway).await;
            if !same.any(|there| is_same(there, route, &way)) {
                self.write(route, way.as_ref().ok().copied()).await?;
            }
            if let Err(reason) = way {
                refusals.push(Refusal { node: route.node.clone(), reason });
            }
        }
        let kept: BTreeSet<Ipv4Net> = wanted.iter().map(|route| route.network).collect();
        let to_nodes = |there: &&KernelRoute| there.is_ours() && !there.is_direct;
        for there in present.iter().filter(to_nodes) {
            if !kept.contains(&there.network) {
                self.kernel.delete_route(there).await?;
            }
        }
        Ok(refusals)
    }

    async fn write(&self, route: &Route, link: Option<u32>) -> Result<(), NetworkError> {
        let message = match link {
            Some(link) => {
                route_to(route.network).gateway(route.gateway).output_interface(link).onlink()
            }
            None => route_to(route.network).kind(RouteType::Unreachable),
        };
        let action = format!("route {} to node {}", route.network, route.node);
        self.kernel.replace_route(message.build(), &action).await
    }
}

/// The link over which a node is reached without a router between, or why it is not.
async fn direct_way(kernel: &Kernel, gateway: Ipv4Addr) -> Result<u32, String> {
    let way = kernel.look_up(gateway).await.map_err(|error| error.to_string())?;
    if way.is_local {
        return Err(format!(
            "its address {gateway} is this host's own: give each host its own `spec.address`"
        ));
    }
    if let Some(router) = way.gateway {
        return Err(format!(
            "its address {gateway} is behind the router {router}, and pods are routed only between \
             hosts that share a link: connect the hosts by one network (or a VPN), register that \
             address as `spec.address`, or add a route to its pods yourself"
        ));
    }
    way.link.ok_or_else(|| format!("there is no link towards its address {gateway}"))
}

fn is_same(there: &KernelRoute, route: &Route, way: &Result<u32, String>) -> bool {
    match way {
        Ok(link) => {
            there.is_unicast && there.gateway == Some(route.gateway) && there.link == Some(*link)
        }
        Err(_) => !there.is_unicast,
    }
}

//! The networks of pods: this node's own, and the ways to the others.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;
use object::Key;

use super::NODES;
use crate::world::{Entry, World};

/// The way to the pods of another node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub network: Ipv4Net,
    /// The `InternalIP` of the node.
    pub gateway: Ipv4Addr,
    pub node: Arc<str>,
}

/// The ways to the pods of all other nodes, in order of their networks. A node that has no network
/// or no address yet has no route.
pub fn routes(world: &World, node: &str) -> Vec<Route> {
    let own = network(world, node);
    let mut routes = BTreeMap::new();
    for entry in world.of_kind(NODES).filter(|entry| &*entry.key.name != node) {
        let Some(other) = decode(entry) else { continue };
        let (Some(network), Some(gateway)) = (network_of(&other), address_of(&other)) else {
            continue;
        };
        if Some(network) != own {
            let route = Route { network, gateway, node: entry.key.name.clone() };
            routes.entry(network).or_insert(route);
        }
    }
    routes.into_values().collect()
}

/// The network from which this node's pods get their addresses.
pub fn network(world: &World, node: &str) -> Option<Ipv4Net> {
    network_of(&decode(world.entry(&Key::new(NODES, "", node))?)?)
}

fn network_of(node: &Node) -> Option<Ipv4Net> {
    let spec = node.spec.as_ref()?;
    let all = spec.pod_cidrs.iter().flatten().chain(&spec.pod_cidr);
    all.filter_map(|network| network.parse().ok()).next()
}

fn address_of(node: &Node) -> Option<Ipv4Addr> {
    let addresses = node.status.as_ref()?.addresses.iter().flatten();
    let internal = addresses.filter(|address| address.type_ == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok()).next()
}

fn decode(entry: &Entry) -> Option<Node> {
    serde_json::from_slice(&entry.body).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leads_to_the_other_nodes() {
        let mut world = World::default();
        let nodes = [
            ("one", "10.42.0.0/24", "192.0.2.1"),
            ("two", "10.42.1.0/24", "192.0.2.2"),
            ("three", "10.42.2.0/24", ""),
            ("four", "", "192.0.2.4"),
            ("twin", "10.42.1.0/24", "192.0.2.9"),
        ];
        for (at, (name, cidr, address)) in (1..).zip(nodes) {
            let addresses = [
                json!({"type": "Hostname", "address": name}),
                json!({"type": "InternalIP", "address": address}),
            ];
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
                "spec": {"podCIDR": cidr}, "status": {"addresses": addresses}});
            world.apply(Key::new(NODES, "", name), at, Some(node.to_string().into())).unwrap();
        }
        let found: Vec<_> = routes(&world, "one")
            .into_iter()
            .map(|route| (route.network.to_string(), route.gateway.to_string(), route.node))
            .collect();
        let gateway = if "twin" < "two" { ("192.0.2.9", "twin") } else { ("192.0.2.2", "two") };
        assert_eq!(found, [("10.42.1.0/24".into(), gateway.0.into(), gateway.1.into())]);
        assert_eq!(network(&world, "two").unwrap().to_string(), "10.42.1.0/24");
        assert_eq!(network(&world, "four"), None);
    }
}

//! The network of hosts, for real: needs root.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "network/host.rs"]
mod host;
#[path = "network/namespace.rs"]
mod namespace;

use std::{io, net::Ipv4Addr};

use host::Host;
use namespace::Namespace;
use node::network::{ANSWERS, NetworkError};
use planning::routing::Route;

const HOST_ONE: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
const HOST_TWO: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);

fn pod_address(node: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 42, node, number)
}

fn route(node: u8, gateway: Ipv4Addr) -> Route {
    let network = format!("10.42.{node}.0/24").parse().unwrap();
    Route { network, gateway, node: format!("node-{node}").into() }
}

fn hosts() -> [Host; 2] {
    Host::pair([HOST_ONE, HOST_TWO])
}

fn pod(host: &Host, address: Ipv4Addr) -> Namespace {
    let pod = Namespace::new();
    let (pid, name) = (pod.pid(), format!("ls{}", address.octets()[3]));
    host.act(async |network| network.attach(pid, address, &name).await.unwrap());
    pod
}

#[test]
fn pods_of_all_hosts_are_one_flat_network() {
    let [one, two] = hosts();
    let (a, b, c) = (pod_address(1, 2), pod_address(1, 3), pod_address(2, 2));
    let pods = [pod(&one, a), pod(&one, b), pod(&two, c)];
    for (host, node, gateway) in [(&one, 2, HOST_TWO), (&two, 1, HOST_ONE)] {
        let refused =
            host.act(async |network| network.sync_routes(&[route(node, gateway)]).await.unwrap());
        assert_eq!(refused, []);
    }
    for served in pods.iter().chain([&*one, &*two]) {
        served.serve("x", 80);
    }
    for (client, source) in pods.iter().zip([a, b, c]) {
        for server in [a, b, c, HOST_ONE, HOST_TWO] {
            let seen = client.ask(server, 80).unwrap_or_else(|e| panic!("{source} {server}: {e}"));
            assert_eq!(seen, format!("x {source}"), "nobody changes addresses on the way");
        }
    }
    assert_eq!(one.ask(a, 80).unwrap(), "x 10.98.0.1");
    assert_eq!(one.ask(c, 80).unwrap(), "x 10.98.0.1");
    assert!(pods[0].ip("link show eth0").contains("mtu 1400"), "as the host's link has it");
}

#[test]
fn attaching_may_be_repeated_and_follows_a_new_sandbox() {
    let [host, _other] = hosts();
    let address = pod_address(1, 2);
    let (first, second) = (pod(&host, address), Namespace::new());
    first.serve("first", 80);
    assert!(host.ask(address, 80).is_ok());
    let index = host.ip("-o link show ls2");
    let (same, new) = (first.pid(), second.pid());
    host.act(async |network| network.attach(same, address, "ls2").await.unwrap());
    assert_eq!(host.ip("-o link show ls2"), index, "a whole link stays");
    host.act(async |network| network.attach(new, address, "ls2").await.unwrap());
    second.serve("second", 80);
    assert!(host.ask(address, 80).is_ok());
    assert!(!first.ip("link show").contains("eth0"));

    host.act(async |network| {
        network.detach("ls2").await.unwrap();
        network.detach("ls2").await.unwrap();
    });
    assert!(host.ask(address, 80).is_err());
    assert!(!host.ip("route show proto 108").contains("10.42.1.2"));
}

#[test]
fn refuses_what_it_cannot_do_and_says_why() {
    let [host, _other] = hosts();
    let foreign = Namespace::new();
    foreign.ip("link add eth0 type veth peer name else");
    let (pid, address) = (foreign.pid(), pod_address(1, 2));
    let refused = host.act(async |network| network.attach(pid, address, "ls2").await).unwrap_err();
    assert!(matches!(refused, NetworkError::Occupied { .. }), "{refused}");
    assert!(foreign.ip("link show").contains("else"), "another's link stays");
    assert!(!host.ip("link show").contains("ls2"), "nothing is left over");
    drop(foreign);
    let refused = host.act(async |network| network.attach(pid, address, "ls2").await).unwrap_err();
    assert!(matches!(refused, NetworkError::Gone(_)), "{refused}");
}

#[test]
fn routes_only_over_shared_links() {
    let [host, _other] = hosts();
    host.ip("route add default via 10.98.0.2");
    host.ip("route add 10.42.7.0/24 via 10.98.0.2");
    let wanted = [
        route(2, HOST_TWO),
        route(3, Ipv4Addr::new(198, 51, 100, 3)),
        route(4, HOST_ONE),
        route(7, Ipv4Addr::new(198, 51, 100, 7)),
    ];
    let refused = host.act(async |network| network.sync_routes(&wanted).await.unwrap());
    let nodes: Vec<_> = refused.iter().map(|refusal| &*refusal.node).collect();
    assert_eq!(nodes, ["node-3", "node-4"]);
    assert!(refused[0].reason.contains("behind the router 10.98.0.2"), "{}", refused[0].reason);
    let error = host.ask(pod_address(3, 1), 80).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::HostUnreachable, "at once, not into the void");

    let moved = [route(3, HOST_TWO)];
    let refused = host.act(async |network| network.sync_routes(&moved).await.unwrap());
    assert_eq!(refused, []);
    let routes = host.ip("route show");
    assert!(routes.contains("10.42.3.0/24 via 10.98.0.2 dev eth0 proto 108 onlink"), "{routes}");
    assert!(!routes.contains("10.42.2.0/24"), "a route that is not wanted goes: {routes}");
    assert!(routes.contains("10.42.7.0/24 via 10.98.0.2"), "an administrator's stays: {routes}");
    assert!(routes.contains("10.43.0.0/16 dev eth0 proto 108"), "services keep theirs: {routes}");
}

#[test]
fn clearing_leaves_nothing_of_ours() {
    let [host, _other] = hosts();
    let before = (host.ip("route show"), host.ip("-o address show dev lo"));
    assert!(before.1.contains(&ANSWERS.to_string()));
    let _pod = pod(&host, pod_address(1, 2));
    host.act(async |network| network.sync_routes(&[route(2, HOST_TWO)]).await.unwrap());
    host.act(async |network| network.clear().await.unwrap());
    assert_eq!(host.ip("route show proto 108"), "");
    assert!(!host.ip("link show").contains("ls2"));
    assert!(!host.ip("-o address show dev lo").contains(&ANSWERS.to_string()));
    host.act(async |network| {
        assert_eq!(network.address_towards(HOST_TWO).await.unwrap(), HOST_ONE);
    });
    assert_eq!((host.ip("route show"), host.ip("-o address show dev lo")), before);
}

//! Where connections go.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    thread,
    time::Duration,
};

use planning::routing::{Frontend, Protocol};
use serde_json::json;

use crate::{
    cluster::{
        Cluster, Lab, POD_PORT, PORT, host_address, node_port, pod_address, service_address,
    },
    namespace::Namespace,
};

/// Who answered, and whom they saw, over so many connections.
fn answers(client: &Namespace, address: Ipv4Addr, port: u16, times: u8) -> BTreeSet<String> {
    (0..times).map(|_| client.ask(address, port).unwrap()).collect()
}

fn refused(client: &Namespace, address: Ipv4Addr, port: u16) -> bool {
    client.ask(address, port).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}

#[test]
fn services_answer_pods_hosts_and_outsiders() {
    let lab = Lab::new();
    let pods = [lab.pod(1, 2), lab.pod(1, 3), lab.pod(2, 2)];
    let mut cluster = Cluster::default();
    cluster.service(1, "TCP", &json!({}));
    cluster.endpoints(1, "TCP", &[(1, 2), (1, 3), (2, 2)]);
    cluster.service(2, "TCP", &json!({}));
    cluster.endpoints(2, "TCP", &[(1, 2)]);
    cluster.service(3, "TCP", &json!({"externalIPs": ["198.51.100.1"]}));
    let _programmers = [1, 2].map(|host| lab.program(host, &cluster.table(host)));

    let spread = |client, address, port| {
        let names = answers(client, address, port, 40);
        names.iter().map(|answer| answer.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all: Vec<_> = ["pod12", "pod13", "pod22"].map(str::to_owned).into();
    let mut inside: Vec<&Namespace> = pods.iter().collect();
    inside.extend(&lab.hosts[..2]);
    for client in inside {
        let mut seen = spread(client, service_address(1), PORT);
        seen.dedup();
        assert_eq!(seen, all, "a service spreads connections over its endpoints");
        for address in [host_address(1), host_address(2)] {
            assert!(client.ask(address, node_port(1)).is_ok());
        }
        assert!(refused(client, service_address(3), PORT), "there are no endpoints");
        assert!(refused(client, host_address(1), node_port(3)));
        assert!(refused(client, service_address(1), 81), "there is no such port");
        assert!(refused(client, service_address(99), PORT), "there is no such service");
    }
    let mut seen = spread(lab.host(3), host_address(1), node_port(1));
    seen.dedup();
    assert_eq!(seen, all, "a node port leads to endpoints on all nodes");
    assert!(refused(lab.host(3), host_address(1), node_port(3)));
    let mut seen = spread(lab.host(2), Ipv4Addr::LOCALHOST, node_port(1));
    seen.dedup();
    assert_eq!(seen, all, "also at 127.0.0.1");

    let own = answers(&pods[0], service_address(2), PORT, 3);
    assert_eq!(own.len(), 1, "a pod reaches itself through its service: {own:?}");
    let seen = pods[2].ask(service_address(2), PORT).unwrap();
    assert_eq!(seen, format!("pod12 {}", pod_address(2, 2)), "pods see each other's addresses");
}

#[test]
fn pods_leave_the_cluster_by_their_hosts_address() {
    let lab = Lab::new();
    let pod = lab.pod(1, 2);
    lab.host(3).serve("outside", 80);
    assert!(pod.ask(host_address(3), 80).is_err(), "the outsider knows no way to pods");
    let _programmer = lab.program(1, &Cluster::default().table(1));
    assert_eq!(pod.ask(host_address(3), 80).unwrap(), "outside 10.98.0.1");
}

#[test]
fn neighbours_do_not_reach_what_listens_on_loopback() {
    let lab = Lab::new();
    let (host, neighbour) = (lab.host(1), lab.host(3));
    host.serve("secret", 99);
    for space in [host, neighbour] {
        space.run("sysctl -qw net.ipv4.conf.all.route_localnet=1");
    }
    neighbour.ip("route del local 127.0.0.0/8 dev lo table local");
    neighbour.ip("route del local 127.0.0.1 dev lo table local");
    neighbour.ip("route add 127.0.0.1 via 10.98.0.1 dev eth0 src 10.98.0.3");
    let reach = || neighbour.ask(Ipv4Addr::LOCALHOST, 99);
    assert_eq!(reach().unwrap(), "secret 10.98.0.3", "the kernel's setting alone lets them in");
    let _programmer = lab.program(1, &Cluster::default().table(1));
    assert!(reach().is_err());
    assert_eq!(host.ask(Ipv4Addr::LOCALHOST, 99).unwrap(), "secret 127.0.0.1");
}

#[test]
fn local_policies_keep_the_clients_address() {
    let lab = Lab::new();
    let _pod = lab.pod(1, 2);
    let mut cluster = Cluster::default();
    cluster.service(1, "TCP", &json!({"externalTrafficPolicy": "Local"}));
    cluster.endpoints(1, "TCP", &[(1, 2)]);
    let _programmers = [1, 2].map(|host| lab.program(host, &cluster.table(host)));
    let seen = lab.host(3).ask(host_address(1), node_port(1)).unwrap();
    assert_eq!(seen, "pod12 10.98.0.3");
    let error = lab.host(3).ask(host_address(2), node_port(1)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "a node without endpoints says nothing");
    assert_eq!(lab.host(2).ask(service_address(1), PORT).unwrap(), "pod12 10.98.0.2");
    let seen = lab.host(1).ask(Ipv4Addr::LOCALHOST, node_port(1)).unwrap();
    assert_eq!(seen, "pod12 10.98.0.1");
}

#[test]
fn a_node_answers_with_one_of_its_addresses() {
    let lab = Lab::new();
    let pod = lab.pod(1, 2);
    let mut table = Cluster::default().table(1);
    let host_port = Frontend::on_node(Protocol::Tcp, 8081);
    table.answer(host_port, SocketAddrV4::new(pod_address(1, 2), POD_PORT));
    let _programmer = lab.program(1, &table);
    let seen = |client: &Namespace, address| client.ask(address, 8081).unwrap();
    assert_eq!(seen(lab.host(3), host_address(1)), "pod12 10.98.0.3", "it sees who asks");
    assert_eq!(seen(lab.host(1), Ipv4Addr::LOCALHOST), "pod12 10.98.0.1");
    assert!(seen(&pod, host_address(1)).starts_with("pod12 "), "itself, too");
}

#[test]
fn clients_come_back_to_their_endpoint() {
    let lab = Lab::new();
    let _pods = [lab.pod(1, 2), lab.pod(1, 3), lab.pod(2, 4)];
    let all = [(1, 2), (1, 3), (2, 4)];
    let mut cluster = Cluster::default();
    cluster.service(1, "TCP", &json!({"sessionAffinity": "ClientIP"}));
    cluster.endpoints(1, "TCP", &all);
    let mut programmers = [1, 2].map(|host| lab.program(host, &cluster.table(host)));
    let mut ask = |cluster: &Cluster| {
        let names: BTreeSet<String> = [1, 2]
            .into_iter()
            .zip(&mut programmers)
            .flat_map(|(host, programmer)| {
                lab.apply(host, programmer, &cluster.table(host));
                answers(lab.host(3), host_address(host), node_port(1), 10)
            })
            .map(|answer| answer[..5].to_owned())
            .collect();
        assert_eq!(names.len(), 1, "one endpoint through either node: {names:?}");
        names.first().cloned().unwrap()
    };
    let first = ask(&cluster);
    let others = all.iter().filter(|(host, pod)| first != format!("pod{host}{pod}"));
    let others: Vec<(u8, u8)> = others.copied().collect();
    cluster.endpoints(1, "TCP", &others);
    assert_ne!(ask(&cluster), first, "when it goes, another takes over");
    cluster.endpoints(1, "TCP", &all);
    assert_eq!(ask(&cluster), first, "one that comes moves its own clients");
}

/// Answers datagrams with a name.
fn serve_datagrams(pod: &Namespace, name: &'static str) {
    let socket = pod.inside(|| UdpSocket::bind(("0.0.0.0", POD_PORT)).unwrap());
    thread::spawn(move || {
        while let Ok((_, client)) = socket.recv_from(&mut [0; 9]) {
            socket.send_to(name.as_bytes(), client).unwrap();
        }
    });
}

#[test]
fn datagrams_follow_when_their_endpoint_goes() {
    let lab = Lab::new();
    let pods = [lab.pod(1, 2), lab.pod(1, 3)];
    serve_datagrams(&pods[0], "first");
    serve_datagrams(&pods[1], "other");
    let mut cluster = Cluster::default();
    cluster.service(1, "UDP", &json!({}));
    cluster.endpoints(1, "UDP", &[(1, 2)]);
    let mut programmer = lab.program(1, &cluster.table(1));
    let inside = lab.on(1, || UdpSocket::bind("0.0.0.0:0").unwrap());
    let outside = lab.on(3, || UdpSocket::bind("0.0.0.0:0").unwrap());
    let ask = || {
        [(&inside, service_address(1), PORT), (&outside, host_address(1), node_port(1))].map(
            |(socket, address, port)| {
                socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                socket.send_to(b"?", SocketAddrV4::new(address, port)).unwrap();
                let mut answer = [0; 5];
                socket.recv(&mut answer).unwrap();
                String::from_utf8(answer.to_vec()).unwrap()
            },
        )
    };
    assert_eq!(ask(), ["first", "first"]);
    cluster.endpoints(1, "UDP", &[(1, 3)]);
    lab.apply(1, &mut programmer, &cluster.table(1));
    assert_eq!(ask(), ["other", "other"], "from the same sockets");
}

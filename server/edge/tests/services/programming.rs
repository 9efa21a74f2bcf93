//! What the kernel is told, and how often.

use std::time::Instant;

use edge::{Programmer, clear};
use serde_json::json;

use crate::cluster::{Cluster, Lab, PORT, host_address, node_port, service_address, settings};

/// A service of each sort.
fn all_sorts() -> Cluster {
    let mut cluster = Cluster::default();
    let sticky = json!({"sessionAffinity": "ClientIP", "externalIPs": ["198.51.100.7"]});
    let local = json!({"externalTrafficPolicy": "Local"});
    let sorts = [json!({}), sticky, local, json!({"externalIPs": ["198.51.100.8"]})];
    for (number, (protocol, spec)) in (1..).zip(["TCP", "UDP", "SCTP", "TCP"].iter().zip(&sorts)) {
        cluster.service(number, protocol, spec);
        cluster.endpoints(number, protocol, &[(1, 2), (2, 2)]);
    }
    cluster.service(9, "TCP", &json!({"externalIPs": ["198.51.100.9"]}));
    cluster
}

#[test]
fn operators_can_list_the_rules() {
    let lab = Lab::new();
    let _programmer = lab.program(1, &all_sorts().table(1));
    let listed = lab.host(1).run("nft list table ip longshore");
    for part in [
        "10.43.0.1 . tcp . 80 : goto service-2",
        "tcp . 30001 : goto port-2",
        "sctp . 30003 : goto port-nobody-1",
        "udp . 30002 : goto port-client-256",
        "10.43.0.9 . tcp . 80 : goto rejecting",
        "dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints",
    ] {
        assert!(listed.contains(part), "{part}");
    }
}

#[test]
fn heals_what_others_break() {
    let lab = Lab::new();
    let _pods = [lab.pod(1, 2), lab.pod(1, 3)];
    let (host, mut cluster) = (lab.host(1), Cluster::default());
    cluster.service(1, "TCP", &json!({}));
    cluster.endpoints(1, "TCP", &[(1, 2)]);
    let table = cluster.table(1);
    let mut programmer = lab.program(1, &table);
    assert!(!lab.apply(1, &mut programmer, &table).is_reload);
    host.run("nft add table ip another");
    assert!(!lab.apply(1, &mut programmer, &table).is_reload, "another's table is not ours");
    for damage in [
        "nft flush ruleset",
        "nft delete table ip longshore",
        "nft delete element ip longshore services { 10.43.0.1 . tcp . 80 }",
    ] {
        host.run(damage);
        assert!(host.ask(service_address(1), PORT).is_err());
        // The last damage leaves no trace but the element, and a change meets it.
        cluster.endpoints(1, "TCP", if damage.contains("element") { &[] } else { &[(1, 2)] });
        assert!(lab.apply(1, &mut programmer, &cluster.table(1)).is_reload, "{damage}");
        cluster.endpoints(1, "TCP", &[(1, 2)]);
        lab.apply(1, &mut programmer, &cluster.table(1));
        assert!(host.ask(service_address(1), PORT).is_ok(), "{damage}");
    }
    cluster.endpoints(1, "TCP", &[(1, 2), (1, 3)]);
    let report = lab.apply(1, &mut programmer, &cluster.table(1));
    assert_eq!((report.is_reload, report.frontends), (false, 2));
    assert_eq!(report.warnings, [""; 0]);
    lab.apply(1, &mut programmer, &cluster.table(1));
    assert_eq!(host.run("nft list chains").matches("chain port-").count(), 1, "unused ones go");
}

#[test]
fn passes_dockers_firewall() {
    let lab = Lab::new();
    let _pods = [lab.pod(1, 2), lab.pod(2, 2)];
    let (host, mut cluster) = (lab.host(1), Cluster::default());
    cluster.service(1, "TCP", &json!({}));
    cluster.endpoints(1, "TCP", &[(2, 2)]);
    let mut programmer = lab.program(1, &cluster.table(1));
    let reach = || lab.host(3).ask(host_address(1), node_port(1));
    assert!(reach().is_ok());
    // As dockerd leaves it.
    for rule in [
        "-P FORWARD DROP",
        "-N DOCKER-USER",
        "-A DOCKER-USER -j RETURN",
        "-I FORWARD -j DOCKER-USER",
    ] {
        host.run(&format!("iptables-nft {rule}"));
    }
    assert!(reach().is_err(), "Docker drops what is forwarded");
    for _ in 0..2 {
        lab.apply(1, &mut programmer, &cluster.table(1));
        assert!(reach().is_ok());
        let rules = host.run("iptables-nft -S DOCKER-USER");
        let ours = "-A DOCKER-USER -m mark --mark 0x10000000/0x10000000";
        assert_eq!(
            rules.lines().nth(1).unwrap_or_default().get(..ours.len()),
            Some(ours),
            "{rules}"
        );
        assert_eq!(rules.lines().count(), 3, "{rules}");
    }
    // As another version of this program leaves it.
    host.run("nft delete table ip longshore");
    host.run("nft add table ip longshore");
    host.run("nft add set ip longshore services { type ether_addr; }");
    lab.program(1, &cluster.table(1));
    assert!(reach().is_ok());
    lab.on(1, || clear(&settings().sysctls).unwrap());
    assert_eq!(host.run("iptables-nft -S DOCKER-USER").lines().count(), 2);
    assert!(!host.run("nft list ruleset").contains("longshore"));
    lab.on(1, || clear(&settings().sysctls).unwrap());
}

#[test]
fn loads_a_thousand_services() {
    let lab = Lab::new();
    let mut cluster = Cluster::default();
    for number in 1..=1_000 {
        cluster.service(number, "TCP", &json!({}));
        cluster.endpoints(number, "TCP", &[(1, 2), (2, 2)]);
    }
    let table = cluster.table(1);
    lab.on(1, || {
        let mut programmer = Programmer::open(settings()).unwrap();
        let mut apply = |what: &str, table| {
            let start = Instant::now();
            let report = programmer.apply(table).unwrap();
            println!("{what}: {:?}", start.elapsed());
            report.frontends
        };
        assert_eq!(apply("load 1,000 services", &table), 2_000);
        cluster.endpoints(500, "TCP", &[(1, 2)]);
        // As an agent does it; tables made afresh share nothing.
        let changed = cluster.follow(&table, 1);
        assert_eq!(apply("change one of them", &changed), 2);
        assert_eq!(apply("change nothing", &changed), 0);
    });
    let listed = lab.host(1).run("nft list map ip longshore endpoints");
    assert_eq!(listed.matches(" : 10.42.").count(), 1_999);
}

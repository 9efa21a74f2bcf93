use serde_json::{Value, json};

use super::*;
use crate::routing::table;

fn world() -> World {
    let service = |name: &str, spec: Value| {
        let body = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "d"}, "spec": spec});
        (Key::new(SERVICES, "d", name), body)
    };
    let endpoints = json!([
        {"addresses": ["10.42.0.2"], "hostname": "db-0", "conditions": {"ready": true}},
        {"addresses": ["10.42.0.3"], "conditions": {}},
        {"addresses": ["10.42.0.4"], "hostname": "db-2", "conditions": {"ready": false}},
    ]);
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "db-x", "namespace": "d",
            "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "sql", "port": 5432}]});
    let ports =
        json!([{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    let objects = [
        service("web", json!({"clusterIP": "10.43.0.5", "ports": ports})),
        service("db", json!({"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]})),
        service("out", json!({"type": "ExternalName", "externalName": "Example.org."})),
        (Key::new("endpointslices.discovery.k8s.io", "d", "db-x"), slice),
    ];
    let mut world = World::default();
    for (revision, (key, body)) in (1..).zip(objects) {
        world.apply(key, revision, Some(body.to_string().into())).unwrap();
    }
    world
}

/// The records as text, or `unknown`, or `foreign`.
fn ask(name: &str, sort: Sort) -> String {
    let world = world();
    let table = table(&world, "one");
    let names = Names { world: &world, table: &table, domain: "cluster.local" };
    let show = |record: Record| match record.data {
        Data::A(address) => format!("{} {address}", record.name),
        Data::Srv { port, target } => format!("{port} {target}"),
        Data::Ptr(target) | Data::Cname(target) => target,
        Data::Txt(text) => text.to_owned(),
    };
    match names.resolve(name, sort) {
        Meaning::Known { records, others } => {
            records.into_iter().chain(others).map(show).collect::<Vec<_>>().join(", ")
        }
        Meaning::Unknown => "unknown".into(),
        Meaning::Foreign => "foreign".into(),
    }
}

#[test]
fn names_mean_what_kubernetes_says() {
    use Sort::{A, Other, Ptr, Srv, Txt};
    let cases = [
        ("WEB.d.svc.cluster.local.", A, "web.d.svc.cluster.local 10.43.0.5"),
        ("web.d.svc.cluster.local", Other, ""),
        ("nope.d.svc.cluster.local", A, "unknown"),
        ("web.other.svc.cluster.local", A, "unknown"),
        ("other.svc.cluster.local", A, "unknown"),
        ("d.svc.cluster.local", A, ""),
        ("cluster.local", A, ""),
        (
            "_http._tcp.web.d.svc.cluster.local",
            Srv,
            "80 web.d.svc.cluster.local, web.d.svc.cluster.local 10.43.0.5",
        ),
        (
            "_dns._udp.web.d.svc.cluster.local",
            Srv,
            "53 web.d.svc.cluster.local, web.d.svc.cluster.local 10.43.0.5",
        ),
        ("_dns._tcp.web.d.svc.cluster.local", Srv, "unknown"),
        ("_http._tcp.web.d.svc.cluster.local", A, ""),
        ("_tcp.web.d.svc.cluster.local", Srv, ""),
        (
            "db.d.svc.cluster.local",
            A,
            "db.d.svc.cluster.local 10.42.0.2, db.d.svc.cluster.local 10.42.0.3",
        ),
        ("db-0.db.d.svc.cluster.local", A, "db-0.db.d.svc.cluster.local 10.42.0.2"),
        ("10-42-0-3.db.d.svc.cluster.local", A, "10-42-0-3.db.d.svc.cluster.local 10.42.0.3"),
        ("db-2.db.d.svc.cluster.local", A, "unknown"),
        (
            "_sql._tcp.db.d.svc.cluster.local",
            Srv,
            "5432 db-0.db.d.svc.cluster.local, 5432 10-42-0-3.db.d.svc.cluster.local, \
             db-0.db.d.svc.cluster.local 10.42.0.2, 10-42-0-3.db.d.svc.cluster.local 10.42.0.3",
        ),
        ("out.d.svc.cluster.local", A, "example.org"),
        ("out.d.svc.cluster.local", Other, "example.org"),
        ("10-42-0-9.d.pod.cluster.local", A, "10-42-0-9.d.pod.cluster.local 10.42.0.9"),
        ("web.d.pod.cluster.local", A, "unknown"),
        ("dns-version.cluster.local", Txt, "1.1.0"),
        ("5.0.43.10.in-addr.arpa", Ptr, "web.d.svc.cluster.local"),
        ("9.0.43.10.in-addr.arpa", Ptr, "foreign"),
        ("example.org", A, "foreign"),
        ("notcluster.local", A, "foreign"),
        ("a.b.c.web.d.svc.cluster.local", A, "unknown"),
        ("..svc.cluster.local", A, ""),
    ];
    for (name, sort, expected) in cases {
        assert_eq!(ask(name, sort), expected, "{name} {sort:?}");
    }
}

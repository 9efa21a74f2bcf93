use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;
use crate::routing::{Absence, Masquerade, Protocol};

fn service(name: &str, spec: &Value) -> (Key, Value) {
    let body = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "d"}, "spec": spec});
    (Key::new(SERVICES, "d", name), body)
}

/// Endpoints are `(last byte of the address, node, ready, serving, terminating)`.
fn slice(name: &str, service: &str, port: u16, endpoints: &[Value]) -> (Key, Value) {
    let body = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "d", "labels": {SERVICE_LABEL: service}},
        "addressType": "IPv4", "ports": [{"name": "", "port": port}], "endpoints": endpoints});
    (Key::new(ENDPOINT_SLICES, "d", name), body)
}

fn endpoint(byte: u8, node: &str, ready: bool, serving: bool, terminating: bool) -> Value {
    json!({"addresses": [format!("10.42.0.{byte}")], "nodeName": node,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating}})
}

fn world(objects: impl IntoIterator<Item = (Key, Value)>) -> World {
    let mut world = World::default();
    for (revision, (key, body)) in (1..).zip(objects) {
        world.apply(key, revision, Some(body.to_string().into()));
    }
    world
}

fn show(table: &Table) -> Vec<String> {
    let line = |(frontend, backends): (Frontend, &Arc<Backends>)| {
        let all: Vec<_> = backends.endpoints.iter().map(|e| e.address.to_string()).collect();
        format!("{frontend} -> {}", all.join(" "))
    };
    table.iter().map(line).collect()
}

#[test]
fn gives_every_frontend_its_ready_endpoints() {
    let spec = json!({"type": "NodePort", "clusterIP": "10.43.0.5", "externalIPs": ["192.0.2.7"],
        "ports": [{"port": 80, "nodePort": 30080}, {"name": "other", "port": 81}]});
    let endpoints = [
        endpoint(3, "two", true, true, false),
        endpoint(2, "one", true, true, false),
        endpoint(4, "one", false, false, false),
        endpoint(5, "one", false, true, true),
    ];
    let world = world([
        service("web", &spec),
        slice("web-1", "web", 8080, &endpoints),
        slice("web-2", "web", 8080, &endpoints[..1]),
        slice("else", "other", 8080, &[endpoint(9, "one", true, true, false)]),
    ]);
    assert_eq!(
        show(&table(&world, "one")),
        [
            "10.43.0.5:80/tcp -> 10.42.0.2:8080 10.42.0.3:8080",
            "10.43.0.5:81/tcp -> ",
            "192.0.2.7:80/tcp -> 10.42.0.2:8080 10.42.0.3:8080",
            "192.0.2.7:81/tcp -> ",
            "node:30080/tcp -> 10.42.0.2:8080 10.42.0.3:8080",
        ]
    );
}

#[test]
fn stays_near_where_all_endpoints_are_meant_for_somebody() {
    let spec = json!({"clusterIP": "10.43.0.5", "ports": [{"port": 80}]});
    let node = |name: &str, zone: &str| {
        let labels = json!({ZONE: zone});
        let body = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels}});
        (Key::new(NODES, "", name), body)
    };
    let hinted = |byte, node: &str, hints: Value| {
        let mut endpoint = endpoint(byte, node, true, true, false);
        endpoint["hints"] = hints;
        endpoint
    };
    let zone = |zone: &str| json!({"forZones": [{"name": zone}]});
    let near = |node: &str, zone: &str| json!({"forNodes": [{"name": node}], "forZones": [{"name": zone}]});
    let leads = |endpoints: &[Value], at: &str| {
        let world = world([
            service("web", &spec),
            slice("s", "web", 80, endpoints),
            node("one", "east"),
            node("two", "west"),
        ]);
        let line = show(&table(&world, at)).remove(0);
        line.split_once("-> ").unwrap().1.replace(":80", "").replace("10.42.0.", "")
    };
    let zones = [hinted(1, "x", zone("east")), hinted(2, "y", zone("west"))];
    assert_eq!(leads(&zones, "one"), "1");
    assert_eq!(leads(&zones, "two"), "2");
    assert_eq!(leads(&zones, "three"), "1 2", "of a zone that nobody knows");
    let nodes = [hinted(1, "one", near("one", "east")), hinted(2, "x", near("x", "east"))];
    assert_eq!(leads(&nodes, "one"), "1");
    assert_eq!(leads(&nodes, "two"), "1 2", "nothing is near");
    let some = [hinted(1, "one", zone("east")), endpoint(2, "two", true, true, false)];
    assert_eq!(leads(&some, "one"), "1 2", "not all are meant for somebody");
    let draining = [hinted(1, "one", zone("east")), endpoint(2, "two", false, true, true)];
    assert_eq!(leads(&draining, "one"), "1", "only ready ones count");
}

#[test]
fn a_node_that_is_moved_has_other_endpoints_near() {
    let spec = json!({"clusterIP": "10.43.0.5", "ports": [{"port": 80}]});
    let node = |zone: &str| {
        let body = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "one", "labels": {ZONE: zone}}});
        (Key::new(NODES, "", "one"), body)
    };
    let endpoints: Vec<Value> = [(1, "east"), (2, "west")]
        .into_iter()
        .map(|(byte, zone)| {
            let mut endpoint = endpoint(byte, "x", true, true, false);
            endpoint["hints"] = json!({"forZones": [{"name": zone}]});
            endpoint
        })
        .collect();
    let before = world([service("web", &spec), slice("s", "web", 80, &endpoints), node("east")]);
    let mut table = table(&before, "one");
    assert!(show(&table)[0].ends_with("-> 10.42.0.1:80"), "{:?}", show(&table));
    let mut after = before.clone();
    let (key, body) = node("west");
    after.apply(key, 9, Some(body.to_string().into()));
    table.follow(&before, &after, "one");
    assert!(show(&table)[0].ends_with("-> 10.42.0.2:80"), "{:?}", show(&table));
}

#[test]
fn keeps_to_the_traffic_policies() {
    let spec = json!({"type": "NodePort", "clusterIP": "10.43.0.5",
        "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local",
        "sessionAffinity": "ClientIP", "ports": [{"port": 80, "nodePort": 30080}]});
    let ready = |node| endpoint(2, node, true, true, false);
    let web = service("web", &spec);
    let here = table(&world([web.clone(), slice("s", "web", 80, &[ready("one")])]), "one");
    let away = table(&world([web.clone(), slice("s", "web", 80, &[ready("two")])]), "one");
    let none = table(&world([web]), "one");
    let at = |table: &Table, place| table.backends(place).unwrap().as_ref().clone();
    let (inside, outside) = (
        Frontend::new([10, 43, 0, 5].into(), Protocol::Tcp, 80),
        Frontend::on_node(Protocol::Tcp, 30080),
    );
    assert_eq!(at(&here, outside).masquerade, Masquerade::Nobody);
    assert_eq!(at(&here, inside).masquerade, Masquerade::Outsiders);
    assert!(at(&here, inside).has_affinity);
    for place in [inside, outside] {
        assert_eq!(at(&here, place).endpoints.len(), 1);
        assert_eq!(
            (at(&away, place).endpoints.len(), at(&away, place).absence),
            (0, Absence::Drop)
        );
        assert_eq!(at(&none, place).absence, Absence::Reject);
    }
}

#[test]
fn the_node_answers_before_services() {
    let spec = json!({"clusterIP": "10.43.0.1", "ports": [{"port": 443}]});
    let mut table = table(&world([service("kubernetes", &spec)]), "one");
    let frontend = Frontend::new([10, 43, 0, 1].into(), Protocol::Tcp, 443);
    let before = table.clone();
    table.answer(frontend, "169.254.42.1:6443".parse().unwrap());
    assert_eq!(show(&table), ["10.43.0.1:443/tcp -> 169.254.42.1:6443"]);
    assert_eq!(table.differences(&before).into_iter().collect::<Vec<_>>(), [frontend]);
}

fn any_service() -> impl Strategy<Value = (Key, Value)> {
    (0..3_u8, 0..3_u8, prop_oneof![Just("Local"), Just("Cluster")], 0..2_u16).prop_map(
        |(name, address, policy, port)| {
            let spec = json!({"type": "NodePort", "clusterIP": format!("10.43.0.{}", name + 1),
                "externalIPs": [format!("192.0.2.{address}")], "externalTrafficPolicy": policy,
                "ports": [{"port": 80 + port, "nodePort": 30000 + u16::from(name)}]});
            service(&format!("s{name}"), &spec)
        },
    )
}

fn any_slice() -> impl Strategy<Value = (Key, Value)> {
    let endpoint = (1..6_u8, prop_oneof![Just("one"), Just("two")], any::<(bool, bool, bool)>())
        .prop_map(|(byte, node, (ready, serving, terminating))| {
            endpoint(byte, node, ready, serving, terminating)
        });
    (0..4_u8, 0..3_u8, 80..82_u16, prop::collection::vec(endpoint, 0..4)).prop_map(
        |(name, owner, port, endpoints)| {
            slice(&format!("p{name}"), &format!("s{owner}"), port, &endpoints)
        },
    )
}

/// An object and whether it comes or goes.
fn any_steps() -> impl Strategy<Value = Vec<((Key, Value), bool)>> {
    let object = prop_oneof![any_service(), any_slice()];
    prop::collection::vec((object, prop::bool::weighted(0.8)), 0..25)
}

proptest! {
    #[test]
    fn following_changes_is_the_same_as_starting_afresh(steps in any_steps()) {
        let (mut world, mut followed) = (World::default(), Table::default());
        let (mut seldom, mut last) = (Table::default(), World::default());
        for (revision, ((key, body), is_there)) in (1..).zip(steps) {
            let body = is_there.then(|| body.to_string().into());
            let Some(change) = world.apply(key, revision, body) else { continue };
            let before = followed.clone();
            let is_new = followed.update(&world, "one", &change);
            prop_assert_eq!(is_new, before != followed);
            let afresh = table(&world, "one");
            prop_assert_eq!(&followed, &afresh);
            if revision % 3 == 0 {
                seldom.follow(&last, &world, "one");
                last = world.clone();
                prop_assert_eq!(&seldom, &afresh);
            }
            let told = followed.differences(&before);
            for (frontend, backends) in followed.iter().chain(before.iter()) {
                let differs = followed.backends(frontend) != before.backends(frontend);
                prop_assert!(!differs || told.contains(&frontend), "{frontend} {backends:?}");
            }
        }
    }

    #[test]
    fn order_of_objects_and_endpoints_does_not_matter(
        steps in any_steps(), swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..9),
    ) {
        let mut objects: BTreeMap<Key, Value> = steps.into_iter().map(|(object, _)| object).collect();
        let first = table(&world(objects.clone()), "one");
        for (_, body) in objects.iter_mut().filter(|(key, _)| &*key.kind == ENDPOINT_SLICES) {
            body["endpoints"].as_array_mut().unwrap().reverse();
        }
        let mut shuffled: Vec<_> = objects.into_iter().collect();
        let count = shuffled.len();
        for (a, b) in swaps.iter().filter(|_| count > 1) {
            shuffled.swap(a.index(count), b.index(count));
        }
        prop_assert_eq!(first, table(&world(shuffled), "one"));
    }

    #[test]
    fn only_ready_endpoints_get_connections_while_there_are_any(
        endpoints in prop::collection::vec((1..9_u8, any::<(bool, bool, bool)>()), 0..6),
    ) {
        let spec = json!({"clusterIP": "10.43.0.5", "ports": [{"port": 80}]});
        let bodies: Vec<Value> = endpoints.iter()
            .map(|(byte, (ready, serving, stop))| endpoint(*byte, "one", *ready, *serving, *stop))
            .collect();
        let world = world([service("web", &spec), slice("s", "web", 80, &bodies)]);
        let table = table(&world, "one");
        let (_, backends) = table.iter().next().unwrap();
        let chosen: BTreeSet<u8> =
            backends.endpoints.iter().map(|e| e.address.ip().octets()[3]).collect();
        let pick = |wanted: fn(&(bool, bool, bool)) -> bool| -> BTreeSet<u8> {
            endpoints.iter().filter(|(_, state)| wanted(state)).map(|(byte, _)| *byte).collect()
        };
        let ready = pick(|(ready, _, stop)| *ready && !stop);
        let stopping = pick(|(ready, serving, stop)| (*serving || *ready) && *stop);
        prop_assert_eq!(chosen, if ready.is_empty() { stopping } else { ready });
    }
}

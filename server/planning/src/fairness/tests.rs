use proptest::prelude::*;
use serde_json::{Value, json};

use super::{queues::deal, *};
use crate::access::{Attributes, MASTERS, User};

fn world(objects: &[Value]) -> World {
    let mut world = World::default();
    for (at, object) in objects.iter().enumerate() {
        let mut object = object.clone();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["metadata"]["uid"] = format!("uid-{name}").into();
        let kind = if object["kind"] == "FlowSchema" { SCHEMAS } else { LEVELS };
        let key = object::Key::new(kind, "", &name);
        world.apply(key, at as u64 + 1, Some(object.to_string().into())).unwrap();
    }
    world
}

fn wanted(verb: &str, resource: &str, namespace: &str) -> Attributes {
    let group = if resource == "leases" { "coordination.k8s.io" } else { "" };
    Attributes {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        ..Attributes::default()
    }
}

#[test]
fn the_defaults_sort_requests_as_kubernetes_does() {
    let config = Config::of(&world(&objects()), 600);
    let user = |name: &str, group: &str| User::new(name, &[group]).authenticated();
    for (user, wanted, level) in [
        (user("admin", MASTERS), wanted("create", "pods", "d"), "exempt"),
        (user("jane", "team"), wanted("create", "pods", "d"), "global-default"),
        (user("jane", "team"), Attributes::path("get", "/livez"), "exempt"),
        (user("jane", "team"), Attributes::path("get", "/version"), "global-default"),
        (User::anonymous(), wanted("list", "pods", ""), "global-default"),
        (
            user("system:node:one", "system:nodes"),
            wanted("update", "leases", "kube-node-lease"),
            "node-high",
        ),
        (user("system:node:one", "system:nodes"), wanted("list", "pods", ""), "system"),
        (User::service_account("d", "bot", "u"), wanted("get", "pods", "d"), "workload-low"),
        (
            User::service_account("kube-system", "bot", "u"),
            wanted("get", "pods", "d"),
            "workload-high",
        ),
        (
            User::service_account("kube-system", "bot", "u"),
            wanted("update", "leases", "d"),
            "leader-election",
        ),
    ] {
        let class = config.classify(&user, &wanted).unwrap();
        assert_eq!(class.level.name, level, "{user:?} {wanted}");
    }
}

/// One level with a few seats, another that lends its own.
fn small(seats: i32, queues: Value) -> Config {
    let response = match queues {
        Value::Null => json!({"type": "Reject"}),
        queuing => json!({"type": "Queue", "queuing": queuing}),
    };
    let level = |name: &str, shares: i32, lendable: i32| {
        json!({"kind": "PriorityLevelConfiguration", "metadata": {"name": name}, "spec": {"type": "Limited",
            "limited": {"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response}}})
    };
    let schema = json!({"kind": "FlowSchema", "metadata": {"name": "all"}, "spec": {
        "priorityLevelConfiguration": {"name": "work"}, "matchingPrecedence": 5, "distinguisherMethod": {"type": "ByUser"},
        "rules": [{"subjects": [{"kind": "Group", "group": {"name": "*"}}],
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": true}]}]}});
    Config::of(
        &world(&[level("idle", 10, 50), level("work", seats, 0), schema]),
        10 + seats.unsigned_abs(),
    )
}

fn class(config: &Config, user: &str) -> Class {
    config.classify(&User::new(user, &[]), &wanted("get", "pods", "d")).unwrap()
}

#[test]
fn a_level_borrows_what_another_lends_and_no_more() {
    let config = small(2, Value::Null);
    let mut gate = Gate::default();
    gate.configure(&config);
    let class = class(&config, "a");
    let ran = (0..20).filter(|_| gate.arrive(&class) == Arrival::Run).count();
    assert_eq!(ran, 2 + 5, "its own two, and half of the ten that are idle");
    assert!(gate.leave("work").is_empty());
    assert_eq!(gate.arrive(&class), Arrival::Run);
    assert_eq!(gate.arrive(&class), Arrival::Refuse);
}

#[test]
fn who_floods_does_not_starve_another() {
    let config = small(2, json!({"queues": 64, "handSize": 4, "queueLengthLimit": 10}));
    let mut gate = Gate::default();
    gate.configure(&config);
    let (flood, quiet) = (class(&config, "flood"), class(&config, "quiet"));
    let arrivals: Vec<Arrival> = (0..200).map(|_| gate.arrive(&flood)).collect();
    let waiting = arrivals.iter().filter(|one| matches!(one, Arrival::Wait(_))).count();
    assert_eq!(waiting, 40, "as much as its hand of queues holds");
    assert_eq!(arrivals.last(), Some(&Arrival::Refuse));
    let Arrival::Wait(mine) = gate.arrive(&quiet) else { panic!("it waits") };
    let position = (1..).find(|_| gate.leave("work").contains(&mine)).unwrap();
    assert!(position <= 5, "it waits for one round of the queues, not for {position} requests");
}

#[test]
fn who_gives_up_leaves_the_queue() {
    let config = small(1, json!({"queues": 1, "handSize": 1, "queueLengthLimit": 2}));
    let mut gate = Gate::default();
    gate.configure(&config);
    let class = class(&config, "a");
    while gate.arrive(&class) == Arrival::Run {}
    let Arrival::Wait(second) = gate.arrive(&class) else { panic!("it waits") };
    assert_eq!(gate.arrive(&class), Arrival::Refuse, "the queue is full");
    assert!(gate.give_up("work", second));
    assert!(!gate.give_up("work", second));
    assert!(matches!(gate.arrive(&class), Arrival::Wait(_)));
}

#[test]
fn what_waited_at_a_level_that_goes_runs() {
    let config = small(1, json!({"queues": 1, "handSize": 1, "queueLengthLimit": 9}));
    let mut gate = Gate::default();
    gate.configure(&config);
    let class = class(&config, "a");
    while gate.arrive(&class) == Arrival::Run {}
    assert_eq!(gate.configure(&Config::default()).len(), 1);
    assert_eq!(gate.arrive(&class), Arrival::Run, "nothing is limited that is not configured");
}

#[test]
fn what_an_operator_took_over_stays() {
    let ours = objects().into_iter().find(|one| one["metadata"]["name"] == "workload-low").unwrap();
    let mut theirs = ours.clone();
    theirs["spec"]["limited"]["nominalConcurrencyShares"] = 7.into();
    assert_eq!(renewed(&theirs, ours.clone()), Some(ours.clone()), "marked as ours");
    theirs["metadata"]["annotations"] = json!({"apf.kubernetes.io/autoupdate-spec": "false"});
    assert_eq!(renewed(&theirs, ours.clone()), None);
    assert_eq!(renewed(&ours, ours.clone()), None, "nothing to do");
}

proptest! {
    #[test]
    fn a_hand_has_different_queues(hash: u64, count in 1..200_usize, hand in 1..10_usize) {
        let dealt = deal(hash, count, hand);
        let mut sorted = dealt.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), hand.min(count));
        prop_assert!(dealt.iter().all(|at| *at < count));
    }
}

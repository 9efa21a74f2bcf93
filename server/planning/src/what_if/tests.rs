use serde_json::{Value, json};

use super::*;
use crate::testing::Lab;

fn node(name: &str, cpu: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {},
        "status": {"allocatable": {"cpu": cpu, "memory": "4Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-of-{name}"),
        "controller": true}])
}

fn replica_set(name: &str, deployment: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name,
        "namespace": "d", "ownerReferences": owner("Deployment", deployment)}, "spec": {}})
}

fn pod(name: &str, on: &str, cpu: &str, owners: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "ownerReferences": owners},
        "spec": {"nodeName": on, "containers": [{"name": "c",
            "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running"}})
}

/// One line for an app, one for each pod that it loses.
fn told(objects: impl IntoIterator<Item = Value>, lost: &[&str]) -> String {
    let lab = Lab::with(objects);
    let status = lose(&lab.world, &lost.iter().map(|name| Arc::from(*name)).collect());
    let mut lines = Vec::new();
    for app in status.apps {
        let down = if app.interrupted { ", down meanwhile" } else { "" };
        lines.push(format!(
            "{} {}: {}, {} of {} left{down}",
            app.kind, app.name, app.outcome, app.remaining, app.pods
        ));
        for pod in app.lost {
            let to = pod.to.map(|to| format!(" to {to}")).unwrap_or_default();
            let why = if pod.preempted { " (gives way)" } else { "" };
            lines.push(format!("  {} {}{to}{why} {}", pod.name, pod.outcome, pod.message));
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

#[test]
fn pods_move_to_where_there_is_room() {
    let web = || owner("ReplicaSet", "web-1");
    let objects = [
        node("a", "2"),
        node("b", "2"),
        replica_set("web-1", "web"),
        pod("w1", "a", "1", web()),
        pod("w2", "b", "1", web()),
    ];
    assert_eq!(told(objects, &["a"]), "Deployment web: Moves, 1 of 2 left\n  w1 Moves to b");
}

#[test]
fn what_has_no_room_left_stops_or_is_degraded() {
    let objects = [
        node("a", "3"),
        node("b", "1"),
        replica_set("big-1", "big"),
        replica_set("web-1", "web"),
        pod("big", "a", "2", owner("ReplicaSet", "big-1")),
        pod("w1", "a", "1", owner("ReplicaSet", "web-1")),
        pod("w2", "b", "1", owner("ReplicaSet", "web-1")),
    ];
    assert_eq!(
        told(objects, &["a"]),
        "Deployment big: Stops, 0 of 1 left\n  \
         big NoCapacity 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are \
         available: 1 Preemption is not helpful for scheduling.\n\
         Deployment web: Degraded, 1 of 2 left\n  \
         w1 NoCapacity 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are \
         available: 1 No preemption victims found for incoming pod."
    );
}

#[test]
fn the_only_pod_is_down_until_it_has_moved() {
    let objects = [
        node("a", "2"),
        node("b", "2"),
        replica_set("one-1", "one"),
        pod("o", "a", "1", owner("ReplicaSet", "one-1")),
    ];
    assert_eq!(
        told(objects, &["a"]),
        "Deployment one: Moves, 0 of 1 left, down meanwhile\n  o Moves to b"
    );
}

#[test]
fn nobody_replaces_a_bare_pod_and_a_daemon_stays_with_its_host() {
    let objects = [
        node("a", "2"),
        node("b", "2"),
        pod("bare", "a", "1", json!([])),
        pod("agent-a", "a", "1", owner("DaemonSet", "agent")),
        pod("agent-b", "b", "1", owner("DaemonSet", "agent")),
    ];
    assert_eq!(
        told(objects, &["a"]),
        "DaemonSet agent: Unaffected, 1 of 2 left\n  agent-a HostBound\n\
         Pod bare: Stops, 0 of 1 left\n  bare NotReplaced"
    );
}

#[test]
fn a_local_volume_holds_its_pod() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "d",
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": "v", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"claimRef": {"namespace": "d", "name": "data"}, "nodeAffinity": {"required": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname",
                "operator": "In", "values": ["a"]}]}]}}}});
    let mut db = pod("db-0", "a", "1", owner("StatefulSet", "db"));
    db["spec"]["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
    let said = told([node("a", "2"), node("b", "2"), claim, volume, db], &["a"]);
    assert!(
        said.starts_with("StatefulSet db: Stops, 0 of 1 left\n  db-0 LocalVolume 0/1 nodes are"),
        "{said}"
    );
}

#[test]
fn the_less_important_gives_way() {
    let important = |mut pod: Value| {
        pod["spec"]["priority"] = 1000.into();
        pod
    };
    let objects = [
        node("a", "2"),
        node("b", "2"),
        replica_set("low-1", "low"),
        replica_set("high-1", "high"),
        important(pod("h", "a", "2", owner("ReplicaSet", "high-1"))),
        pod("l", "b", "2", owner("ReplicaSet", "low-1")),
    ];
    let said = told(objects, &["a"]);
    assert!(
        said.contains("Deployment high: Moves, 0 of 1 left, down meanwhile\n  h Moves to b"),
        "{said}"
    );
    assert!(
        said.contains("Deployment low: Stops, 0 of 1 left\n  l NoCapacity (gives way)"),
        "{said}"
    );
}

#[test]
fn all_hosts_at_once_leave_nothing() {
    let objects =
        [node("a", "2"), replica_set("w-1", "w"), pod("p", "a", "1", owner("ReplicaSet", "w-1"))];
    let said = told(objects, &["a"]);
    assert!(said.ends_with("p NoCapacity no nodes available to schedule pods"), "{said}");
    assert_eq!(told([node("a", "2")], &["a"]), "");
}

//! What `kubectl get` prints of each kind, wide columns behind a bar.

use serde_json::{Value, json};

/// One row, five minutes after its object was made.
fn row(kind: &str, fields: Value) -> String {
    let def = crate::find(kind).unwrap();
    let mut body = json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}});
    for (field, value) in fields.as_object().unwrap() {
        match (field.as_str(), value) {
            ("metadata", Value::Object(more)) => {
                body["metadata"].as_object_mut().unwrap().extend(more.clone());
            }
            _ => body[field] = value.clone(),
        }
    }
    let object = def.codec.decode_value(body).unwrap();
    let cells = object.cells("2026-01-01T00:05:00Z".parse().unwrap());
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    let of = |priority: i32| {
        let shown = def.columns.iter().zip(&cells).filter(|(c, _)| c.priority == priority);
        shown.map(|(_, cell)| text(cell)).collect::<Vec<_>>().join(" ")
    };
    let (narrow, wide) = (of(0), of(1));
    if wide.is_empty() { narrow } else { format!("{narrow} | {wide}") }
}

fn headers(kind: &str) -> String {
    let names: Vec<&str> = crate::find(kind).unwrap().columns.iter().map(|c| &*c.name).collect();
    names.join(",")
}

#[test]
fn columns_are_those_of_kubernetes() {
    for (kind, expected) in [
        ("pods", "Name,Ready,Status,Restarts,Age,IP,Node,Nominated Node,Readiness Gates"),
        ("deployments.apps", "Name,Ready,Up-to-date,Available,Age,Containers,Images,Selector"),
        ("replicasets.apps", "Name,Desired,Current,Ready,Age,Containers,Images,Selector"),
        ("services", "Name,Type,Cluster-IP,External-IP,Port(s),Age,Selector"),
        (
            "nodes",
            "Name,Status,Roles,Age,Version,Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime",
        ),
        ("events", "Last Seen,Type,Reason,Object,Subobject,Source,Message,First Seen,Count,Name"),
        ("namespaces", "Name,Status,Age"),
        ("secrets", "Name,Type,Data,Age"),
        ("configmaps", "Name,Data,Age"),
        ("roles.rbac.authorization.k8s.io", "Name,Created At"),
        ("rolebindings.rbac.authorization.k8s.io", "Name,Role,Age,Users,Groups,ServiceAccounts"),
        ("endpointslices.discovery.k8s.io", "Name,AddressType,Ports,Endpoints,Age"),
        ("leases.coordination.k8s.io", "Name,Holder,Age"),
    ] {
        assert_eq!(headers(kind), expected, "{kind}");
    }
}

#[test]
fn rows_of_workloads() {
    let spec = json!({
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}},
    });
    for (kind, status, expected) in [
        (
            "deployments.apps",
            json!({"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}),
            "a 2/3 3 1 5m | a,b x:1,y app=web",
        ),
        (
            "replicasets.apps",
            json!({"replicas": 3, "readyReplicas": 2}),
            "a 3 3 2 5m | a,b x:1,y app=web",
        ),
    ] {
        assert_eq!(row(kind, json!({"spec": spec, "status": status})), expected);
    }
}

#[test]
fn rows_of_services() {
    for (spec, expected) in [
        (
            json!({"type": "ClusterIP", "clusterIP": "10.43.0.1", "ports": [{"port": 443, "protocol": "TCP"}]}),
            "a ClusterIP 10.43.0.1 <none> 443/TCP 5m | <none>",
        ),
        (
            json!({"type": "NodePort", "clusterIP": "10.43.0.1", "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}], "selector": {"app": "web", "a": "b"}}),
            "a NodePort 10.43.0.1 <none> 80:30080/TCP,53/UDP 5m | a=b,app=web",
        ),
        (
            json!({"type": "LoadBalancer", "clusterIP": "10.43.0.1", "ports": []}),
            "a LoadBalancer 10.43.0.1 <pending> <none> 5m | <none>",
        ),
        (
            json!({"type": "ExternalName", "externalName": "a.b"}),
            "a ExternalName <none> a.b <none> 5m | <none>",
        ),
    ] {
        assert_eq!(row("services", json!({"spec": spec})), expected, "{spec}");
    }
}

#[test]
fn rows_of_nodes() {
    let status = json!({
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {"kubeletVersion": "v1.37.0", "osImage": "Debian", "kernelVersion": "6.1", "containerRuntimeVersion": "docker://27",
            "architecture": "", "bootID": "", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "systemUUID": ""},
    });
    let labels = json!({"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "db", "x": "y"}});
    assert_eq!(
        row(
            "nodes",
            json!({"metadata": labels, "spec": {"unschedulable": true}, "status": status})
        ),
        "a Ready,SchedulingDisabled db,worker 5m v1.37.0 | 10.0.0.1 <none> Debian 6.1 docker://27"
    );
    let lost = json!({"conditions": [{"type": "Ready", "status": "Unknown"}]});
    assert_eq!(
        row("nodes", json!({"status": lost})),
        "a NotReady <none> 5m  | <none> <none> <unknown> <unknown> <unknown>"
    );
}

#[test]
fn rows_of_events() {
    let event = |times: Value| {
        let mut fields = json!({
            "type": "Warning", "reason": "BackOff", "message": " again\n", "reportingComponent": "agent",
            "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
        });
        fields.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        row("events", fields)
    };
    assert_eq!(
        event(
            json!({"count": 4, "firstTimestamp": "2026-01-01T00:01:00Z", "lastTimestamp": "2026-01-01T00:04:00Z"})
        ),
        "60s Warning BackOff pod/web again | spec.containers{a} agent 4m 4 a"
    );
    assert_eq!(
        event(
            json!({"eventTime": "2026-01-01T00:01:00.5Z", "series": {"count": 9, "lastObservedTime": "2026-01-01T00:04:50.0Z"}})
        ),
        "10s Warning BackOff pod/web again | spec.containers{a} agent 4m 9 a"
    );
    assert_eq!(
        event(json!({})),
        "<unknown> Warning BackOff pod/web again | spec.containers{a} agent <unknown> 1 a"
    );
}

#[test]
fn rows_of_the_rest() {
    let subjects = json!([
        {"kind": "User", "name": "x"}, {"kind": "Group", "name": "g"},
        {"kind": "ServiceAccount", "name": "bot", "namespace": "d"}, {"kind": "User", "name": "y"},
    ]);
    let addresses: Vec<Value> = (1..=4).map(|n| json!({"ip": format!("10.42.0.{n}")})).collect();
    let endpoints: Vec<Value> =
        (1..=2).map(|n| json!({"addresses": [format!("10.42.0.{n}")]})).collect();
    for (kind, fields, expected) in [
        ("namespaces", json!({"status": {"phase": "Active"}}), "a Active 5m"),
        ("secrets", json!({"type": "Opaque", "data": {"a": ""}}), "a Opaque 1 5m"),
        ("configmaps", json!({"data": {"a": ""}, "binaryData": {"b": ""}}), "a 2 5m"),
        ("roles.rbac.authorization.k8s.io", json!({}), "a 2026-01-01T00:00:00Z"),
        (
            "rolebindings.rbac.authorization.k8s.io",
            json!({"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": subjects}),
            "a ClusterRole/view 5m | x, y g d/bot",
        ),
        (
            "endpoints",
            json!({"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]}),
            "a 10.42.0.1:80,10.42.0.2:80,10.42.0.3:80 + 1 more... 5m",
        ),
        ("endpoints", json!({}), "a <none> 5m"),
        (
            "endpointslices.discovery.k8s.io",
            json!({"addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 80}]}),
            "a IPv4 80 10.42.0.1,10.42.0.2 5m",
        ),
        (
            "endpointslices.discovery.k8s.io",
            json!({"addressType": "IPv4"}),
            "a IPv4 <unset> <unset> 5m",
        ),
        ("leases.coordination.k8s.io", json!({"spec": {"holderIdentity": "one"}}), "a one 5m"),
        (
            "ipaddresses.networking.k8s.io",
            json!({"spec": {"parentRef": {"group": "", "resource": "services", "namespace": "d", "name": "web"}}}),
            "a services/d/web",
        ),
        (
            "hosts.longshore.dev",
            json!({"spec": {"docker": "unix:///x"}, "status": {"phase": "Ready", "node": "one"}}),
            "a Ready one unix:///x 5m | <none> <none>",
        ),
    ] {
        assert_eq!(row(kind, fields), expected, "{kind}");
    }
}

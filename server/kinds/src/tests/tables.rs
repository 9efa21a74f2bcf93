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

#[test]
fn columns_of_the_further_kinds_are_those_of_kubernetes() {
    for (kind, expected) in [
        ("replicationcontrollers", "Name,Desired,Current,Ready,Age,Containers,Images,Selector"),
        ("podtemplates", "Name,Containers,Images,Pod Labels"),
        ("resourcequotas", "Name,Request,Limit,Age"),
        (
            "persistentvolumes",
            "Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age,VolumeMode",
        ),
        (
            "persistentvolumeclaims",
            "Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age,VolumeMode",
        ),
        ("statefulsets.apps", "Name,Ready,Age,Containers,Images"),
        (
            "daemonsets.apps",
            "Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age,Containers,Images,Selector",
        ),
        ("jobs.batch", "Name,Status,Completions,Duration,Age,Containers,Images,Selector"),
        (
            "cronjobs.batch",
            "Name,Schedule,Timezone,Suspend,Active,Last Schedule,Age,Containers,Images,Selector",
        ),
        (
            "horizontalpodautoscalers.autoscaling",
            "Name,Reference,Targets,MinPods,MaxPods,Replicas,Age",
        ),
        (
            "poddisruptionbudgets.policy",
            "Name,Min Available,Max Unavailable,Allowed Disruptions,Age",
        ),
        ("ingresses.networking.k8s.io", "Name,Class,Hosts,Address,Ports,Age"),
        (
            "certificatesigningrequests.certificates.k8s.io",
            "Name,Age,SignerName,Requestor,RequestedDuration,Condition",
        ),
        (
            "storageclasses.storage.k8s.io",
            "Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age",
        ),
        ("customresourcedefinitions.apiextensions.k8s.io", "Name,Created At"),
        ("apiservices.apiregistration.k8s.io", "Name,Service,Available,Age"),
        (
            "flowschemas.flowcontrol.apiserver.k8s.io",
            "Name,PriorityLevel,MatchingPrecedence,DistinguisherMethod,Age,MissingPL",
        ),
    ] {
        assert_eq!(headers(kind), expected, "{kind}");
    }
}

#[test]
fn rows_of_jobs_and_sets() {
    let template = json!({"spec": {"containers": [{"name": "a", "image": "x:1"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let job = |spec: Value, status: Value| {
        let mut spec = spec;
        spec["template"] = template.clone();
        row("jobs.batch", json!({"spec": spec, "status": status}))
    };
    let times = json!({"succeeded": 1, "startTime": "2026-01-01T00:04:00Z"});
    assert_eq!(job(json!({"completions": 3}), times), "a Running 1/3 60s 5m | a x:1 <none>");
    let done = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}],
        "startTime": "2026-01-01T00:01:00Z", "completionTime": "2026-01-01T00:01:05Z"});
    assert_eq!(job(json!({"parallelism": 4}), done), "a Complete 1/1 of 4 5s 5m | a x:1 <none>");
    let suspended = json!({"conditions": [{"type": "Suspended", "status": "True"}]});
    assert_eq!(job(json!({"completions": 1}), suspended), "a Suspended 0/1  5m | a x:1 <none>");
    for (kind, spec, status, expected) in [
        (
            "statefulsets.apps",
            json!({"replicas": 3}),
            json!({"replicas": 3, "readyReplicas": 2}),
            "a 2/3 5m | a x:1",
        ),
        (
            "daemonsets.apps",
            json!({}),
            json!({"desiredNumberScheduled": 4, "currentNumberScheduled": 3, "numberReady": 2, "numberMisscheduled": 0, "updatedNumberScheduled": 1}),
            "a 4 3 2 1 0 <none> 5m | a x:1 app=web",
        ),
    ] {
        let mut spec = spec;
        spec["template"] = template.clone();
        spec["selector"] = selector.clone();
        assert_eq!(row(kind, json!({"spec": spec, "status": status})), expected, "{kind}");
    }
    let cron = json!({"schedule": "@daily", "suspend": false, "jobTemplate": {"spec": {"template": template}}});
    let active = json!({"active": [{}], "lastScheduleTime": "2026-01-01T00:00:00Z"});
    assert_eq!(
        row("cronjobs.batch", json!({"spec": cron, "status": active})),
        "a @daily <none> False 1 5m 5m | a x:1 <none>"
    );
}

#[test]
fn rows_of_the_further_kinds() {
    let storage = json!({"storage": "1Gi"});
    let modes = json!(["ReadWriteMany", "ReadWriteOnce"]);
    let metrics = json!([
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
        {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}}},
        {"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "30"}}},
    ]);
    let target = json!({"kind": "Deployment", "name": "web"});
    let paths = json!({"paths": [{"pathType": "Prefix", "backend": {}}]});
    for (kind, fields, expected) in [
        (
            "persistentvolumes",
            json!({"spec": {"capacity": storage, "accessModes": modes, "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "d", "name": "c"}, "volumeMode": "Block"}, "status": {"phase": "Bound"}}),
            "a 1Gi RWO,RWX Retain Bound d/c  <unset>  5m | Block",
        ),
        (
            "persistentvolumeclaims",
            json!({"spec": {"volumeName": "v", "storageClassName": "s"},
                "status": {"phase": "Bound", "capacity": storage, "accessModes": modes}}),
            "a Bound v 1Gi RWO,RWX s <unset> 5m | <unset>",
        ),
        (
            "persistentvolumeclaims",
            json!({"spec": {}, "status": {"phase": "Pending"}}),
            "a Pending     <unset> 5m | <unset>",
        ),
        (
            "resourcequotas",
            json!({"status": {"hard": {"pods": "5", "limits.cpu": "2"}, "used": {"pods": "1"}}}),
            "a pods: 1/5 limits.cpu: 0/2 5m",
        ),
        (
            "horizontalpodautoscalers.autoscaling",
            json!({"spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9, "metrics": metrics},
                "status": {"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 41}}}]}}),
            "a Deployment/web cpu: 41%/80%, <unknown>/10 + 1 more... 1 9 2 5m",
        ),
        (
            "poddisruptionbudgets.policy",
            json!({"spec": {"maxUnavailable": "30%"}, "status": {"disruptionsAllowed": 2}}),
            "a N/A 30% 2 5m",
        ),
        (
            "ingresses.networking.k8s.io",
            json!({"spec": {"rules": [{"host": "a.b", "http": paths}, {"http": paths}], "tls": [{}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "h"}]}}}),
            "a <none> a.b 1.2.3.4,h 80, 443 5m",
        ),
        (
            "certificatesigningrequests.certificates.k8s.io",
            json!({"spec": {"request": "", "signerName": "x.y/z", "username": "me", "expirationSeconds": 3600},
                "status": {"certificate": "YQ==", "conditions": [{"type": "Approved", "status": "True"}]}}),
            "a 5m x.y/z me 60m Approved,Issued",
        ),
        (
            "storageclasses.storage.k8s.io",
            json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"}),
            "a (default) p Delete Immediate false 5m",
        ),
        (
            "apiservices.apiregistration.k8s.io",
            json!({"spec": {"groupPriorityMinimum": 1, "versionPriority": 1, "service": {"namespace": "n", "name": "s"}},
                "status": {"conditions": [{"type": "Available", "status": "False", "reason": "NoEndpoints"}]}}),
            "a n/s False (NoEndpoints) 5m",
        ),
        (
            "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            json!({"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Queue", "queuing": {"queues": 64}}}}}),
            "a Limited 5 64 <none> <none> 5m",
        ),
        ("resourceclaims.resource.k8s.io", json!({"spec": {}}), "a pending 5m"),
        (
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
            json!({"spec": {"policyName": "p", "validationActions": [], "paramRef": {"name": "x", "namespace": "n"}}}),
            "a p n/x 5m",
        ),
    ] {
        assert_eq!(row(kind, fields), expected, "{kind}");
    }
}

//! Behaviours of Kubernetes' conformance suite that controllers decide, one test for each, named
//! after it. `tests/conformance.md` lists them.

use object::Key;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, key, text},
    deployment, rolled_out, service,
};

const DEPLOYMENTS: &str = "deployments.apps";
const SETS: &str = "replicasets.apps";
const CONTROLLERS: &str = "replicationcontrollers";

fn pod(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": "x"}], "terminationGracePeriodSeconds": 1}})
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn owner(kind: &str, api_version: &str, object: &Value, blocks: bool) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"], "blockOwnerDeletion": blocks})
}

/// Conformance: [sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning [Conformance]
#[tokio::test]
async fn garbage_collector_deletes_rs_created_by_deployment_when_not_orphaning() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(deployment("web", 2, "x")).await;
    rolled_out(&bench, "web", 2).await;
    bench.delete_with(&key(DEPLOYMENTS, "default", "web"), "Background").await;
    for kind in [DEPLOYMENTS, SETS, "pods"] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

/// Conformance: [sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]
#[tokio::test]
async fn garbage_collector_orphans_rs_created_by_deployment_when_asked() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(deployment("web", 2, "x")).await;
    rolled_out(&bench, "web", 2).await;
    bench.delete_with(&key(DEPLOYMENTS, "default", "web"), "Orphan").await;
    bench.until(DEPLOYMENTS, |all| all.is_empty()).await;
    bench
        .until(SETS, |all| {
            all.len() == 1 && all.values().all(|set| set["metadata"]["ownerReferences"].is_null())
        })
        .await;
    // The collector has seen the deployment go when it has collected what hung on it.
    let mut left = pod("default", "left");
    left["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "gone"}]);
    bench.create(left).await;
    bench.until("pods", |all| !all.contains_key(&key("pods", "default", "left"))).await;
    assert_eq!(bench.list(SETS).await.len(), 1);
}

/// A replication controller whose pods run.
async fn running_controller(bench: &Bench, replicas: usize) {
    bench.agent("one").await;
    bench
        .create(json!({"apiVersion": "v1", "kind": "ReplicationController",
            "metadata": {"name": "simpletest.rc", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"test": "gc"}, "template": {
                "metadata": {"labels": {"test": "gc"}},
                "spec": {"terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "c", "image": "x"}]}}}}))
        .await;
    bench
        .until("pods", |all| {
            all.len() == replicas && all.values().all(|pod| pod["status"]["phase"] == "Running")
        })
        .await;
}

fn simpletest() -> Key {
    key(CONTROLLERS, "default", "simpletest.rc")
}

/// Conformance: [sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning [Conformance]
#[tokio::test]
async fn garbage_collector_deletes_pods_created_by_rc_when_not_orphaning() {
    let bench = Bench::start().await;
    running_controller(&bench, 2).await;
    bench.delete_with(&simpletest(), "Background").await;
    for kind in [CONTROLLERS, "pods"] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

/// Conformance: [sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Conformance] [Serial]
#[tokio::test]
async fn garbage_collector_keeps_the_rc_until_its_pods_are_gone_when_asked() {
    let bench = Bench::start().await;
    running_controller(&bench, 10).await;
    // One pod is held, so that the controller can be seen to wait for it.
    let pods = bench.list("pods").await;
    let held = key("pods", "default", text(&pods[0]["metadata"]["name"]));
    let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    bench.patch(&held, "", hold(json!(["example.com/hold"]))).await;
    bench.delete_with(&simpletest(), "Foreground").await;
    bench.until("pods", |all| all.keys().eq([&held])).await;
    let waiting = bench.get(&simpletest()).await;
    assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(waiting["metadata"]["deletionTimestamp"].is_string(), "{waiting}");
    bench.patch(&held, "", hold(Value::Null)).await;
    for kind in ["pods", CONTROLLERS] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

/// Conformance: [sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Conformance] [Serial]
#[tokio::test]
async fn garbage_collector_orphans_pods_created_by_rc_when_asked() {
    let bench = Bench::start().await;
    running_controller(&bench, 10).await;
    bench.delete_with(&simpletest(), "Orphan").await;
    bench.until(CONTROLLERS, |all| all.is_empty()).await;
    // The collector has seen the controller go when it has collected what hung on it.
    let mut left = pod("default", "left");
    left["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1",
        "kind": "ReplicationController", "name": "simpletest.rc", "uid": "gone"}]);
    bench.create(left).await;
    bench.until("pods", |all| !all.contains_key(&key("pods", "default", "left"))).await;
    let pods = bench.list("pods").await;
    assert_eq!(pods.len(), 10);
    for pod in pods {
        let metadata = &pod["metadata"];
        assert!(metadata["deletionTimestamp"].is_null(), "{metadata}");
        assert!(metadata["ownerReferences"].is_null(), "{metadata}");
    }
}

/// Conformance: [sig-cli] Kubectl client Update Demo should create and stop a replication controller [Conformance]
#[tokio::test]
async fn a_replication_controller_is_created_and_stopped() {
    let bench = Bench::start().await;
    running_controller(&bench, 2).await;
    bench
        .until(CONTROLLERS, |all| all.values().all(|one| one["status"]["readyReplicas"] == 2))
        .await;
    // As `kubectl delete --grace-period=0 --force` does.
    bench.delete_with(&simpletest(), "Background").await;
    for kind in [CONTROLLERS, "pods"] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

/// Conformance: [sig-cli] Kubectl client Update Demo should scale a replication controller [Conformance]
#[tokio::test]
async fn a_replication_controller_is_scaled() {
    let bench = Bench::start().await;
    running_controller(&bench, 2).await;
    for replicas in [1_usize, 2] {
        let patch = json!({"spec": {"replicas": replicas}});
        bench.patch(&simpletest(), "scale", patch).await;
        bench
            .until("pods", |all| {
                let running = |pod: &&Value| pod["status"]["phase"] == "Running";
                all.len() == replicas && all.values().filter(running).count() == replicas
            })
            .await;
        bench
            .until(CONTROLLERS, |all| {
                all.values().all(|one| one["status"]["readyReplicas"] == replicas)
            })
            .await;
    }
}

/// Conformance: [sig-api-machinery] Garbage collector should not be blocked by dependency circle [Conformance]
#[tokio::test]
async fn garbage_collector_is_not_blocked_by_dependency_circle() {
    let bench = Bench::start().await;
    let names = ["pod1", "pod2", "pod3"];
    for name in names {
        bench.create(pod("default", name)).await;
    }
    for (name, of) in [("pod1", "pod3"), ("pod2", "pod1"), ("pod3", "pod2")] {
        let owning = bench.get(&key("pods", "default", of)).await;
        let references = json!([owner("Pod", "v1", &owning, true)]);
        let patch = json!({"metadata": {"ownerReferences": references}});
        bench.patch(&key("pods", "default", name), "", patch).await;
    }
    bench.delete_with(&key("pods", "default", "pod1"), "Foreground").await;
    bench.until("pods", |all| all.is_empty()).await;
}

/// Conformance: [sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial] [Conformance]
#[tokio::test]
async fn garbage_collector_keeps_dependents_that_have_another_valid_owner() {
    let bench = Bench::start().await;
    let map = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"}})
    };
    let maps = |name: &str| key("configmaps", "default", name);
    for name in ["leaving", "staying"] {
        bench.create(map(name)).await;
    }
    let leaving = bench.get(&maps("leaving")).await;
    let staying = bench.get(&maps("staying")).await;
    let first = owner("ConfigMap", "v1", &leaving, true);
    let second = owner("ConfigMap", "v1", &staying, false);
    for (name, owners) in [("shared", json!([first, second])), ("own", json!([first]))] {
        let mut dependent = map(name);
        dependent["metadata"]["ownerReferences"] = owners;
        bench.create(dependent).await;
    }
    bench.delete_with(&maps("leaving"), "Foreground").await;
    bench.until("configmaps", |all| !all.contains_key(&maps("leaving"))).await;
    assert!(!bench.list("configmaps").await.iter().any(|map| map["metadata"]["name"] == "own"));
    let shared = bench.get(&maps("shared")).await;
    let left = shared["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((left.len(), &left[0]["name"]), (1, &json!("staying")));
    assert!(shared["metadata"]["deletionTimestamp"].is_null());
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted [Conformance]
#[tokio::test]
async fn all_pods_are_removed_when_a_namespace_is_deleted() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(namespace("team")).await;
    bench.create(pod("team", "test-pod")).await;
    bench.until("pods", |all| all.values().any(|pod| pod["status"]["phase"] == "Running")).await;
    let team = key("namespaces", "", "team");
    bench.delete(&team).await;
    bench.until("namespaces", |all| !all.contains_key(&team)).await;
    assert!(bench.list("pods").await.is_empty());
    bench.create(namespace("team")).await;
    assert!(bench.list("pods").await.is_empty(), "a namespace of the same name begins empty");
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should ensure that all services are removed when a namespace is deleted [Conformance]
#[tokio::test]
async fn all_services_are_removed_when_a_namespace_is_deleted() {
    let bench = Bench::start().await;
    bench.create(namespace("team")).await;
    let mut test = service("test-service");
    test["metadata"]["namespace"] = "team".into();
    bench.create(test).await;
    let team = key("namespaces", "", "team");
    bench.delete(&team).await;
    bench.until("namespaces", |all| !all.contains_key(&team)).await;
    assert!(bench.list("services").await.iter().all(|s| s["metadata"]["namespace"] != "team"));
}

/// Conformance: [sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace [Conformance]
#[tokio::test]
async fn a_finalizer_is_applied_to_a_namespace() {
    let bench = Bench::start().await;
    bench.create(namespace("team")).await;
    let team = key("namespaces", "", "team");
    let fake = json!({"spec": {"finalizers": ["kubernetes", "e2e.example.com/fake"]}});
    bench.patch(&team, "finalize", fake).await;
    assert_eq!(bench.get(&team).await["spec"]["finalizers"][1], "e2e.example.com/fake");
    bench.delete(&team).await;
    bench
        .until("namespaces", |all| {
            let found = &all[&team];
            found["status"]["phase"] == "Terminating"
                && found["spec"]["finalizers"] == json!(["e2e.example.com/fake"])
        })
        .await;
    bench.patch(&team, "finalize", json!({"spec": {"finalizers": []}})).await;
    bench.until("namespaces", |all| !all.contains_key(&team)).await;
}

/// Conformance: [sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first [Conformance]
#[tokio::test]
async fn namespace_deletion_deletes_pods_first() {
    let bench = Bench::start().await;
    bench.create(namespace("team")).await;
    let mut held = pod("team", "held");
    held["metadata"]["finalizers"] = json!(["e2e.example.com/finalizer"]);
    bench.create(held).await;
    let map = key("configmaps", "team", "kept");
    bench
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "kept", "namespace": "team"}}))
        .await;
    let team = key("namespaces", "", "team");
    bench.delete(&team).await;
    let held = key("pods", "team", "held");
    bench
        .until("pods", |all| {
            all.get(&held).is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null())
        })
        .await;
    bench
        .until("namespaces", |all| {
            let conditions = all[&team]["status"]["conditions"].as_array();
            conditions.into_iter().flatten().any(|condition| {
                condition["type"] == "NamespaceContentRemaining" && condition["status"] == "True"
            })
        })
        .await;
    let kept = bench.get(&map).await;
    assert!(kept["metadata"]["deletionTimestamp"].is_null(), "what pods use outlives them");
    bench.patch(&held, "", json!({"metadata": {"finalizers": null}})).await;
    bench.until("namespaces", |all| !all.contains_key(&team)).await;
}

/// Conformance: [sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods [Conformance]
#[tokio::test]
async fn endpoint_slices_come_and_go_with_a_service_that_matches_no_pods() {
    let bench = Bench::start().await;
    bench.create(service("empty")).await;
    let slices = "endpointslices.discovery.k8s.io";
    let is_empty = |slice: &Value| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == "empty"
            && slice["endpoints"].as_array().is_none_or(Vec::is_empty)
    };
    bench.until(slices, |all| all.len() == 1 && all.values().all(is_empty)).await;
    bench.delete(&key("services", "default", "empty")).await;
    bench.until(slices, |all| all.is_empty()).await;
}

/// Conformance: [sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods [Conformance]
#[tokio::test]
async fn endpoints_come_and_go_with_a_service_that_matches_no_pods() {
    let bench = Bench::start().await;
    bench.create(service("empty")).await;
    bench
        .until("endpoints", |all| {
            all.len() == 1
                && all.values().all(|e| e["subsets"].as_array().is_none_or(Vec::is_empty))
        })
        .await;
    bench.delete(&key("services", "default", "empty")).await;
    bench.until("endpoints", |all| all.is_empty()).await;
}

/// Conformance: [sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]
#[tokio::test]
async fn custom_endpoints_are_mirrored_through_create_update_and_delete() {
    let bench = Bench::start().await;
    let mut custom = service("custom");
    custom["spec"].as_object_mut().unwrap().remove("selector");
    bench.create(custom).await;
    let subsets = |ip: &str, port: u16| json!([{"addresses": [{"ip": ip}], "ports": [{"port": port, "protocol": "TCP"}]}]);
    bench
        .create(json!({"apiVersion": "v1", "kind": "Endpoints",
            "metadata": {"name": "custom", "namespace": "default"},
            "subsets": subsets("10.1.2.3", 80)}))
        .await;
    let mirrored = async |ip: &str, port: u16| {
        bench
            .until("endpointslices.discovery.k8s.io", |all| {
                all.len() == 1
                    && all.values().all(|slice| {
                        let labels = &slice["metadata"]["labels"];
                        let manager = text(&labels["endpointslice.kubernetes.io/managed-by"]);
                        manager == "endpointslicemirroring-controller.k8s.io"
                            && slice["endpoints"][0]["addresses"] == json!([ip])
                            && slice["ports"][0]["port"] == port
                    })
            })
            .await;
    };
    mirrored("10.1.2.3", 80).await;
    let own = key("endpoints", "default", "custom");
    bench.patch(&own, "", json!({"subsets": subsets("10.2.3.4", 81)})).await;
    mirrored("10.2.3.4", 81).await;
    bench.delete(&own).await;
    bench.until("endpointslices.discovery.k8s.io", |all| all.is_empty()).await;
}

/// Conformance: [sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]
#[tokio::test]
async fn kube_root_ca_exists_in_any_namespace() {
    let bench = Bench::start().await;
    let authority = |namespace: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": "authority"},
            "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}})
    };
    bench.create(authority("kube-system")).await;
    bench.create(namespace("team")).await;
    let copy = key("configmaps", "team", "kube-root-ca.crt");
    let there = async || {
        bench
            .until("configmaps", |all| {
                all.get(&copy).is_some_and(|map| map["data"] == json!({"ca.crt": "authority"}))
            })
            .await;
    };
    there().await;
    let first = bench.get(&copy).await["metadata"]["uid"].clone();
    bench.delete(&copy).await;
    bench
        .until("configmaps", |all| {
            all.get(&copy).is_some_and(|map| map["metadata"]["uid"] != first)
        })
        .await;
    there().await;
    bench.patch(&copy, "", json!({"data": {"ca.crt": null, "changed": "yes"}})).await;
    there().await;
}

/// Conformance: [sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]
#[tokio::test]
async fn a_volume_and_its_claim_protect_each_other_until_both_go() {
    let bench = Bench::start().await;
    let (volumes, claims) = ("persistentvolumes", "persistentvolumeclaims");
    bench
        .create(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
            "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                "csi": {"driver": "e2e.example.com", "volumeHandle": "h"}}}))
        .await;
    bench
        .create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "pvc", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "pv",
                "resources": {"requests": {"storage": "1Gi"}}}}))
        .await;
    for (kind, finalizer) in
        [(volumes, "kubernetes.io/pv-protection"), (claims, "kubernetes.io/pvc-protection")]
    {
        let ready = |one: &Value| {
            one["status"]["phase"] == "Bound" && one["metadata"]["finalizers"] == json!([finalizer])
        };
        bench.until(kind, |all| all.len() == 1 && all.values().all(ready)).await;
    }
    let (volume, claim) = (key(volumes, "", "pv"), key(claims, "default", "pvc"));
    for one in [&volume, &claim] {
        bench.patch(one, "", json!({"metadata": {"labels": {"patched": "yes"}}})).await;
    }
    // A volume that is claimed stays until its claim is gone.
    bench.delete(&volume).await;
    let marked = bench.get(&volume).await;
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    assert_eq!(
        (&marked["status"]["phase"], &marked["metadata"]["labels"]["patched"]),
        (&json!("Bound"), &json!("yes"))
    );
    bench.delete(&claim).await;
    for kind in [claims, volumes] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

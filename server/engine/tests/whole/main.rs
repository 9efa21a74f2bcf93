//! The engine over the real API and the store in memory, with a pretended agent: what controllers
//! plan must be what the API takes.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod bench;
mod conformance;
mod eviction;
mod quota;
mod workloads;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};

use bench::{Bench, key, text};

fn deployment(name: &str, replicas: i64, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": image}],
                    "terminationGracePeriodSeconds": 1}}}})
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}})
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(deployment: &Deployment, replicas: i32) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    status.observed_generation == deployment.metadata.generation
        && [status.updated_replicas, status.replicas, status.available_replicas]
            .into_iter()
            .all(|count| count.unwrap_or(0) == replicas)
}

async fn rolled_out(bench: &Bench, name: &str, replicas: i32) {
    bench
        .until("deployments.apps", |all| {
            let found = all.get(&key("deployments.apps", "default", name));
            found.is_some_and(|value| {
                is_rolled_out(&serde_json::from_value(value.clone()).unwrap(), replicas)
            })
        })
        .await;
}

#[tokio::test]
async fn an_app_is_deployed_scaled_changed_rolled_back_and_deleted() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(service("web")).await;
    bench.create(deployment("web", 3, "first")).await;
    rolled_out(&bench, "web", 3).await;
    bench
        .until("endpointslices.discovery.k8s.io", |slices| {
            let endpoints =
                slices.values().flat_map(|slice| slice["endpoints"].as_array().cloned());
            endpoints.flatten().filter(|one| one["conditions"]["ready"] == true).count() == 3
        })
        .await;

    let web = key("deployments.apps", "default", "web");
    bench.patch(&web, "scale", json!({"spec": {"replicas": 5}})).await;
    rolled_out(&bench, "web", 5).await;
    let container = |image: &str| json!([{"name": "c", "image": image}]);
    for image in ["second", "first"] {
        let spec = json!({"template": {"spec": {"containers": container(image)}}});
        bench.patch(&web, "", json!({"spec": spec})).await;
        rolled_out(&bench, "web", 5).await;
    }
    let found = bench.get(&web).await;
    assert_eq!(found["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    let reasons: Vec<String> = bench
        .list("events")
        .await
        .iter()
        .map(|event| {
            format!("{} {}", text(&event["involvedObject"]["kind"]), text(&event["reason"]))
        })
        .collect();
    for expected in ["Deployment ScalingReplicaSet", "ReplicaSet SuccessfulCreate", "Pod Scheduled"]
    {
        assert!(reasons.iter().any(|reason| reason == expected), "{expected} in {reasons:?}");
    }

    bench.delete(&web).await;
    for kind in ["deployments.apps", "replicasets.apps", "pods"] {
        bench.until(kind, |all| all.is_empty()).await;
    }
}

#[tokio::test]
async fn a_pod_without_room_says_why() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    let mut object = deployment("big", 1, "x");
    object["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100"}});
    bench.create(object).await;
    bench
        .until("pods", |pods| {
            pods.values().any(|pod| {
                let conditions = pod["status"]["conditions"].as_array();
                conditions.into_iter().flatten().any(|condition| {
                    condition["reason"] == "Unschedulable"
                        && condition["message"]
                            == "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes \
                                are available: 1 Preemption is not helpful for scheduling."
                })
            })
        })
        .await;
}

#[tokio::test]
async fn a_namespace_has_what_it_needs_and_goes_with_all_it_holds() {
    let bench = Bench::start().await;
    bench
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt", "namespace": "kube-system"},
            "data": {"ca.crt": "authority"}}))
        .await;
    bench
        .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}))
        .await;
    bench
        .until("serviceaccounts", |all| {
            all.contains_key(&key("serviceaccounts", "team", "default"))
        })
        .await;
    let copy = key("configmaps", "team", "kube-root-ca.crt");
    bench
        .until("configmaps", |all| {
            all.get(&copy).is_some_and(|map| map["data"]["ca.crt"] == "authority")
        })
        .await;
    let mut held = deployment("web", 2, "x");
    held["metadata"]["namespace"] = "team".into();
    bench.create(held).await;
    bench.until("pods", |all| all.len() == 2).await;

    let team = key("namespaces", "", "team");
    bench.delete(&team).await;
    bench.until("namespaces", |all| !all.contains_key(&team)).await;
    for kind in ["pods", "replicasets.apps", "deployments.apps"] {
        assert!(bench.list(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn dependents_are_orphaned_or_go_first_as_asked() {
    let bench = Bench::start().await;
    let set = |name: &str| {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "c", "image": "x"}]}}}})
    };
    bench.create(set("left")).await;
    bench.until("pods", |all| all.len() == 2).await;
    let sets = "replicasets.apps";
    bench.delete_with(&key(sets, "default", "left"), "Orphan").await;
    bench.until(sets, |all| all.is_empty()).await;
    bench
        .until("pods", |all| {
            all.len() == 2 && all.values().all(|pod| pod["metadata"]["ownerReferences"].is_null())
        })
        .await;
    bench.create(set("taken")).await;
    bench.until("pods", |all| all.len() == 4).await;
    bench.delete_with(&key(sets, "default", "taken"), "Foreground").await;
    bench.until(sets, |all| all.is_empty()).await;
    assert_eq!(bench.list("pods").await.len(), 2, "its pods went before it");
}

#[tokio::test]
async fn a_host_gets_its_agent_and_is_tidied_when_it_goes() {
    let bench = Bench::start().await;
    bench
        .create(
            json!({"apiVersion": "longshore.dev/v1", "kind": "Host", "metadata": {"name": "one"},
            "spec": {"docker": "unix:///var/run/docker.sock"}}),
        )
        .await;
    let host = key("hosts.longshore.dev", "", "one");
    bench
        .until("hosts.longshore.dev", |all| {
            all.get(&host).is_some_and(|h| h["status"]["phase"] == "Pending")
        })
        .await;
    bench.agent("one").await;
    bench
        .until("hosts.longshore.dev", |all| {
            all.get(&host).is_some_and(|host| {
                host["status"]["phase"] == "Ready" && host["status"]["node"] == "one"
            })
        })
        .await;
    bench
        .until("nodes", |all| {
            all.get(&key("nodes", "", "one"))
                .is_some_and(|node| node["spec"]["podCIDR"] == "10.42.0.0/24")
        })
        .await;
    bench.create(deployment("web", 2, "x")).await;
    rolled_out(&bench, "web", 2).await;
    bench.delete(&host).await;
    bench.until("hosts.longshore.dev", |all| all.is_empty()).await;
    bench.until("nodes", |all| all.is_empty()).await;
    assert_eq!(bench.effects(), ["install one", "remove one"]);
}

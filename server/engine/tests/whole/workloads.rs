//! The workloads of apps and batch over the real API: what their controllers plan must be what the
//! API takes.

use serde_json::{Value, json};

use crate::bench::{Bench, key, text};

const PODS: &str = "pods";
const JOBS: &str = "jobs.batch";

fn workload(api_version: &str, kind: &str, name: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "x"}],
                    "terminationGracePeriodSeconds": 1}}}});
    object::patch::merge::apply(&mut object, json!({"spec": more}));
    object
}

fn names(all: &std::collections::BTreeMap<object::Key, Value>) -> Vec<&str> {
    all.keys().map(|key| &*key.name).collect()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

#[tokio::test]
async fn a_stateful_set_has_its_claims_and_keeps_them() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let more = json!({"replicas": 2, "serviceName": "db", "volumeClaimTemplates": [claim]});
    bench.create(workload("apps/v1", "StatefulSet", "db", more)).await;
    bench.until(PODS, |all| names(all) == ["db-0", "db-1"] && all.values().all(is_ready)).await;
    bench
        .until("persistentvolumeclaims", |all| {
            names(all) == ["data-db-0", "data-db-1"]
                && all.values().all(|claim| claim["status"]["phase"] == "Bound")
        })
        .await;
    bench
        .until("persistentvolumes", |all| {
            all.len() == 2 && all.values().all(|volume| volume["status"]["phase"] == "Bound")
        })
        .await;
    let set = key("statefulsets.apps", "default", "db");
    let containers = json!([{"name": "c", "image": "y"}]);
    bench
        .patch(&set, "", json!({"spec": {"template": {"spec": {"containers": containers}}}}))
        .await;
    let is_new = |pod: &Value| pod["spec"]["containers"][0]["image"] == "y" && is_ready(pod);
    bench.until(PODS, |all| all.len() == 2 && all.values().all(is_new)).await;
    bench
        .until("statefulsets.apps", |all| {
            all.values().all(|set| {
                let status = &set["status"];
                status["currentRevision"] == status["updateRevision"]
                    && status["availableReplicas"] == 2
                    && status["observedGeneration"] == set["metadata"]["generation"]
            })
        })
        .await;
    assert_eq!(bench.list("controllerrevisions.apps").await.len(), 2);
    bench.delete(&set).await;
    bench.until(PODS, |all| all.is_empty()).await;
    assert_eq!(bench.list("persistentvolumeclaims").await.len(), 2);
    for name in ["data-db-0", "data-db-1"] {
        bench.delete(&key("persistentvolumeclaims", "default", name)).await;
    }
    bench.until("persistentvolumes", |all| all.is_empty()).await;
}

#[tokio::test]
async fn a_daemon_set_follows_nodes_and_templates() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(workload("apps/v1", "DaemonSet", "log", json!({}))).await;
    bench.until(PODS, |all| all.len() == 1 && all.values().all(is_ready)).await;
    bench.agent("two").await;
    bench
        .until(PODS, |all| {
            let mut nodes: Vec<&str> =
                all.values().map(|pod| text(&pod["spec"]["nodeName"])).collect();
            nodes.sort_unstable();
            nodes == ["one", "two"] && all.values().all(is_ready)
        })
        .await;
    let set = key("daemonsets.apps", "default", "log");
    let containers = json!([{"name": "c", "image": "y"}]);
    bench
        .patch(&set, "", json!({"spec": {"template": {"spec": {"containers": containers}}}}))
        .await;
    bench
        .until("daemonsets.apps", |all| {
            all.values().all(|set| {
                set["status"]["updatedNumberScheduled"] == 2
                    && set["status"]["numberAvailable"] == 2
            })
        })
        .await;
    bench.delete(&set).await;
    bench.until(PODS, |all| all.is_empty()).await;
}

fn job(name: &str, more: Value) -> Value {
    let mut job = workload("batch/v1", "Job", name, more);
    job["spec"]["selector"] = Value::Null;
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
    job
}

/// Ends the pods of a Job as they come, until it has a condition.
async fn end_pods(bench: &Bench, phases: &[&str], wanted: &str) {
    let mut phases = phases.iter().cycle();
    loop {
        let done = |job: &Value| {
            let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|c| c["type"] == wanted && c["status"] == "True")
        };
        if bench.list(JOBS).await.iter().any(done) {
            return;
        }
        let pods = bench.list(PODS).await;
        for pod in pods.iter().filter(|pod| pod["status"]["phase"] == "Running") {
            let status = json!({"phase": phases.next().unwrap(), "conditions": []});
            let key = key(PODS, "default", text(&pod["metadata"]["name"]));
            bench.patch(&key, "status", json!({"status": status})).await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_counts_each_end_once() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    let more = json!({"completions": 5, "parallelism": 2, "completionMode": "Indexed",
        "ttlSecondsAfterFinished": 0});
    bench.create(job("pi", more.clone())).await;
    end_pods_then_gone(&bench).await;
    let mut kept = more;
    kept["ttlSecondsAfterFinished"] = Value::Null;
    bench.create(job("kept", kept)).await;
    end_pods(&bench, &["Succeeded"], "Complete").await;
    let job = bench.get(&key(JOBS, "default", "kept")).await;
    assert_eq!(job["status"]["completedIndexes"], "0-4");
    assert_eq!((&job["status"]["succeeded"], &job["status"]["active"]), (&json!(5), &Value::Null));
    bench
        .until(PODS, |all| {
            all.len() == 5 && all.values().all(|pod| pod["metadata"]["finalizers"].is_null())
        })
        .await;
    bench.delete(&key(JOBS, "default", "kept")).await;
    bench.until(PODS, |all| all.is_empty()).await;
}

/// Ends pods until their Job has gone with them.
async fn end_pods_then_gone(bench: &Bench) {
    loop {
        let (jobs, pods) = (bench.list(JOBS).await, bench.list(PODS).await);
        if jobs.is_empty() && pods.is_empty() {
            return;
        }
        for pod in pods.iter().filter(|pod| pod["status"]["phase"] == "Running") {
            let key = key(PODS, "default", text(&pod["metadata"]["name"]));
            let status = json!({"status": {"phase": "Succeeded", "conditions": []}});
            bench.patch(&key, "status", status).await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_that_fails_too_often_fails() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(job("bad", json!({"backoffLimit": 0}))).await;
    end_pods(&bench, &["Failed"], "Failed").await;
    let job = bench.get(&key(JOBS, "default", "bad")).await;
    assert_eq!(job["status"]["failed"], 1);
}

#[tokio::test]
async fn a_cron_job_starts_jobs() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    let template = json!({"spec": {"template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "c", "image": "x"}]}}}});
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "@every 1s", "concurrencyPolicy": "Replace", "jobTemplate": template}});
    bench.create(cron).await;
    bench.until(JOBS, |all| !all.is_empty()).await;
    bench
        .until("cronjobs.batch", |all| {
            all.values().all(|cron| !cron["status"]["lastScheduleTime"].is_null())
        })
        .await;
    bench.delete(&key("cronjobs.batch", "default", "tick")).await;
    bench.until(JOBS, |all| all.is_empty()).await;
    bench.until(PODS, |all| all.is_empty()).await;
}

fn orphan(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": "x"}], "terminationGracePeriodSeconds": 1}})
}

/// An orphan is taken; one that is relabelled is given up and replaced.
async fn check_adoption(owner: Value) {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(orphan("orphan", "web")).await;
    let kind = owner["kind"].clone();
    bench.create(owner).await;
    let pod = key(PODS, "default", "orphan");
    bench.until(PODS, |all| all[&pod]["metadata"]["ownerReferences"][0]["kind"] == kind).await;
    bench.patch(&pod, "", json!({"metadata": {"labels": {"app": "other"}}})).await;
    bench
        .until(PODS, |all| all.len() == 2 && all[&pod]["metadata"]["ownerReferences"].is_null())
        .await;
}

/// Conformance: [sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods [Conformance]
#[tokio::test]
async fn replica_set_should_adopt_matching_pods_and_release_no_longer_matching_pods() {
    check_adoption(workload("apps/v1", "ReplicaSet", "web", json!({"replicas": 1}))).await;
}

/// Conformance: [sig-apps] ReplicationController should adopt matching pods on creation [Conformance]
/// Conformance: [sig-apps] ReplicationController should release no longer matching pods [Conformance]
#[tokio::test]
async fn replication_controller_should_adopt_and_release_pods() {
    let mut owner = workload("v1", "ReplicationController", "web", json!({"replicas": 1}));
    owner["spec"]["selector"] = json!({"app": "web"});
    check_adoption(owner).await;
}

/// Conformance: [sig-apps] DisruptionController should observe PodDisruptionBudget status updated [Conformance]
#[tokio::test]
async fn should_observe_pod_disruption_budget_status_updated() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench.create(workload("apps/v1", "ReplicaSet", "web", json!({"replicas": 3}))).await;
    bench
        .create(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"maxUnavailable": "34%", "selector": {"matchLabels": {"app": "web"}}}}))
        .await;
    bench
        .until("poddisruptionbudgets.policy", |all| {
            all.values().all(|budget| {
                let status = &budget["status"];
                status["disruptionsAllowed"] == 2 && status["currentHealthy"] == 3
            })
        })
        .await;
}

//! What the API does for the kinds of workloads, without their controllers.

use serde_json::{Value, json};

use crate::harness::Harness;

const MERGE: &str = "application/merge-patch+json";

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": "x"}]}})
}

fn workload(api_version: &str, kind: &str, more: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "w", "namespace": "default", "labels": {"set": "mine"}},
        "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": template()}});
    let (spec, more) = (object["spec"].as_object_mut().unwrap(), more.as_object().cloned());
    spec.extend(more.unwrap_or_default());
    spec.retain(|_, value| !value.is_null());
    object
}

fn stateful() -> Value {
    workload("apps/v1", "StatefulSet", json!({"serviceName": "w"}))
}

fn job() -> Value {
    let mut job = workload("batch/v1", "Job", json!({"selector": null, "suspend": true}));
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
    job
}

fn budget() -> Value {
    workload("policy/v1", "PodDisruptionBudget", json!({"template": null, "minAvailable": 1}))
}

fn controller() -> Value {
    workload("v1", "ReplicationController", json!({"selector": {"app": "w"}}))
}

fn path(plural: &str) -> String {
    match plural {
        "replicationcontrollers" => "/api/v1/namespaces/default/replicationcontrollers".to_owned(),
        "jobs" | "cronjobs" => format!("/apis/batch/v1/namespaces/default/{plural}"),
        "poddisruptionbudgets" => format!("/apis/policy/v1/namespaces/default/{plural}"),
        _ => format!("/apis/apps/v1/namespaces/default/{plural}"),
    }
}

async fn create(api: &Harness, plural: &str, body: Value) -> Value {
    let (code, made) = api.ask("POST", &path(plural), body).await;
    assert_eq!(code, 201, "{made}");
    made
}

/// Reads, replaces and patches the status, which leaves the spec as it is.
async fn check_status(plural: &str, body: Value, condition: Value) {
    let api = Harness::start().await;
    let made = create(&api, plural, body).await;
    let at = format!("{}/w/status", path(plural));
    let mut read = api.get(&at).await;
    assert_eq!(read["metadata"]["uid"], made["metadata"]["uid"]);
    read["status"]["conditions"] = json!([condition]);
    read["spec"]["template"] = json!("not looked at");
    let (code, _) = api.ask("PUT", &at, read.clone()).await;
    if code != 200 {
        // A kind whose spec is checked all the same takes its own spec.
        read["spec"] = made["spec"].clone();
        let (code, answer) = api.ask("PUT", &at, read).await;
        assert_eq!(code, 200, "{answer}");
    }
    let now = api.get(&format!("{}/w", path(plural))).await;
    assert_eq!(now["status"]["conditions"][0]["type"], condition["type"]);
    assert_eq!(now["spec"], made["spec"]);
    let patch = json!({"status": {"conditions": [{"type": "Patched", "status": "True",
        "reason": "P", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    let (code, answer) = api.ask_as("PATCH", &at, MERGE, patch).await;
    assert_eq!((code, &answer["status"]["conditions"][0]["type"]), (200, &json!("Patched")));
    let (code, answer) =
        api.ask_as("PATCH", &format!("{}/w", path(plural)), MERGE, json!({"status": null})).await;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["status"]["conditions"][0]["type"], "Patched", "only /status writes it");
}

fn condition() -> Value {
    json!({"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "set from a test",
        "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// Conformance: [sig-apps] Daemon set should verify changes to a daemon set status [Conformance] [Serial]
#[tokio::test]
async fn should_verify_changes_to_a_daemon_set_status() {
    check_status("daemonsets", workload("apps/v1", "DaemonSet", json!({})), condition()).await;
}

/// Conformance: [sig-apps] Deployment should validate Deployment Status endpoints [Conformance]
#[tokio::test]
async fn should_validate_deployment_status_endpoints() {
    check_status("deployments", workload("apps/v1", "Deployment", json!({})), condition()).await;
}

/// Conformance: [sig-apps] ReplicaSet should validate Replicaset Status endpoints [Conformance]
#[tokio::test]
async fn should_validate_replicaset_status_endpoints() {
    check_status("replicasets", workload("apps/v1", "ReplicaSet", json!({})), condition()).await;
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should validate Statefulset Status endpoints [Conformance]
#[tokio::test]
async fn should_validate_statefulset_status_endpoints() {
    check_status("statefulsets", stateful(), condition()).await;
}

/// Conformance: [sig-apps] DisruptionController should update/patch PodDisruptionBudget status [Conformance]
#[tokio::test]
async fn should_update_and_patch_pod_disruption_budget_status() {
    check_status("poddisruptionbudgets", budget(), condition()).await;
}

/// Conformance: [sig-apps] Job should apply changes to a job status [Conformance]
#[tokio::test]
async fn should_apply_changes_to_a_job_status() {
    let api = Harness::start().await;
    create(&api, "jobs", job()).await;
    let at = format!("{}/w/status", path("jobs"));
    let patch = json!({"status": {"startTime": "2026-01-01T00:00:00Z", "active": 2}});
    let (code, answer) = api.ask_as("PATCH", &at, MERGE, patch).await;
    assert_eq!((code, &answer["status"]["active"]), (200, &json!(2)), "{answer}");
    let mut read = api.get(&at).await;
    read["status"]["active"] = 1.into();
    let (code, answer) = api.ask("PUT", &at, read).await;
    assert_eq!((code, &answer["status"]["active"]), (200, &json!(1)), "{answer}");
}

/// Reads, replaces and patches the size alone.
async fn check_scale(plural: &str, body: Value) {
    let api = Harness::start().await;
    create(&api, plural, body).await;
    let at = format!("{}/w/scale", path(plural));
    let mut scale = api.get(&at).await;
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(1)));
    assert_eq!(scale["status"]["selector"], "app=w");
    scale["spec"]["replicas"] = 2.into();
    let (code, answer) = api.ask("PUT", &at, scale).await;
    assert_eq!((code, &answer["spec"]["replicas"]), (200, &json!(2)), "{answer}");
    let (code, answer) = api.ask_as("PATCH", &at, MERGE, json!({"spec": {"replicas": 4}})).await;
    assert_eq!((code, &answer["spec"]["replicas"]), (200, &json!(4)), "{answer}");
    assert_eq!(api.get(&format!("{}/w", path(plural))).await["spec"]["replicas"], 4);
}

/// Conformance: [sig-apps] Deployment Deployment should have a working scale subresource [Conformance]
#[tokio::test]
async fn deployment_should_have_a_working_scale_subresource() {
    check_scale("deployments", workload("apps/v1", "Deployment", json!({}))).await;
}

/// Conformance: [sig-apps] ReplicaSet Replicaset should have a working scale subresource [Conformance]
#[tokio::test]
async fn replicaset_should_have_a_working_scale_subresource() {
    check_scale("replicasets", workload("apps/v1", "ReplicaSet", json!({}))).await;
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should have a working scale subresource [Conformance]
#[tokio::test]
async fn statefulset_should_have_a_working_scale_subresource() {
    check_scale("statefulsets", stateful()).await;
}

/// Conformance: [sig-apps] ReplicationController should get and update a ReplicationController scale [Conformance]
#[tokio::test]
async fn should_get_and_update_a_replication_controller_scale() {
    check_scale("replicationcontrollers", controller()).await;
}

/// Lists by label in all namespaces, and deletes all of them at once.
async fn check_collection(plural: &str, bodies: impl Fn(usize) -> Value) {
    let api = Harness::start().await;
    for at in 0..3 {
        let mut body = bodies(at);
        body["metadata"]["name"] = format!("w{at}").into();
        create(&api, plural, body).await;
    }
    let everywhere = path(plural).replace("/namespaces/default", "");
    let list = api.get(&format!("{everywhere}?labelSelector=set%3Dmine")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    let one = format!("{}/w0", path(plural));
    let patch = json!({"metadata": {"labels": {"set": "other"}}});
    let (code, _) = api.ask_as("PATCH", &one, MERGE, patch).await;
    assert_eq!(code, 200);
    let all = format!("{}?labelSelector=set%3Dmine", path(plural));
    let (code, answer) = api.ask("DELETE", &all, Value::Null).await;
    assert_eq!(code, 200, "{answer}");
    let left = api.get(&path(plural)).await;
    let waits = |item: &&Value| item["metadata"]["deletionTimestamp"].is_null();
    assert_eq!(left["items"].as_array().unwrap().iter().filter(waits).count(), 1);
}

/// Conformance: [sig-apps] Daemon set should list and delete a collection of DaemonSets [Conformance] [Serial]
#[tokio::test]
async fn should_list_and_delete_a_collection_of_daemon_sets() {
    check_collection("daemonsets", |_| workload("apps/v1", "DaemonSet", json!({}))).await;
}

/// Conformance: [sig-apps] ReplicaSet should list and delete a collection of ReplicaSets [Conformance]
#[tokio::test]
async fn should_list_and_delete_a_collection_of_replica_sets() {
    check_collection("replicasets", |_| workload("apps/v1", "ReplicaSet", json!({}))).await;
}

/// Conformance: [sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should list, patch and delete a collection of StatefulSets [Conformance]
#[tokio::test]
async fn should_list_patch_and_delete_a_collection_of_stateful_sets() {
    check_collection("statefulsets", |_| stateful()).await;
}

/// Conformance: [sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]
#[tokio::test]
async fn should_list_and_delete_a_collection_of_pod_disruption_budgets() {
    check_collection("poddisruptionbudgets", |_| budget()).await;
}

/// Conformance: [sig-apps] ReplicaSet Replace and Patch tests [Conformance]
#[tokio::test]
async fn replica_set_replace_and_patch_tests() {
    let api = Harness::start().await;
    let mut set = create(&api, "replicasets", workload("apps/v1", "ReplicaSet", json!({}))).await;
    let at = format!("{}/w", path("replicasets"));
    set["spec"]["replicas"] = 3.into();
    let (code, set) = api.ask("PUT", &at, set).await;
    assert_eq!((code, &set["metadata"]["generation"]), (200, &json!(2)));
    let containers = json!([{"name": "c", "image": "y"}]);
    let patch = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": containers}}}});
    let strategic = "application/strategic-merge-patch+json";
    let (code, set) = api.ask_as("PATCH", &at, strategic, patch).await;
    assert_eq!((code, &set["spec"]["replicas"]), (200, &json!(1)));
    assert_eq!(set["spec"]["template"]["spec"]["containers"][0]["image"], "y");
}

/// Conformance: [sig-apps] ControllerRevision should manage the lifecycle of a ControllerRevision [Conformance] [Serial]
#[tokio::test]
async fn should_manage_the_lifecycle_of_a_controller_revision() {
    let api = Harness::start().await;
    let revision = |number: i64| {
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": format!("r{number}"), "namespace": "default",
                "labels": {"set": "mine"}},
            "data": {"spec": {"template": template()}}})
    };
    create(&api, "controllerrevisions", revision(1)).await;
    let at = format!("{}/r1", path("controllerrevisions"));
    let patch = json!({"metadata": {"labels": {"r1": "patched"}}});
    let (code, patched) = api.ask_as("PATCH", &at, MERGE, patch).await;
    assert_eq!((code, &patched["metadata"]["labels"]["r1"]), (200, &json!("patched")));
    create(&api, "controllerrevisions", revision(2)).await;
    let (code, _) = api.ask("DELETE", &at, Value::Null).await;
    assert_eq!(code, 200);
    let mut second = api.get(&format!("{}/r2", path("controllerrevisions"))).await;
    second["revision"] = 3.into();
    let (code, second) =
        api.ask("PUT", &format!("{}/r2", path("controllerrevisions")), second).await;
    assert_eq!((code, &second["revision"]), (200, &json!(3)), "{second}");
    let all = format!("{}?labelSelector=set%3Dmine", path("controllerrevisions"));
    let (code, _) = api.ask("DELETE", &all, Value::Null).await;
    assert_eq!(code, 200);
    let left = api.get(&path("controllerrevisions")).await;
    assert!(left["items"].as_array().unwrap().is_empty());
}

/// Creates, reads, watches, patches, replaces, lists and deletes.
async fn check_lifecycle(plural: &str, body: Value) {
    let api = Harness::start().await;
    let mut watch = api.watch(&format!("{}?watch=true", path(plural))).await;
    create(&api, plural, body).await;
    let at = format!("{}/w", path(plural));
    let patch = json!({"metadata": {"annotations": {"patched": "true"}}});
    let (code, mut object) = api.ask_as("PATCH", &at, MERGE, patch).await;
    assert_eq!((code, &object["metadata"]["annotations"]["patched"]), (200, &json!("true")));
    object["metadata"]["annotations"]["updated"] = "true".into();
    let (code, answer) = api.ask("PUT", &at, object).await;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(api.get(&path(plural)).await["items"].as_array().unwrap().len(), 1);
    let (code, answer) = api.ask("DELETE", &at, json!({"propagationPolicy": "Background"})).await;
    assert_eq!(code, 200, "{answer}");
    let mut types = Vec::new();
    while types.last().is_none_or(|last| last != "DELETED") {
        types.push(watch.next().await["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(types, ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]);
    assert_eq!(api.ask("GET", &at, Value::Null).await.0, 404);
}

/// Conformance: [sig-apps] Job should manage the lifecycle of a job [Conformance]
#[tokio::test]
async fn should_manage_the_lifecycle_of_a_job() {
    check_lifecycle("jobs", job()).await;
    check_collection("jobs", |_| job()).await;
}

/// Conformance: [sig-apps] CronJob should support CronJob API operations [Conformance]
#[tokio::test]
async fn should_support_cron_job_api_operations() {
    let cron = || {
        let mut template = template();
        template["spec"]["restartPolicy"] = "OnFailure".into();
        let more = json!({"selector": null, "template": null, "schedule": "*/1 * * * *",
            "jobTemplate": {"spec": {"template": template}}});
        workload("batch/v1", "CronJob", more)
    };
    check_lifecycle("cronjobs", cron()).await;
    check_collection("cronjobs", |_| cron()).await;
    let api = Harness::start().await;
    create(&api, "cronjobs", cron()).await;
    let at = format!("{}/w/status", path("cronjobs"));
    let patch = json!({"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}});
    let (code, answer) = api.ask_as("PATCH", &at, MERGE, patch).await;
    assert_eq!(
        (code, &answer["status"]["lastScheduleTime"]),
        (200, &json!("2026-01-01T00:00:00Z"))
    );
}

/// Conformance: [sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]
#[tokio::test]
async fn should_create_a_pod_disruption_budget() {
    check_lifecycle("poddisruptionbudgets", budget()).await;
}

/// Conformance: [sig-apps] ReplicationController should test the lifecycle of a ReplicationController [Conformance]
#[tokio::test]
async fn should_test_the_lifecycle_of_a_replication_controller() {
    check_lifecycle("replicationcontrollers", controller()).await;
    check_collection("replicationcontrollers", |_| controller()).await;
}

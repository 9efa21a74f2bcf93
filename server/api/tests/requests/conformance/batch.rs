//! Jobs and templates of pods.

use serde_json::{Value, json};

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-apps] CronJob should support CronJob API operations [Conformance]
#[tokio::test]
async fn cron_job_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/batch/v1/namespaces/default/cronjobs";
    let sample = json!({"spec": {"schedule": "*/1 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "a", "image": "x"}]}}}}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(json!({"lastScheduleTime": "2026-01-02T03:04:05Z"}));
    tried.operate(&api).await;
}

/// Conformance: [sig-apps] Job should manage the lifecycle of a job [Conformance]
#[tokio::test]
async fn job_has_a_life_cycle() {
    let api = Harness::start().await;
    let path = "/apis/batch/v1/namespaces/default/jobs";
    let sample = json!({"spec": {"completions": 2, "parallelism": 2, "backoffLimit": 6, "suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(json!({"active": 1}));
    tried.operate(&api).await;
}

/// Conformance: [sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]
#[tokio::test]
async fn pod_template_has_a_life_cycle() {
    let api = Harness::start().await;
    let path = "/api/v1/namespaces/default/podtemplates";
    let sample = json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]
#[tokio::test]
async fn runtime_class_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/node.k8s.io/v1/runtimeclasses";
    let sample = json!({"handler": "tried"});
    Tried::new(path, sample).operate(&api).await;
}

const TEMPLATES: &str = "/api/v1/namespaces/default/podtemplates";

fn template(name: &str, image: &str) -> Value {
    let pod = json!({"containers": [{"name": "a", "image": image}]});
    json!({"metadata": {"name": name, "labels": {"set": "one"}}, "template": {"spec": pod}})
}

/// Conformance: [sig-node] PodTemplates should delete a collection of pod templates [Conformance]
#[tokio::test]
async fn a_collection_of_pod_templates_is_deleted() {
    let api = Harness::start().await;
    for name in ["a", "b", "c"] {
        assert_eq!(api.ask("POST", TEMPLATES, template(name, "x")).await.0, 201);
    }
    let labelled = format!("{TEMPLATES}?labelSelector=set%3Done");
    assert_eq!(api.get(&labelled).await["items"].as_array().unwrap().len(), 3);
    assert_eq!(api.ask("DELETE", &labelled, Value::Null).await.0, 200);
    assert_eq!(api.get(&labelled).await["items"], json!([]));
}

/// Conformance: [sig-node] PodTemplates should replace a pod template [Conformance]
#[tokio::test]
async fn a_pod_template_is_replaced() {
    let api = Harness::start().await;
    let (code, mut made) = api.ask("POST", TEMPLATES, template("a", "x")).await;
    assert_eq!((code, &made["metadata"]["generation"]), (201, &json!(1)), "{made}");
    made["template"]["spec"]["containers"][0]["image"] = "y".into();
    made["metadata"]["annotations"] = json!({"updated": "true"});
    let (code, replaced) = api.ask("PUT", &format!("{TEMPLATES}/a"), made).await;
    assert_eq!((code, &replaced["metadata"]["annotations"]["updated"]), (200, &json!("true")));
    assert_eq!(replaced["template"]["spec"]["containers"][0]["image"], "y");
    assert_eq!(replaced["metadata"]["generation"], 2);
}

/// The kinds whose life no behaviour names.
#[tokio::test]
async fn the_other_kinds_support_api_operations() {
    let selector = json!({"matchLabels": {"app": "a"}});
    let template = json!({"metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "a", "image": "x"}]}});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    for (path, sample, status) in [
        (
            "/api/v1/namespaces/default/replicationcontrollers",
            json!({"spec": {"template": template}}),
            json!({"replicas": 1}),
        ),
        (
            "/apis/apps/v1/namespaces/default/statefulsets",
            json!({"spec": {"serviceName": "a", "selector": selector, "template": template,
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}}}}]}}),
            json!({"replicas": 1, "currentRevision": "a"}),
        ),
        (
            "/apis/apps/v1/namespaces/default/daemonsets",
            json!({"spec": {"selector": selector, "template": template}}),
            json!({"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 0}),
        ),
        (
            "/apis/apps/v1/namespaces/default/controllerrevisions",
            json!({"data": {"spec": {}}, "revision": 1}),
            Value::Null,
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
            json!({"spec": {"scaleTargetRef": target, "maxReplicas": 3}}),
            json!({"currentReplicas": 1, "desiredReplicas": 2}),
        ),
        (
            "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers",
            json!({"spec": {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 60}}),
            json!({"currentReplicas": 1, "desiredReplicas": 2}),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
            json!({"spec": {"podSelector": {}}}),
            Value::Null,
        ),
        (
            "/apis/apiregistration.k8s.io/v1/apiservices",
            json!({"metadata": {"name": "v1.tried.example.com"}, "spec": {"group": "tried.example.com", "version": "v1",
                "groupPriorityMinimum": 100, "versionPriority": 10, "service": {"namespace": "default", "name": "a"}}}),
            Value::Null,
        ),
    ] {
        let api = Harness::start().await;
        let mut tried = Tried::new(path, sample);
        tried.status = (!status.is_null()).then_some(status);
        tried.operate(&api).await;
    }
}

/// Conformance: [sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass [Conformance] [NodeConformance]
/// Conformance: [sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [Conformance] [NodeConformance]
#[tokio::test]
async fn a_pod_of_a_runtime_class_that_is_not_there_is_rejected() {
    let api = Harness::start().await;
    let classes = "/apis/node.k8s.io/v1/runtimeclasses";
    let ask = async |name: &str| {
        let pod = json!({"metadata": {"name": name}, "spec": {"runtimeClassName": "tried",
            "containers": [{"name": "a", "image": "x"}]}});
        let (code, told) = api.ask("POST", "/api/v1/namespaces/default/pods", pod).await;
        (code, told["message"].as_str().unwrap_or_default().to_owned())
    };
    let why = "pods \"a\" is forbidden: pod rejected: RuntimeClass \"tried\" not found";
    assert_eq!(ask("a").await, (403, why.to_owned()));
    let class = json!({"metadata": {"name": "tried"}, "handler": "tried"});
    assert_eq!(api.ask("POST", classes, class).await.0, 201);
    assert_eq!(ask("b").await.0, 201);
    assert_eq!(api.ask("DELETE", &format!("{classes}/tried"), Value::Null).await.0, 200);
    assert_eq!(ask("a").await, (403, why.to_owned()));
}

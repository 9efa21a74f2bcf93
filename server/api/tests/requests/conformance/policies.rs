//! Kinds that rule over others: limits, budgets, priorities, admission.

use serde_json::json;

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]
#[tokio::test]
async fn flow_schema_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
    let sample = json!({"spec": {
    "matchingPrecedence": 10000, "priorityLevelConfiguration": {"name": "global-default"},
    "distinguisherMethod": {"type": "ByUser"},
    "rules": [{"subjects": [{"kind": "User", "user": {"name": "nobody"}}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}]}]}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"conditions": [{"type": "Dangling", "status": "False", "reason": "Tried", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]
#[tokio::test]
async fn priority_level_configuration_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations";
    let sample = json!({"spec": {
    "type": "Limited", "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"conditions": [{"type": "Tried", "status": "False", "reason": "Tried", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]
#[tokio::test]
async fn validating_admission_policy_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    let sample = json!({"spec": {"matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}]}, "validations": [{"expression": "object.spec.replicas <= 100"}]}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"conditions": [{"type": "Tried", "status": "True", "reason": "Tried", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]
#[tokio::test]
async fn validating_admission_policy_binding_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    let sample =
        json!({"spec": {"policyName": "tried.example.com", "validationActions": ["Deny"]}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations [Conformance]
#[tokio::test]
async fn mutating_admission_policy_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies";
    let sample = json!({"spec": {"matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}]}, "reinvocationPolicy": "Never", "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{metadata: Object.metadata{labels: {\"a\": \"b\"}}}"}}]}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations [Conformance]
#[tokio::test]
async fn mutating_admission_policy_binding_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings";
    let sample = json!({"spec": {"policyName": "tried.example.com"}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance] [Serial]
#[tokio::test]
async fn priority_class_endpoints_can_be_operated() {
    let api = Harness::start().await;
    let path = "/apis/scheduling.k8s.io/v1/priorityclasses";
    let sample = json!({"value": 1000, "description": "tried"});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection [Conformance]
#[tokio::test]
async fn limit_range_can_be_listed_patched_and_deleted() {
    let api = Harness::start().await;
    let path = "/api/v1/namespaces/default/limitranges";
    let sample = json!({"spec": {"limits": [{"type": "Container",
    "min": {"cpu": "50m"}, "max": {"cpu": "500m"}, "default": {"cpu": "250m"}, "defaultRequest": {"cpu": "100m"}}]}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota [Conformance]
#[tokio::test]
async fn resource_quota_has_a_life_cycle() {
    let api = Harness::start().await;
    let path = "/api/v1/namespaces/default/resourcequotas";
    let sample = json!({"spec": {"hard": {"pods": "5", "services": "10", "requests.cpu": "1"}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(json!({"hard": {"pods": "5"}, "used": {"pods": "1"}}));
    tried.operate(&api).await;
}

/// Conformance: [sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]
#[tokio::test]
async fn pod_disruption_budgets_can_be_listed_and_deleted() {
    let api = Harness::start().await;
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let sample = json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1, "observedGeneration": 1}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-api-machinery] StorageVersionMigration CRUD Tests storagemigration.k8s.io/v1 StorageVersionMigration [Conformance]
#[tokio::test]
async fn storage_version_migration_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/storagemigration.k8s.io/v1/storageversionmigrations";
    let sample = json!({"spec": {"resource": {"group": "apps", "resource": "deployments"}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"conditions": [{"type": "Tried", "status": "True", "reason": "Tried", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}),
    );
    tried.operate(&api).await;
}

/// One webhook that looks at nothing of ours.
fn webhook() -> serde_json::Value {
    json!({"webhooks": [{"name": "tried.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://tried.example.com/hook"},
        "namespaceSelector": {"matchLabels": {"tried": "true"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "matchConditions": [{"name": "first", "expression": "request.userInfo.username != 'nobody'"}]}]})
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions [Conformance]
#[tokio::test]
async fn mutating_webhook_configurations_have_match_conditions() {
    let api = Harness::start().await;
    Tried::new("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", webhook())
        .operate(&api)
        .await;
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/a";
    let mut made = webhook();
    made["metadata"]["name"] = "a".into();
    assert_eq!(
        api.ask(
            "POST",
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            made
        )
        .await
        .0,
        201
    );
    let mut made = api.get(path).await;
    made["webhooks"][0]["matchConditions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "second", "expression": "request.operation != 'DELETE'"}));
    let (code, updated) = api.ask("PUT", path, made).await;
    assert_eq!((code, &updated["metadata"]["generation"]), (200, &json!(2)), "{updated}");
    assert_eq!(updated["webhooks"][0]["matchConditions"][1]["name"], "second");
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions [Conformance]
#[tokio::test]
async fn validating_webhook_configurations_have_match_conditions() {
    let api = Harness::start().await;
    Tried::new("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", webhook())
        .operate(&api)
        .await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/a";
    let mut made = webhook();
    made["metadata"]["name"] = "a".into();
    assert_eq!(
        api.ask(
            "POST",
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            made
        )
        .await
        .0,
        201
    );
    let mut made = api.get(path).await;
    made["webhooks"][0]["matchConditions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "second", "expression": "request.operation != 'DELETE'"}));
    let (code, updated) = api.ask("PUT", path, made).await;
    assert_eq!((code, &updated["metadata"]["generation"]), (200, &json!(2)), "{updated}");
    assert_eq!(updated["webhooks"][0]["matchConditions"][1]["name"], "second");
}

/// Conformance: [sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents [Conformance]
#[tokio::test]
async fn discovery_documents_include_webhook_configurations() {
    let api = Harness::start().await;
    let groups = api.get("/apis").await;
    let group = "admissionregistration.k8s.io";
    let mut found = groups["groups"].as_array().unwrap().iter().filter(|one| one["name"] == group);
    let own = found.next().unwrap();
    assert!(own["versions"].as_array().unwrap().iter().any(|one| one["version"] == "v1"), "{own}");
    assert_eq!(api.get("/apis/admissionregistration.k8s.io").await["name"], group);
    let document = api.get("/apis/admissionregistration.k8s.io/v1").await;
    for plural in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let resources = document["resources"].as_array().unwrap();
        assert!(resources.iter().any(|one| one["name"] == plural), "{plural}");
    }
}

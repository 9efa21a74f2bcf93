//! Policies of admission in CEL.

use serde_json::{Value, json};

use crate::harness::Harness;

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment(name: &str, replicas: i64) -> Value {
    let labels = json!({"app": "a"});
    json!({"metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        },
    }})
}

fn about_deployments() -> Value {
    json!({"resourceRules": [{
        "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }]})
}

async fn store(api: &Harness, collection: &str, name: &str, spec: Value) -> Value {
    let body = json!({"metadata": {"name": name}, "spec": spec});
    let (code, stored) = api.ask("POST", &format!("{GROUP}/{collection}"), body).await;
    assert_eq!(code, 201, "{stored}");
    stored
}

async fn bind_validation(api: &Harness, policy: &str) {
    let spec = json!({"policyName": policy, "validationActions": ["Deny"]});
    store(api, "validatingadmissionpolicybindings", &format!("{policy}-binding"), spec).await;
}

/// Conformance: [sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment [Conformance]
#[tokio::test]
async fn a_deployment_is_validated() {
    let api = Harness::start().await;
    let spec = json!({
        "matchConstraints": about_deployments(),
        "validations": [
            {"expression": "object.spec.replicas > 1", "messageExpression": "'wants replicas > 1, got ' + string(object.spec.replicas)"},
            {"expression": "namespaceObject.metadata.name == 'default'", "message": "not here"},
        ],
    });
    let policy = store(&api, "validatingadmissionpolicies", "replicas", spec).await;
    assert_eq!(policy["status"]["observedGeneration"], 1, "{policy}");
    assert_eq!(policy["status"]["typeChecking"], json!({}), "{policy}");
    assert_eq!(api.ask("POST", DEPLOYMENTS, deployment("unbound", 1)).await.0, 201);
    bind_validation(&api, "replicas").await;
    assert_eq!(api.ask("POST", DEPLOYMENTS, deployment("two", 2)).await.0, 201);
    let (code, status) = api.ask("POST", DEPLOYMENTS, deployment("one", 1)).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{status}");
    let message = "deployments.apps \"one\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'replicas-binding' denied request: wants replicas > 1, got 1";
    assert_eq!(status["message"], message);
}

/// Conformance: [sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables. [Conformance]
#[tokio::test]
async fn expressions_refer_to_variables() {
    let api = Harness::start().await;
    let spec = json!({
        "matchConstraints": about_deployments(),
        "variables": [
            {"name": "replicas", "expression": "object.spec.replicas"},
            {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"},
        ],
        "validations": [
            {"expression": "variables.replicas > 1"},
            {"expression": "variables.oddReplicas"},
        ],
    });
    let body = json!({"metadata": {"name": "odd"}, "spec": spec});
    let (code, stored) =
        api.ask("POST", &format!("{GROUP}/validatingadmissionpolicies"), body).await;
    assert_eq!(code, 201, "{stored}");
    bind_validation(&api, "odd").await;
    for (replicas, part) in [
        (1, Some("failed expression: variables.replicas > 1")),
        (2, Some("failed expression: variables.oddReplicas")),
        (3, None),
    ] {
        let (code, status) =
            api.ask("POST", DEPLOYMENTS, deployment(&format!("d{replicas}"), replicas)).await;
        match part {
            None => assert_eq!(code, 201, "{status}"),
            Some(part) => {
                assert_eq!(code, 422, "{status}");
                assert!(status["message"].as_str().unwrap().ends_with(part), "{status}");
            }
        }
    }
}

fn mutation(kind: &str, expression: &str) -> Value {
    let field = if kind == "JSONPatch" { "jsonPatch" } else { "applyConfiguration" };
    let mutation = json!({"patchType": kind, field: {"expression": expression}});
    json!({
        "matchConstraints": about_deployments(), "reinvocationPolicy": "Never",
        "mutations": [mutation],
    })
}

async fn mutate(api: &Harness, name: &str, spec: Value) {
    store(api, "mutatingadmissionpolicies", name, spec).await;
    let binding = json!({"policyName": name});
    store(api, "mutatingadmissionpolicybindings", &format!("{name}-binding"), binding).await;
}

/// Conformance: [sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment [Conformance]
#[tokio::test]
async fn a_deployment_is_mutated() {
    let api = Harness::start().await;
    let expression = "Object{spec: Object.spec{replicas: object.spec.replicas + 1, template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: 'c', imagePullPolicy: 'Always'}]}}}}";
    mutate(&api, "more", mutation("ApplyConfiguration", expression)).await;
    let (code, made) = api.ask("POST", DEPLOYMENTS, deployment("a", 1)).await;
    assert_eq!((code, &made["spec"]["replicas"]), (201, &json!(2)), "{made}");
    let containers = made["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1, "merged by name: {made}");
    assert_eq!(containers[0]["imagePullPolicy"], "Always");
    assert_eq!(containers[0]["image"], "i");
}

/// Conformance: [sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations [Conformance]
#[tokio::test]
async fn a_deployment_gets_annotations() {
    let api = Harness::start().await;
    let expression =
        "Object{metadata: Object.metadata{annotations: {'my-foo': 'myAnnotationValue'}}}";
    mutate(&api, "annotate", mutation("ApplyConfiguration", expression)).await;
    let expression = "[JSONPatch{op: 'test', path: '/spec/replicas', value: 1}, JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('example.com/b'), value: 'x'}]";
    mutate(&api, "patch", mutation("JSONPatch", expression)).await;
    let (code, made) = api.ask("POST", DEPLOYMENTS, deployment("a", 1)).await;
    assert_eq!(code, 201, "{made}");
    let annotations = json!({"my-foo": "myAnnotationValue", "example.com/b": "x"});
    assert_eq!(made["metadata"]["annotations"], annotations);
    let (code, status) = api.ask("POST", DEPLOYMENTS, deployment("b", 2)).await;
    assert_eq!(code, 422, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("policy 'patch' with binding 'patch-binding' denied request"),
        "{message}"
    );
}

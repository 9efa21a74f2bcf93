//! Policies beyond what the conformance suite asks: parameters, actions, failures, type checks.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::harness::Harness;

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn policy(name: &str, more: Value) -> Value {
    let mut spec = json!({"matchConstraints": {"resourceRules": [{
        "apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE", "DELETE"],
        "resources": ["configmaps"],
    }]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn post(api: &Harness, collection: &str, body: Value) -> (u16, Value) {
    api.ask("POST", &format!("{GROUP}/{collection}"), body).await
}

async fn store(api: &Harness, body: Value, binding: Value) {
    let name = body["metadata"]["name"].clone();
    let (code, stored) = post(api, "validatingadmissionpolicies", body).await;
    assert_eq!(code, 201, "{stored}");
    let mut spec = json!({"policyName": name, "validationActions": ["Deny"]});
    spec.as_object_mut().unwrap().extend(binding.as_object().unwrap().clone());
    let body = json!({"metadata": {"name": "b"}, "spec": spec});
    let (code, stored) = post(api, "validatingadmissionpolicybindings", body).await;
    assert_eq!(code, 201, "{stored}");
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"n": "5"}})
}

#[tokio::test]
async fn parameters_are_found_by_name_and_by_labels() {
    let api = Harness::start().await;
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ServiceAccount"},
        "validations": [{
            "expression": "object.data.n == params.metadata.annotations['n']", "reason": "Forbidden",
            "messageExpression": "'n must be ' + params.metadata.annotations['n']",
        }],
    });
    let selector = json!({"matchLabels": {"of": "limit"}});
    let param = json!({"paramRef": {"selector": selector, "parameterNotFoundAction": "Deny"}});
    store(&api, policy("p", spec), param).await;
    let (code, status) = api.ask("POST", MAPS, map("a")).await;
    assert_eq!(code, 422, "{status}");
    let part = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert!(status["message"].as_str().unwrap().ends_with(part), "{status}");
    let account = |n: &str| {
        json!({"metadata": {
            "name": "limit", "labels": {"of": "limit"}, "annotations": {"n": n},
        }})
    };
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(api.ask("POST", accounts, account("4")).await.0, 201);
    let (code, status) = api.ask("POST", MAPS, map("a")).await;
    assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")), "{status}");
    assert!(status["message"].as_str().unwrap().ends_with("n must be 4"), "{status}");
    assert_eq!(api.ask("PUT", &format!("{accounts}/limit"), account("5")).await.0, 200);
    assert_eq!(api.ask("POST", MAPS, map("a")).await.0, 201);
}

#[tokio::test]
async fn failures_may_warn_and_conditions_may_skip() {
    let api = Harness::start().await;
    let spec = json!({
        "matchConditions": [{"name": "not-free", "expression": "request.name != 'free'"}],
        "validations": [{"expression": "object.data.n != '5'", "message": "n is five"}],
        "auditAnnotations": [{"key": "n", "valueExpression": "'n is ' + object.data.n"}],
    });
    store(&api, policy("p", spec), json!({"validationActions": ["Warn", "Audit"]})).await;
    for (name, warns) in [("a", true), ("free", false)] {
        let request = api.request("POST", MAPS).body(Bytes::from(map(name).to_string())).unwrap();
        let response = api.full(request).await;
        assert_eq!(response.status(), 201);
        let warning = response.headers().get("warning").map(|text| text.to_str().unwrap());
        let expected = "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': n is five\"";
        assert_eq!(warning, warns.then_some(expected));
    }
}

#[tokio::test]
async fn what_cannot_be_evaluated_fails_closed_or_open() {
    for (failure_policy, code) in [("Fail", 422), ("Ignore", 201)] {
        let api = Harness::start().await;
        let spec = json!({
            "failurePolicy": failure_policy,
            "validations": [{"expression": "object.data.missing == 'x'"}],
        });
        store(&api, policy("p", spec), json!({})).await;
        let (answered, status) = api.ask("POST", MAPS, map("a")).await;
        assert_eq!(answered, code, "{status}");
        if code != 201 {
            let part =
                "expression 'object.data.missing == 'x'' resulted in error: no such key: missing";
            assert!(status["message"].as_str().unwrap().ends_with(part), "{status}");
        }
    }
}

#[tokio::test]
async fn deletions_and_rights_are_judged() {
    let api = Harness::start().await;
    let spec = json!({"validations": [{
        "expression": "request.operation != 'DELETE' || (object == null && oldObject.data.n == '1') || authorizer.group('').resource('configmaps').namespace('default').name('kept').check('delete').allowed() && oldObject.metadata.name != 'kept' && authorizer.requestResource.check('purge').allowed()",
    }]});
    store(&api, policy("p", spec), json!({})).await;
    for name in ["kept", "gone"] {
        assert_eq!(api.ask("POST", MAPS, map(name)).await.0, 201);
    }
    assert_eq!(api.ask("DELETE", &format!("{MAPS}/kept"), Value::Null).await.0, 422);
    let (code, status) = api.ask("DELETE", &format!("{MAPS}/gone"), Value::Null).await;
    assert_eq!(code, 200, "{status}");
}

#[tokio::test]
async fn expressions_are_compiled_when_they_are_written() {
    let api = Harness::start().await;
    let spec = json!({
        "variables": [{"name": "a", "expression": "variables.b"}],
        "validations": [
            {"expression": "object.x.nope()", "messageExpression": "1 + 1"},
            {"expression": "'text'"},
            {"expression": "params.x == 1"},
        ],
        "auditAnnotations": [{"key": "k", "valueExpression": "true"}],
    });
    let (code, status) = post(&api, "validatingadmissionpolicies", policy("p", spec)).await;
    assert_eq!(code, 422, "{status}");
    let causes = status["details"]["causes"].as_array().unwrap();
    let fields: Vec<&str> = causes.iter().map(|cause| cause["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "spec.variables[0].expression",
            "spec.validations[0].expression",
            "spec.validations[0].messageExpression",
            "spec.validations[1].expression",
            "spec.validations[2].expression",
            "spec.auditAnnotations[0].valueExpression",
        ]
    );
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("undeclared reference to 'params'"), "{message}");
}

/// What a policy says of fields that its kinds do not have is noted, not refused.
#[tokio::test]
async fn types_are_checked_and_noted() {
    let api = Harness::start().await;
    let spec = json!({"validations": [{"expression": "object.replicas > 1"}]});
    let (code, stored) = post(&api, "validatingadmissionpolicies", policy("p", spec)).await;
    assert_eq!(code, 201, "{stored}");
    // The rule names all versions, which are not looked through.
    assert_eq!(stored["status"]["typeChecking"], json!({}), "{stored}");
    let path = format!("{GROUP}/validatingadmissionpolicies/p");
    let patch = json!({"spec": {"matchConstraints": {"resourceRules": [{
        "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"],
        "resources": ["deployments"],
    }]}}});
    let (code, stored) = api.ask_as("PATCH", &path, "application/merge-patch+json", patch).await;
    assert_eq!(code, 200, "{stored}");
    assert_eq!(stored["status"]["observedGeneration"], stored["metadata"]["generation"]);
    let warnings = &stored["status"]["typeChecking"]["expressionWarnings"];
    assert_eq!(warnings[0]["fieldRef"], "spec.validations[0].expression", "{stored}");
    let warning = warnings[0]["warning"].as_str().unwrap();
    assert!(
        warning.starts_with(
            "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'"
        ),
        "{warning}"
    );
}

//! What is refused of workloads, of volumes and of what rules over them, and what may not change.

use serde_json::{Value, json};

use super::{changes, faults};

fn named(fields: Value) -> Value {
    let mut whole = json!({"metadata": {"name": "a", "namespace": "d", "uid": "u"}});
    whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    whole
}

fn pod(more: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "a", "image": "x"}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"labels": {"app": "a"}}, "spec": spec})
}

fn set(more: Value) -> Value {
    let mut spec = json!({"selector": {"matchLabels": {"app": "a"}}, "template": pod(json!({})), "serviceName": "a"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    named(json!({"spec": spec}))
}

/// A job as the API makes it, with its labels and its selector.
fn job(more: Value) -> Value {
    let labels = json!({"controller-uid": "u", "job-name": "a",
        "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "a"});
    let mut template = pod(json!({"restartPolicy": "Never"}));
    template["metadata"]["labels"] = labels;
    let mut spec = json!({"template": template,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    named(json!({"spec": spec}))
}

#[test]
fn workloads_name_their_faults() {
    let forever =
        job(json!({"template": {"metadata": job(json!({}))["spec"]["template"]["metadata"],
        "spec": {"containers": [{"name": "a", "image": "x"}]}}}));
    let tables: &[(&str, Value, &[&str])] = &[
        ("statefulsets.apps", set(json!({})), &[]),
        (
            "statefulsets.apps",
            set(
                json!({"podManagementPolicy": "X", "updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}),
            ),
            &[
                "spec.podManagementPolicy: Invalid value: \"X\": must be 'OrderedReady' or 'Parallel'",
                "spec.updateStrategy.rollingUpdate: Invalid value: {\"partition\":1}: only allowed for updateStrategy 'RollingUpdate'",
            ],
        ),
        ("daemonsets.apps", set(json!({})), &[]),
        (
            "daemonsets.apps",
            set(json!({"updateStrategy": {"rollingUpdate": {"maxSurge": "10%"}}})),
            &[
                "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: \"10%\": may not be set when maxUnavailable is non-zero",
            ],
        ),
        ("jobs.batch", job(json!({})), &[]),
        (
            "jobs.batch",
            forever,
            &[
                "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
            ],
        ),
        (
            "jobs.batch",
            job(json!({"completions": -1, "completionMode": "Some", "maxFailedIndexes": 1})),
            &[
                "spec.completions: Invalid value: -1: must be greater than or equal to 0",
                "spec.completionMode: Unsupported value: \"Some\": supported values: \"Indexed\", \"NonIndexed\"",
                "spec.maxFailedIndexes: Invalid value: 1: must be less than or equal to completions",
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            ],
        ),
        (
            "cronjobs.batch",
            named(
                json!({"spec": {"schedule": "* * *", "timeZone": "Nowhere/Land", "concurrencyPolicy": "X",
                "jobTemplate": {"spec": {"template": pod(json!({"restartPolicy": "Never"}))}}}}),
            ),
            &[
                "spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]",
                "spec.timeZone: Invalid value: \"Nowhere/Land\": unknown time zone Nowhere/Land",
                "spec.concurrencyPolicy: Unsupported value: \"X\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
            ],
        ),
        (
            "horizontalpodautoscalers.autoscaling",
            named(
                json!({"spec": {"minReplicas": 5, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": ""}}}),
            ),
            &[
                "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`",
                "spec.scaleTargetRef.name: Required value",
            ],
        ),
        (
            "poddisruptionbudgets.policy",
            named(json!({"spec": {"minAvailable": 1, "maxUnavailable": "101%"}})),
            &[
                "spec: Invalid value: {\"maxUnavailable\":\"101%\",\"minAvailable\":1}: minAvailable and maxUnavailable cannot be both set",
                "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
            ],
        ),
    ];
    for (kind, body, expected) in tables {
        assert_eq!(faults(kind, body), *expected, "{kind} {body}");
    }
}

#[test]
fn volumes_and_rules_name_their_faults() {
    let claim = |spec: Value| named(json!({"spec": spec}));
    let tables: &[(&str, Value, &[&str])] = &[
        (
            "persistentvolumeclaims",
            claim(json!({"accessModes": ["X"], "resources": {"requests": {"storage": "0"}}})),
            &[
                "spec.accessModes: Unsupported value: \"X\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
            ],
        ),
        (
            "persistentvolumes",
            claim(
                json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "local": {"path": "/data"}}),
            ),
            &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
        ),
        (
            "limitranges",
            claim(
                json!({"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"}}, {"type": "X"}]}),
            ),
            &[
                "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than default request value 1",
                "spec.limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1",
                "spec.limits[1].type: Invalid value: \"X\": must be a standard limit type or fully qualified",
            ],
        ),
        (
            "resourcequotas",
            claim(
                json!({"hard": {"pods": "1500m", "bogus": "1", "count/things.example.com": "2"}, "scopes": ["BestEffort", "NotBestEffort"]}),
            ),
            &[
                "spec.hard[bogus]: Invalid value: \"bogus\": must be a standard resource type or fully qualified",
                "spec.hard[pods]: Invalid value: \"1500m\": must be an integer",
                "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes",
            ],
        ),
        (
            "priorityclasses.scheduling.k8s.io",
            named(json!({"value": 1_000_000_001})),
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        ),
        (
            "ingresses.networking.k8s.io",
            named(json!({"spec": {"rules": [{"host": "1.2.3.4", "http": {"paths": [
                {"path": "x", "pathType": "Exact", "backend": {"service": {"name": "web", "port": {"number": 80, "name": "http"}}}}]}}]}})),
            &[
                "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address",
                "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path",
                "spec.rules[0].http.paths[0].backend: Invalid value: \"\": cannot set both port name & port number",
            ],
        ),
        (
            "networkpolicies.networking.k8s.io",
            named(
                json!({"spec": {"podSelector": {}, "ingress": [{"from": [{}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]}}),
            ),
            &[
                "spec.ingress[0].from[0]: Required value: must specify a peer",
                "spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: \"11.0.0.0/8\": must be a strict subset of `cidr`",
            ],
        ),
        (
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            named(
                json!({"webhooks": [{"name": "short", "sideEffects": "Some", "admissionReviewVersions": ["v9"], "clientConfig": {}}]}),
            ),
            &[
                "webhooks[0].name: Invalid value: \"short\": should be a domain with at least three segments separated by dots",
                "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
                "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
                "webhooks[0].admissionReviewVersions: Invalid value: [\"v9\"]: must include at least one of v1, v1beta1",
            ],
        ),
        (
            "customresourcedefinitions.apiextensions.k8s.io",
            named(
                json!({"spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": false}]}}),
            ),
            &[
                "metadata.name: Invalid value: \"a\": must be spec.names.plural+\".\"+spec.group",
                "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
                "spec.versions: Invalid value: [{\"name\":\"v1\",\"served\":true,\"storage\":false}]: must have exactly one version marked as storage version",
            ],
        ),
    ];
    for (kind, body, expected) in tables {
        assert_eq!(faults(kind, body), *expected, "{kind} {body}");
    }
}

#[test]
fn what_was_chosen_once_stays() {
    let claim = |size: &str, class: &str, phase: &str| {
        named(json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": size}}}, "status": {"phase": phase}}))
    };
    let tables: &[(&str, Value, Value, &[&str])] = &[
        (
            "statefulsets.apps",
            set(json!({"replicas": 1})),
            set(json!({"replicas": 2, "serviceName": "b"})),
            &[
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ],
        ),
        (
            "jobs.batch",
            job(json!({"completions": 4})),
            job(json!({"completions": 4, "parallelism": 3, "suspend": true})),
            &[],
        ),
        (
            "jobs.batch",
            job(json!({"completions": 1})),
            job(json!({"completions": 2})),
            &["spec.completions: Invalid value: 2: field is immutable"],
        ),
        ("persistentvolumeclaims", claim("1Gi", "s", "Bound"), claim("2Gi", "s", "Bound"), &[]),
        (
            "persistentvolumeclaims",
            claim("1Gi", "s", "Pending"),
            claim("1Gi", "t", "Pending"),
            &[
                "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            ],
        ),
        (
            "priorityclasses.scheduling.k8s.io",
            named(json!({"value": 1})),
            named(json!({"value": 2})),
            &["value: Forbidden: may not be changed in an update."],
        ),
        (
            "storageclasses.storage.k8s.io",
            named(json!({"provisioner": "a.b/c", "parameters": {"a": "b"}})),
            named(json!({"provisioner": "a.b/c"})),
            &["parameters: Forbidden: updates to parameters are forbidden."],
        ),
        (
            "runtimeclasses.node.k8s.io",
            named(json!({"handler": "a"})),
            named(json!({"handler": "b"})),
            &["handler: Invalid value: \"b\": field is immutable"],
        ),
        (
            "controllerrevisions.apps",
            named(json!({"data": {"a": 1}, "revision": 1})),
            named(json!({"data": {"a": 2}, "revision": 2})),
            &["data: Invalid value: {\"a\":2}: field is immutable"],
        ),
    ];
    for (kind, old, new, expected) in tables {
        assert_eq!(changes(kind, old, new), *expected, "{kind} {new}");
    }
}

/// What is resized keeps its class, and nothing but CPU and memory changes.
#[test]
fn pods_are_resized_within_their_class() {
    let of = |resources: Value| {
        let container = json!({"name": "a", "image": "x", "resources": resources});
        let body = json!({"metadata": {"name": "a"}, "spec": {"containers": [container]}});
        let mut object = super::decode("pods", &body);
        object.prepare_create();
        object
    };
    let told = |new: Value| {
        let old = of(
            json!({"requests": {"cpu": "1", "example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}),
        );
        let mut new = of(new);
        new.prepare_update(&*old, "resize");
        let mut errors = object::FieldErrors::default();
        new.validate_part(&*old, "resize", &mut errors);
        errors.0.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let gpu = json!({"example.com/gpu": "1"});
    assert_eq!(
        told(json!({"requests": {"cpu": "2", "example.com/gpu": "1"}, "limits": gpu})),
        [""; 0]
    );
    assert_eq!(
        told(json!({"requests": {"example.com/gpu": "2"}, "limits": {"example.com/gpu": "2"}})),
        [
            "spec: Invalid value: \"BestEffort\": Pod QOS Class may not change as a result of resizing",
            "spec.containers[0].resources.limits: Forbidden: only cpu and memory resources are mutable",
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
            "spec.containers[0].resources.requests: Forbidden: only cpu and memory resources are mutable",
        ]
    );
}

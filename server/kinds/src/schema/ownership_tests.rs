//! The types of kinds and server-side apply together.

use jiff::Timestamp;
use object::patch::apply::{Write, apply, track};
use serde_json::{Value, json};

use crate::{find, schema::of};

fn write(manager: &str) -> Write<'_> {
    Write { manager, api_version: "apps/v1", subresource: "", now: Timestamp::UNIX_EPOCH }
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "nginx", "labels": {"app": "nginx"}},
        "spec": {
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "nginx"}},
            "strategy": {
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                "type": "RollingUpdate",
            },
            "template": {
                "metadata": {"labels": {"app": "nginx"}},
                "spec": {
                    "containers": [{
                        "image": "nginx", "imagePullPolicy": "Always", "name": "nginx",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "resources": {}, "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
                    "schedulerName": "default-scheduler", "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                },
            },
        },
    })
}

/// What a Kubernetes server writes for `kubectl create deployment nginx --image=nginx --port=80`.
#[test]
fn creation_is_owned_as_in_kubernetes() {
    let def = find("deployments.apps").unwrap();
    let mut object = deployment();
    track(None, &mut object, of(def), &write("kubectl-create"));
    assert_eq!(
        object["metadata"]["managedFields"][0]["fieldsV1"],
        json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {},
                "f:selector": {},
                "f:strategy": {
                    "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                    "f:type": {},
                },
                "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {
                        "f:containers": {"k:{\"name\":\"nginx\"}": {
                            ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                            "f:ports": {
                                ".": {},
                                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                                    ".": {}, "f:containerPort": {}, "f:protocol": {},
                                },
                            },
                            "f:resources": {}, "f:terminationMessagePath": {},
                            "f:terminationMessagePolicy": {},
                        }},
                        "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {},
                        "f:securityContext": {}, "f:terminationGracePeriodSeconds": {},
                    },
                },
            },
        })
    );
}

/// An applier names less than there is: defaults stay, and belong to nobody else's conflict.
#[test]
fn applying_to_a_deployment_merges_by_the_keys_of_its_types() {
    let def = find("deployments.apps").unwrap();
    let mut live = deployment();
    track(None, &mut live, of(def), &write("kubectl-create"));
    let config = |spec: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nginx"},
            "spec": {"template": {"spec": spec}},
        })
    };
    let sidecar = config(json!({"containers": [{"name": "side", "image": "s"}]}));
    let applied = apply(Some(&live), &sidecar, of(def), &write("helm"), false).unwrap();
    let containers = &applied["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["name"], "nginx");
    assert_eq!(containers[1], json!({"name": "side", "image": "s"}));

    let port = json!({"containerPort": 80, "name": "http"});
    let ports = config(json!({"containers": [{"name": "nginx", "image": "n", "ports": [port]}]}));
    let error = apply(Some(&applied), &ports, of(def), &write("helm"), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using apps/v1: .spec.template.spec.containers[name=\"nginx\"].image"
    );
    let forced = apply(Some(&applied), &ports, of(def), &write("helm"), true).unwrap();
    let containers = forced["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1, "the side-car is no longer applied");
    assert_eq!(
        containers[0]["ports"],
        json!([{"containerPort": 80, "name": "http", "protocol": "TCP"}]),
        "the protocol's default tells which port is meant"
    );
}

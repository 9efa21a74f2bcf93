//! The old form of a Service's endpoints.

use super::*;
use crate::testing::Lab;

fn lab() -> Lab {
    Lab::with([
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "d", "uid": "service"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
    ])
}

fn pod(lab: &mut Lab, name: &str, ready: &str) -> Key {
    lab.put(json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "labels": {"app": "web"}, "uid": name},
        "spec": {"nodeName": "one", "containers": []},
        "status": {"phase": "Running", "podIP": "10.42.0.1",
            "conditions": [{"type": "Ready", "status": ready}]}}))
}

fn names(value: &Value) -> Vec<&str> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|address| address["targetRef"]["name"].as_str().unwrap()).collect()
}

#[test]
fn keeps_ready_and_other_addresses_apart() {
    let mut lab = lab();
    pod(&mut lab, "b", "True");
    pod(&mut lab, "a", "True");
    pod(&mut lab, "c", "False");
    let leaving = pod(&mut lab, "d", "True");
    lab.edit(&leaving, |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
    lab.settle(&[CONTROLLER]);
    let endpoints = lab.value(&Key::new(ENDPOINTS, "d", "web"));
    let subset = &endpoints["subsets"][0];
    assert_eq!(names(&subset["addresses"]), ["a", "b"]);
    assert_eq!(names(&subset["notReadyAddresses"]), ["c"]);
    assert_eq!(subset["ports"], json!([{"name": "http", "port": 8080, "protocol": "TCP"}]));
    assert_eq!(endpoints["metadata"]["ownerReferences"][0]["uid"], "service");
}

#[test]
fn is_empty_when_no_pod_is_left() {
    let mut lab = lab();
    let only = pod(&mut lab, "a", "True");
    lab.settle(&[CONTROLLER]);
    lab.remove(&only);
    let plan = lab.plan(&CONTROLLER, &Key::new(backends::SERVICES, "d", "web"));
    assert!(plan.to_string().ends_with("\"subsets\":null}\n"), "{plan}");
    lab.settle(&[CONTROLLER]);
}

#[test]
fn somebody_elses_endpoints_are_left_alone() {
    let mut lab = lab();
    let service = Key::new(backends::SERVICES, "d", "web");
    lab.edit(&service, |service| service["spec"] = json!({"ports": [{"port": 80}]}));
    lab.put(json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web", "namespace": "d"},
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}]}]}));
    assert!(lab.plan(&CONTROLLER, &service).actions.is_empty());
}

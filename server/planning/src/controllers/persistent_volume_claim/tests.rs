//! Rounds of claims and volumes: a world in, a plan as text out.

use serde_json::{Value, json};

use super::*;
use crate::{controllers::persistent_volume, testing::Lab};

const BOTH: [Controller; 2] = [CONTROLLER, persistent_volume::CONTROLLER];

fn claim(class: Option<&str>, mode: &str, size: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "d", "uid": "claim"},
        "spec": {"accessModes": [mode], "storageClassName": class,
            "resources": {"requests": {"storage": size}}}})
}

fn volume(name: &str, size: &str, node: Option<&str>) -> Value {
    let is_node = |node: &str| {
        json!({"required": {"nodeSelectorTerms": [{"matchFields":
            [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}})
    };
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "slow", "persistentVolumeReclaimPolicy": "Retain",
            "nodeAffinity": node.map(is_node), "hostPath": {"path": "/x"}}})
}

fn user(node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"},
        "spec": {"nodeName": node, "containers": [],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}})
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn lab(objects: impl IntoIterator<Item = Value>) -> Lab {
    let fixed = [storage::local_class(), node("one"), node("two")];
    Lab::with(fixed.into_iter().chain(objects))
}

fn key() -> Key {
    Key::new(CLAIMS, "d", "data")
}

fn phases(lab: &Lab) -> Vec<String> {
    let objects = lab.world.of_kind(CLAIMS).chain(lab.world.of_kind(VOLUMES));
    objects
        .map(|entry| {
            let value = lab.value(&entry.key);
            format!("{} {}", entry.key.name, value["status"]["phase"].as_str().unwrap_or("-"))
        })
        .collect()
}

#[test]
fn a_local_volume_is_made_where_the_first_consumer_is() {
    let mut lab = lab([claim(None, "ReadWriteOnce", "1Gi")]);
    lab.settle(&BOTH);
    assert_eq!(phases(&lab), ["data Pending"]);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains("WaitForFirstConsumer"), "{plan}");
    let pod = lab.put(user("two"));
    lab.settle(&BOTH);
    assert_eq!(phases(&lab), ["data Bound", "pvc-claim Bound"]);
    let volume = lab.value(&Key::new(VOLUMES, "", "pvc-claim"));
    assert_eq!(volume["spec"]["local"]["path"], "/var/lib/longshore-node/two/claims/pvc-claim");
    assert_eq!(lab.value(&key())["status"]["capacity"]["storage"], "1Gi");
    for controller in &BOTH {
        for key in [key(), Key::new(VOLUMES, "", "pvc-claim")] {
            assert!(lab.plan(controller, &key).actions.is_empty(), "{}", controller.name);
        }
    }
    // It grows with its claim, and stays while a pod uses it.
    lab.edit(&key(), |c| c["spec"]["resources"]["requests"]["storage"] = "2Gi".into());
    lab.settle(&BOTH);
    assert_eq!(lab.value(&key())["status"]["capacity"]["storage"], "2Gi");
    let deleted = json!("2026-01-01T00:00:00Z");
    lab.edit(&key(), |claim| claim["metadata"]["deletionTimestamp"] = deleted);
    assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    lab.remove(&pod);
    lab.settle(&BOTH);
    assert!(phases(&lab).is_empty(), "the volume goes with its claim: {:?}", phases(&lab));
}

#[test]
fn the_smallest_volume_that_fits_is_taken() {
    let mut lab = lab([
        volume("huge", "9Gi", None),
        volume("small", "500Mi", None),
        volume("right", "2Gi", None),
        claim(Some("slow"), "ReadWriteOnce", "1Gi"),
    ]);
    lab.settle(&BOTH);
    assert_eq!(phases(&lab), ["data Bound", "huge Available", "right Bound", "small Available"]);
    lab.remove(&key());
    lab.settle(&BOTH);
    assert_eq!(phases(&lab)[1], "right Released", "what is to be retained stays");
}

#[test]
fn a_claim_may_name_its_volume() {
    let mut claim = claim(Some("slow"), "ReadWriteOnce", "1Gi");
    claim["spec"]["volumeName"] = "huge".into();
    let mut lab = lab([claim, volume("huge", "9Gi", None), volume("right", "1Gi", None)]);
    lab.settle(&BOTH);
    assert_eq!(phases(&lab), ["data Bound", "huge Bound", "right Available"]);
    lab.edit(&Key::new(VOLUMES, "", "huge"), |v| v["metadata"]["finalizers"] = Value::Null);
    lab.remove(&Key::new(VOLUMES, "", "huge"));
    lab.settle(&BOTH);
    assert_eq!(phases(&lab)[0], "data Lost");
}

#[test]
fn what_a_folder_can_not_be_is_told() {
    let mut lab = lab([claim(Some("local"), "ReadWriteMany", "1Gi"), user("one")]);
    lab.settle(&BOTH);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains("ProvisioningFailed") && !plan.contains("create"), "{plan}");
    assert_eq!(phases(&lab), ["data Pending"]);
}

#[test]
fn an_unknown_class_is_told() {
    let lab = lab([claim(Some("none"), "ReadWriteOnce", "1Gi")]);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.contains("storageclass.storage.k8s.io \"none\" not found"), "{plan}");
}

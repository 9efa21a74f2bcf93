//! Kinds of storage.

use serde_json::{Value, json};

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]
#[tokio::test]
async fn csi_driver_runs_through_its_life() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/csidrivers";
    let sample = json!({"spec": {"attachRequired": false, "podInfoOnMount": true, "volumeLifecycleModes": ["Ephemeral"]}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]
#[tokio::test]
async fn csi_node_runs_through_its_life() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/csinodes";
    let sample = json!({"spec": {"drivers": []}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]
#[tokio::test]
async fn csi_storage_capacity_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/namespaces/default/csistoragecapacities";
    let sample = json!({"storageClassName": "tried", "capacity": "1Gi", "nodeTopology": {"matchLabels": {"zone": "a"}}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]
#[tokio::test]
async fn storage_class_runs_through_its_life() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/storageclasses";
    let sample = json!({"provisioner": "example.com/tried", "reclaimPolicy": "Delete"});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]
#[tokio::test]
async fn volume_attachment_runs_through_its_life() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/volumeattachments";
    let sample = json!({"spec": {"attacher": "tried.example.com", "nodeName": "one", "source": {"persistentVolumeName": "pv"}}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]
#[tokio::test]
async fn changes_apply_to_a_volume_attachment_status() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/volumeattachments";
    let sample = json!({"spec": {"attacher": "tried.example.com", "nodeName": "one", "source": {"persistentVolumeName": "pv"}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(json!({"attached": true, "attachmentMetadata": {"path": "/dev/a"}}));
    tried.operate(&api).await;
}

/// Conformance: [sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass [Conformance]
#[tokio::test]
async fn volume_attributes_class_runs_through_its_life() {
    let api = Harness::start().await;
    let path = "/apis/storage.k8s.io/v1/volumeattributesclasses";
    let sample = json!({"driverName": "tried.example.com", "parameters": {"iops": "100"}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]
#[tokio::test]
async fn a_pod_may_have_an_inline_csi_volume() {
    let api = Harness::start().await;
    let path = "/api/v1/namespaces/default/pods";
    let volume = json!({"name": "v", "csi": {"driver": "tried.example.com", "volumeAttributes": {"a": "b"}}});
    let pod = json!({"metadata": {"name": "a"}, "spec": {"volumes": [volume],
        "containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}});
    let (code, made) = api.ask("POST", path, pod).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["spec"]["volumes"][0]["csi"]["driver"], "tried.example.com");
    let patch = json!({"metadata": {"labels": {"patched": "true"}}});
    let media = "application/strategic-merge-patch+json";
    let (code, patched) = api.ask_as("PATCH", &format!("{path}/a"), media, patch).await;
    assert_eq!((code, &patched["metadata"]["labels"]["patched"]), (200, &json!("true")));
    assert_eq!(api.get(path).await["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.ask("DELETE", &format!("{path}/a"), Value::Null).await.0, 200);
}

/// Conformance: [sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]
/// Conformance: [sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]
#[tokio::test]
async fn changes_apply_to_the_status_of_a_volume_and_of_a_claim() {
    let api = Harness::start().await;
    let volume = json!({"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        "csi": {"driver": "tried.example.com", "volumeHandle": "h"}}});
    let claim = json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}}}});
    for (path, sample, status) in [
        (
            "/api/v1/persistentvolumes",
            volume,
            json!({"phase": "Available", "message": "tried", "reason": "Tried"}),
        ),
        (
            "/api/v1/namespaces/default/persistentvolumeclaims",
            claim,
            json!({"phase": "Pending", "conditions": [{"type": "Tried", "status": "True", "reason": "Tried"}]}),
        ),
    ] {
        let mut tried = Tried::new(path, sample);
        tried.status = Some(status);
        tried.operate(&api).await;
    }
}

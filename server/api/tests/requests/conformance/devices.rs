//! Devices, claims of them, and slices that offer them.

use serde_json::json;

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceClass [Conformance]
#[tokio::test]
async fn device_class_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/resource.k8s.io/v1/deviceclasses";
    let sample = json!({"spec": {"selectors": [{"cel": {"expression": "device.driver == \"tried.example.com\""}}]}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceTaintRule [Conformance]
#[tokio::test]
async fn device_taint_rule_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/resource.k8s.io/v1/devicetaintrules";
    let sample = json!({"spec": {"deviceSelector": {"driver": "tried.example.com"}, "taint": {"key": "example.com/tried", "effect": "NoSchedule"}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"conditions": [{"type": "Tried", "status": "True", "reason": "Tried", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim [Conformance]
#[tokio::test]
async fn resource_claim_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims";
    let sample = json!({"spec": {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "tried.example.com"}}]}}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(
        json!({"devices": [{"driver": "tried.example.com", "pool": "a", "device": "b", "conditions": []}]}),
    );
    tried.operate(&api).await;
}

/// Conformance: [sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate [Conformance]
#[tokio::test]
async fn resource_claim_template_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates";
    let sample = json!({"spec": {"spec": {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "tried.example.com"}}]}}}});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice [Conformance]
#[tokio::test]
async fn resource_slice_supports_crud() {
    let api = Harness::start().await;
    let path = "/apis/resource.k8s.io/v1/resourceslices";
    let sample = json!({"spec": {"driver": "tried.example.com", "nodeName": "one", "pool": {"name": "one", "generation": 1, "resourceSliceCount": 1}, "devices": [{"name": "gpu-0"}]}});
    Tried::new(path, sample).operate(&api).await;
}

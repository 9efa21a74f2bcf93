//! Ingresses and their classes.

use serde_json::json;

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-network] Ingress API should support creating Ingress API operations [Conformance]
#[tokio::test]
async fn ingress_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
    let sample = json!({"spec": {"ingressClassName": "tried",
    "defaultBackend": {"service": {"name": "default", "port": {"number": 80}}},
    "rules": [{"host": "tried.example.com", "http": {"paths": [{"path": "/", "pathType": "ImplementationSpecific",
        "backend": {"service": {"name": "web", "port": {"name": "http"}}}}]}}],
    "tls": [{"hosts": ["tried.example.com"], "secretName": "tls"}]}});
    let mut tried = Tried::new(path, sample);
    tried.status = Some(json!({"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}}));
    tried.operate(&api).await;
}

/// Conformance: [sig-network] IngressClass API should support creating IngressClass API operations [Conformance]
#[tokio::test]
async fn ingress_class_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/networking.k8s.io/v1/ingressclasses";
    let sample = json!({"spec": {"controller": "example.com/controller"}});
    Tried::new(path, sample).operate(&api).await;
}

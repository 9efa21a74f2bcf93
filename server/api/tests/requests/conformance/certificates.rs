//! Requests for certificates.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::operations::Tried;
use crate::harness::Harness;

/// Conformance: [sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]
#[tokio::test]
async fn certificate_signing_request_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let signer = "example.com/tried";
    let usages = ["digital signature", "key encipherment", "server auth"];
    let sample = json!({"spec": {"request": request(), "signerName": signer, "usages": usages, "expirationSeconds": 3600}});
    let mut tried = Tried::new(path, sample);
    tried.status =
        Some(json!({"conditions": [{"type": "Failed", "status": "True", "reason": "Tried"}]}));
    tried.operate(&api).await;
}

/// Conformance: [sig-auth] PodCertificateRequest API [Privileged:ClusterAdmin] should support PodCertificateRequest API operations [Conformance]
#[tokio::test]
async fn pod_certificate_request_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/certificates.k8s.io/v1/namespaces/default/podcertificaterequests";
    let sample = json!({"spec": {"signerName": "example.com/tried", "podName": "a", "podUID": "p",
        "serviceAccountName": "default", "serviceAccountUID": "s", "nodeName": "one", "nodeUID": "n",
        "maxExpirationSeconds": 86400, "stubPKCS10Request": request()}});
    Tried::new(path, sample).operate(&api).await;
}

/// A PEM request for a certificate, in base64 as the API has bytes.
fn request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["tried.example.com".to_owned()]).unwrap();
    STANDARD.encode(params.serialize_request(&key).unwrap().pem().unwrap())
}

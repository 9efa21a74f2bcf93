//! For tests: requests for certificates.

use k8s_openapi::ByteString;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

/// A request as it is stored; several groups become one odd one, for want of a way to write them.
pub(crate) fn request(
    name: &str,
    signer: &str,
    common_name: &str,
    groups: &[&str],
    names: &[&str],
    usages: &[&str],
) -> Value {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if !groups.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, groups.join("+"));
    }
    let key = KeyPair::generate().unwrap();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {"request": ByteString(pem.into_bytes()), "signerName": signer, "usages": usages},
        "status": {}})
}

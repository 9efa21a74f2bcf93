use base64::{Engine, prelude::BASE64_STANDARD};
use object::FieldErrors;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::{AnyObject, cast};

const NAME: &str = "certificatesigningrequests.certificates.k8s.io";

fn request(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "jane");
    params.distinguished_name.push(DnType::OrganizationName, "dev");
    let key = KeyPair::generate().unwrap();
    params.serialize_request(&key).unwrap().pem().unwrap()
}

fn csr(change: impl FnOnce(&mut Value)) -> Box<dyn AnyObject> {
    let mut body = json!({"metadata": {"name": "jane"}, "spec": {
        "request": BASE64_STANDARD.encode(request(&[])),
        "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}});
    change(&mut body);
    crate::find(NAME).unwrap().codec.decode_value(body).unwrap()
}

fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut errors = FieldErrors::default();
    csr(change).validate(&mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn reads_whom_a_certificate_is_asked_for() {
    let asked = Asked::read(request(&["a.example", "10.0.0.1"]).as_bytes()).unwrap();
    assert_eq!((asked.common_name.as_str(), asked.organizations.len()), ("jane", 1));
    assert_eq!(asked.dns_names, ["a.example"]);
    assert_eq!(asked.addresses, ["10.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    let other = request(&[]).replace("CERTIFICATE REQUEST", "CERTIFICATE");
    for (bad, why) in [
        ("nonsense", "PEM block type"),
        (other.as_str(), "PEM block type"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "read"),
    ] {
        let error = Asked::read(bad.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn refuses_what_no_signer_could_sign() {
    assert_eq!(faults(|_| {}), Vec::<String>::new());
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (|csr| csr["spec"]["request"] = "AAAA".into(), "spec.request: Invalid value"),
        (|csr| csr["spec"]["usages"] = json!([]), "spec.usages: Required value"),
        (|csr| csr["spec"]["usages"] = json!(["any", "any"]), "spec.usages[1]: Duplicate value"),
        (|csr| csr["spec"]["usages"] = json!(["fun"]), "spec.usages[0]: Unsupported value"),
        (|csr| csr["spec"]["signerName"] = "x".into(), "spec.signerName: Invalid value"),
        (
            |csr| csr["spec"]["signerName"] = "kubernetes.io/legacy-unknown".into(),
            "the legacy signerName is not allowed",
        ),
        (
            |csr| csr["spec"]["expirationSeconds"] = 599.into(),
            "may not specify a duration less than 600 seconds (10 minutes)",
        ),
        (
            |csr| {
                csr["status"]["conditions"] = json!([{"type": "Approved", "status": "True"},
                    {"type": "Denied", "status": "True"}]);
            },
            "Approved and Denied conditions are mutually exclusive",
        ),
        (
            |csr| csr["status"]["certificate"] = BASE64_STANDARD.encode("no").into(),
            "status.certificate: Invalid value",
        ),
    ];
    for (change, expected) in cases {
        let faults = faults(change);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(expected), "{faults:?}");
    }
}

#[test]
fn status_and_approval_change_their_own_part_only() {
    let decided = |kind: &str| json!([{"type": kind, "status": "True"}]);
    let old = csr(|_| {});
    let write = |subresource: &str, old: &dyn AnyObject, status: Value| {
        let mut new = csr(|csr| {
            csr["status"] = status;
            csr["spec"]["usages"] = json!(["any"]);
        });
        new.prepare_update(old, subresource);
        assert_eq!(new.to_value()["spec"], old.to_value()["spec"]);
        new
    };
    let plain = write("", &*old, json!({"conditions": decided("Approved")}));
    assert!(conditions(cast::<CertificateSigningRequest>(&*plain).unwrap()).is_empty());
    let told = write("status", &*old, json!({"conditions": decided("Approved")}));
    let told = cast::<CertificateSigningRequest>(&*told).unwrap();
    assert!(conditions(told).is_empty(), "who signs does not approve");
    let given = json!({"conditions": decided("Approved"), "certificate": "AAAA"});
    let approved = write("approval", &*old, given);
    assert!(approved.to_value()["status"]["certificate"].is_null());
    assert_eq!(approved.to_value()["status"]["conditions"][0]["type"], "Approved");
    let failed = write("status", &*approved, json!({"conditions": decided("Failed")}));
    let cells = failed.cells(jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(cells.last().unwrap(), "Approved,Failed");
    let mut errors = FieldErrors::default();
    old.validate_update(&*failed, &mut errors);
    assert_eq!(errors.0.len(), 2, "{errors}");
}

//! kubectl with every sort of credential, against a real server: certificates that were asked for,
//! tokens of accounts, in their own name and in another's.

use std::{fs, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tests::{ControlPlane, eventually};

#[test]
fn kubectl_comes_with_every_sort_of_credential() {
    let plane = ControlPlane::start("credentials");
    a_user_gets_a_certificate(&plane);
    a_request_is_denied(&plane);
    an_account_gets_a_token(&plane);
    a_secret_for_a_token_is_filled(&plane);
    rights_are_told_and_kept(&plane);
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

/// The key and the object that asks for its certificate.
fn request(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "developers");
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let object = serde_json::json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {"request": BASE64_STANDARD.encode(pem), "usages": ["client auth"],
            "signerName": "kubernetes.io/kube-apiserver-client", "expirationSeconds": 3600},
    });
    (key.serialize_pem(), object.to_string())
}

fn a_user_gets_a_certificate(plane: &ControlPlane) {
    let (key, object) = request("jane");
    plane.kubectl_with("create -f -", &object).ok();
    contains(&plane.kubectl("get csr jane").ok(), &["Pending", "admin", "60m"]);
    plane.kubectl("certificate approve jane").ok();
    let certificate = eventually("the certificate is given", Duration::from_secs(20), || {
        let given = plane.kubectl("get csr jane -o jsonpath={.status.certificate}").ok();
        if given.is_empty() { Err("nothing yet".to_owned()) } else { Ok(given) }
    });
    contains(&plane.kubectl("get csr jane").ok(), &["Approved,Issued"]);
    let config = plane.folder.join("jane.kubeconfig");
    let ca = BASE64_STANDARD.encode(fs::read(plane.data().join("ca.pem")).unwrap());
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{}", plane.address),
            "certificate-authority-data": ca}}],
        "users": [{"name": "jane", "user": {"client-certificate-data": certificate,
            "client-key-data": BASE64_STANDARD.encode(key)}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "jane"}}],
    });
    fs::write(&config, text.to_string()).unwrap();
    let jane = format!("--kubeconfig={}", config.display());
    contains(&plane.kubectl(&format!("{jane} auth whoami")).ok(), &["jane", "developers"]);
    let refused = plane.kubectl(&format!("{jane} get pods")).fails();
    contains(&refused, &["User \"jane\" cannot list resource \"pods\""]);
    plane.kubectl("create rolebinding developers --clusterrole=edit --group=developers").ok();
    plane.kubectl(&format!("{jane} create configmap of-jane --from-literal=a=b")).ok();
}

fn a_request_is_denied(plane: &ControlPlane) {
    let (_, object) = request("mallory");
    plane.kubectl_with("create -f -", &object).ok();
    plane.kubectl("certificate deny mallory").ok();
    contains(&plane.kubectl("get csr mallory").ok(), &["Denied"]);
}

fn an_account_gets_a_token(plane: &ControlPlane) {
    plane.kubectl("create serviceaccount bot").ok();
    let token = plane.kubectl("create token bot --duration=10m").ok();
    let with = format!("--token={}", token.trim());
    contains(
        &plane.kubectl(&format!("{with} auth whoami")).ok(),
        &["system:serviceaccount:default:bot", "system:serviceaccounts"],
    );
    let told = plane.kubectl("auth can-i list pods --as=system:serviceaccount:default:bot");
    contains(&told.result().unwrap_err(), &["no"]);
    plane.kubectl("delete serviceaccount bot").ok();
    contains(&plane.kubectl(&format!("{with} auth whoami")).fails(), &["Unauthorized"]);
}

fn a_secret_for_a_token_is_filled(plane: &ControlPlane) {
    plane.kubectl("create serviceaccount robot").ok();
    let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "robot-token",
            "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token"});
    plane.kubectl_with("create -f -", &secret.to_string()).ok();
    let token = eventually("the token is there", Duration::from_secs(20), || {
        let token = plane.kubectl("get secret robot-token -o jsonpath={.data.token}").ok();
        if token.is_empty() { Err("nothing yet".to_owned()) } else { Ok(token) }
    });
    let token = String::from_utf8(BASE64_STANDARD.decode(token.trim()).unwrap()).unwrap();
    let who = plane.kubectl(&format!("--token={token} auth whoami")).ok();
    contains(&who, &["system:serviceaccount:default:robot"]);
    contains(&plane.kubectl("describe secret robot-token").ok(), &["ca.crt", "namespace"]);
}

fn rights_are_told_and_kept(plane: &ControlPlane) {
    let listed = plane.kubectl("auth can-i --list --as=jane --as-group=developers").ok();
    contains(&listed, &["configmaps", "selfsubjectaccessreviews.authorization.k8s.io", "/version"]);
    let role = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules:
- {apiGroups: [''], resources: [pods], verbs: [get]}
";
    contains(&plane.kubectl_with("auth reconcile -f -", role).ok(), &["reader"]);
    let more = role.replace("[get]", "[get, list]");
    plane.kubectl_with("auth reconcile -f -", &more).ok();
    let verbs = plane.kubectl("get role reader -o jsonpath={.rules[*].verbs}").ok();
    contains(&verbs, &["list"]);
    let greedy = plane
        .kubectl("create role all --verb=* --resource=secrets --as=jane --as-group=developers");
    contains(&greedy.fails(), &["cannot create resource \"roles\""]);
    let view = plane.kubectl("get clusterrole view -o jsonpath={.rules[*].resources}").ok();
    contains(&view, &["configmaps"]);
    assert!(!view.contains("secrets"), "{view}");
}

//! Which certificates the cluster gives to whom: what its signers take, and which requests of
//! agents need nobody's approval.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kinds::certificate_signing_request::Asked;

use crate::access::{Access, Attributes, User, Verdict};

/// Clients of the API: people and programs.
pub(crate) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Agents as clients of the API.
pub(crate) const NODE_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// What agents serve.
pub(crate) const NODE_SERVING: &str = "kubernetes.io/kubelet-serving";

const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
const SIGNATURE: &str = "digital signature";
const ENCIPHERMENT: &str = "key encipherment";
const CLIENT_AUTH: &str = "client auth";
const SERVER_AUTH: &str = "server auth";

/// Whether the cluster's own authority signs for this signer.
pub(crate) fn is_ours(signer: &str) -> bool {
    matches!(signer, CLIENT | NODE_CLIENT | NODE_SERVING)
}

/// Why our signer does not take a request.
pub(crate) fn check(request: &CertificateSigningRequest) -> Result<(), String> {
    let asked = Asked::read(&request.spec.request.0)?;
    let usages = request.spec.usages.as_deref().unwrap_or_default();
    match request.spec.signer_name.as_str() {
        NODE_CLIENT => check_node_client(&asked, usages),
        NODE_SERVING => check_node_serving(&asked, usages),
        _ => check_client(usages),
    }
}

fn check_client(usages: &[String]) -> Result<(), String> {
    let known = [SIGNATURE, ENCIPHERMENT, CLIENT_AUTH];
    if let Some(other) = usages.iter().find(|usage| !known.contains(&usage.as_str())) {
        return Err(format!("invalid usage for client certificate: {other}"));
    }
    if usages.iter().all(|usage| usage != CLIENT_AUTH) {
        return Err(format!("missing required usage for client certificate: {CLIENT_AUTH}"));
    }
    Ok(())
}

fn check_node(asked: &Asked) -> Result<(), String> {
    if asked.organizations != [NODES] {
        return Err("subject organization is not system:nodes".to_owned());
    }
    if asked.common_name.strip_prefix(NODE_PREFIX).is_none_or(str::is_empty) {
        return Err(format!("subject common name does not begin with {NODE_PREFIX}"));
    }
    if !asked.emails.is_empty() {
        return Err("email subjectAltNames are not allowed".to_owned());
    }
    if !asked.uris.is_empty() {
        return Err("URI subjectAltNames are not allowed".to_owned());
    }
    Ok(())
}

fn check_node_client(asked: &Asked, usages: &[String]) -> Result<(), String> {
    check_node(asked)?;
    if !asked.dns_names.is_empty() {
        return Err("DNS subjectAltNames are not allowed".to_owned());
    }
    if !asked.addresses.is_empty() {
        return Err("IP subjectAltNames are not allowed".to_owned());
    }
    check_exact(usages, CLIENT_AUTH)
}

fn check_node_serving(asked: &Asked, usages: &[String]) -> Result<(), String> {
    check_node(asked)?;
    if asked.dns_names.is_empty() && asked.addresses.is_empty() {
        return Err("at least one DNS or IP subjectAltName is required".to_owned());
    }
    check_exact(usages, SERVER_AUTH)
}

/// What a certificate is for, a signature, and at most the encipherment of keys.
fn check_exact(usages: &[String], purpose: &str) -> Result<(), String> {
    let has = |usage: &str| usages.iter().any(|one| one == usage);
    let known = |usage: &String| [SIGNATURE, ENCIPHERMENT, purpose].contains(&usage.as_str());
    if has(SIGNATURE) && has(purpose) && usages.iter().all(known) {
        return Ok(());
    }
    Err(format!("usages did not match {SIGNATURE}, {purpose}, and optionally {ENCIPHERMENT}"))
}

/// The user who sent a request.
pub(crate) fn sender(request: &CertificateSigningRequest) -> User {
    let spec = &request.spec;
    User {
        name: spec.username.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    }
}

/// Why a request is approved without anybody's word: an agent asks for a certificate as the node
/// that it is, or somebody may ask for any node's. `None`: a person decides.
pub(crate) fn approval(
    request: &CertificateSigningRequest,
    access: &Access,
) -> Option<&'static str> {
    let usages = request.spec.usages.as_deref().unwrap_or_default();
    let asked = Asked::read(&request.spec.request.0).ok()?;
    if request.spec.signer_name != NODE_CLIENT || check_node_client(&asked, usages).is_err() {
        return None;
    }
    let sender = sender(request);
    let may = |subresource: &str| {
        let wanted = Attributes {
            verb: "create".to_owned(),
            group: "certificates.k8s.io".to_owned(),
            resource: "certificatesigningrequests".to_owned(),
            subresource: subresource.to_owned(),
            ..Attributes::default()
        };
        access.authorize(&sender, &wanted) == Verdict::Allowed
    };
    if sender.name == asked.common_name && may("selfnodeclient") {
        Some("Auto approving self kubelet client certificate after SubjectAccessReview.")
    } else if may("nodeclient") {
        Some("Auto approving kubelet client certificate after SubjectAccessReview.")
    } else {
        None
    }
}

/// Whether a user may do that with what a signer signs, by its name or by its whole domain.
pub(crate) fn may(access: &Access, user: &User, verb: &str, signer: &str) -> bool {
    let domain = signer.split('/').next().unwrap_or_default();
    [signer.to_owned(), format!("{domain}/*")].into_iter().any(|name| {
        let wanted = Attributes {
            verb: verb.to_owned(),
            group: "certificates.k8s.io".to_owned(),
            resource: "signers".to_owned(),
            name,
            ..Attributes::default()
        };
        access.authorize(user, &wanted) == Verdict::Allowed
    })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{testing::request, *};
    use crate::access::bootstrap;

    fn decode(body: serde_json::Value) -> CertificateSigningRequest {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn signers_take_what_they_are_for() {
        let node = ("system:node:one", &["system:nodes"][..]);
        let client = ["digital signature", "client auth"];
        let serving = ["digital signature", "key encipherment", "server auth"];
        for (signer, (name, groups), names, usages, why) in [
            (CLIENT, ("jane", &["dev", "ops"][..]), &[][..], &client[..], ""),
            (
                CLIENT,
                ("jane", &[]),
                &[],
                &serving,
                "invalid usage for client certificate: server auth",
            ),
            (CLIENT, ("jane", &[]), &[], &client[..1], "missing required usage"),
            (NODE_CLIENT, node, &[], &client, ""),
            (
                NODE_CLIENT,
                ("jane", &["system:nodes"]),
                &[],
                &client,
                "does not begin with system:node:",
            ),
            (NODE_CLIENT, ("system:node:one", &[]), &[], &client, "not system:nodes"),
            (
                NODE_CLIENT,
                ("system:node:one", &["system:nodes", "system:masters"]),
                &[],
                &client,
                "not system:nodes",
            ),
            (NODE_CLIENT, node, &["a.example"], &client, "DNS subjectAltNames are not allowed"),
            (NODE_CLIENT, node, &["10.0.0.1"], &client, "IP subjectAltNames are not allowed"),
            (NODE_CLIENT, node, &[], &serving, "usages did not match"),
            (NODE_SERVING, node, &["10.0.0.1"], &serving, ""),
            (NODE_SERVING, node, &[], &serving, "at least one DNS or IP"),
            (NODE_SERVING, node, &["10.0.0.1"], &client, "usages did not match"),
        ] {
            let checked = check(&decode(request("r", signer, name, groups, names, usages)));
            let error = checked.err().unwrap_or_default();
            assert!(error.contains(why) && error.is_empty() == why.is_empty(), "{signer}: {error}");
        }
    }

    #[test]
    fn agents_renew_their_certificates_by_themselves() {
        let mut access = Access::default();
        for (key, body) in bootstrap() {
            access.apply(&key, Some(body.to_string().as_bytes()));
        }
        let of = |user: &str, name: &str| {
            let usages = ["digital signature", "client auth"];
            let mut body = request("r", NODE_CLIENT, name, &["system:nodes"], &[], &usages);
            body["spec"]["username"] = user.into();
            body["spec"]["groups"] = json!(["system:nodes", "system:authenticated"]);
            decode(body)
        };
        let own = of("system:node:one", "system:node:one");
        assert!(approval(&own, &access).unwrap().contains("self kubelet client"));
        assert_eq!(approval(&of("system:node:one", "system:node:two"), &access), None);
        assert_eq!(approval(&of("jane", "system:node:two"), &access), None);
        let master = User::new("admin", &[crate::access::MASTERS]);
        assert!(may(&access, &master, "approve", CLIENT));
        assert!(!may(&access, &sender(&own), "approve", NODE_CLIENT));
    }
}

//! Who asks for a certificate is written down by the API; who approves or signs must be allowed to
//! do so for that signer; and nobody gets the rights of all by a certificate.

use jiff::Timestamp;
use k8s_openapi::{
    api::certificates::v1::{
        CertificateSigningRequest as Csr, CertificateSigningRequestCondition as Condition,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kinds::{
    AnyObject, cast, cast_mut,
    certificate_signing_request::{
        Asked, CertificateSigningRequest, certificate, conditions, find,
    },
};
use object::ApiError;

use super::Request;
use crate::{
    World,
    access::MASTERS,
    certificates::{CLIENT, may},
};

pub(super) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    let Some(new) = cast_mut::<CertificateSigningRequest>(object) else { return Ok(()) };
    let old = request.old.and_then(cast::<CertificateSigningRequest>);
    let refused = match (old, request.subresource) {
        (None, _) => {
            note_sender(request, new);
            check_subject(new)
        }
        (Some(old), "approval") => {
            note_times(new, old, request.now);
            check_signer(request, old, "approve")
        }
        (Some(old), "status")
            if certificate(old) != certificate(new) || conditions(old) != conditions(new) =>
        {
            note_times(new, old, request.now);
            check_signer(request, old, "sign")
        }
        _ => Ok(()),
    };
    refused.map_err(|why| request.forbid(object, why))
}

/// Whatever the request says of its sender.
fn note_sender(request: &Request<'_>, csr: &mut Csr) {
    let user = request.user;
    csr.spec.username = Some(user.name.clone());
    csr.spec.uid = (!user.uid.is_empty()).then(|| user.uid.clone());
    csr.spec.groups = Some(user.groups.clone());
    csr.spec.extra = (!user.extra.is_empty()).then(|| user.extra.clone());
}

fn check_subject(csr: &Csr) -> Result<(), String> {
    let signer = csr.spec.signer_name.as_str();
    // What can not be read is refused by the kind.
    let asked = Asked::read(&csr.spec.request.0).unwrap_or_default();
    if signer == CLIENT && asked.organizations.iter().any(|group| group == MASTERS) {
        return Err(format!("use of {signer} signer with {MASTERS} group is not allowed"));
    }
    Ok(())
}

fn check_signer(request: &Request<'_>, csr: &Csr, verb: &str) -> Result<(), String> {
    let signer = csr.spec.signer_name.as_str();
    if may(request.access, request.user, verb, signer) {
        return Ok(());
    }
    Err(format!("user not permitted to {verb} requests with signerName {signer:?}"))
}

/// When a condition came about, where its writer does not say.
fn note_times(new: &mut Csr, old: &Csr, now: Timestamp) {
    let written = new.status.as_mut().and_then(|status| status.conditions.as_mut());
    for one in written.into_iter().flatten() {
        one.last_update_time.get_or_insert(Time(now));
        if one.last_transition_time.is_none() {
            let before = find(old, &one.type_).filter(|before| before.status == one.status);
            let since = before.and_then(|before: &Condition| before.last_transition_time.clone());
            one.last_transition_time = Some(since.unwrap_or(Time(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        access::{User, bootstrap},
        admission::{admit, testing::Bench},
        certificates::testing::request as csr,
    };

    const KIND: &str = "certificatesigningrequests.certificates.k8s.io";

    fn bench() -> Bench {
        let binding = json!({"metadata": {"name": "b"}, "subjects": [{"kind": "User", "name": "guard"}],
            "roleRef": {"kind": "ClusterRole", "name": "system:certificates.k8s.io:kube-apiserver-client-approver"}});
        let roles = bootstrap().into_iter();
        let bench = roles.fold(Bench::new(), |bench, (key, role)| bench.with(&key.kind, role));
        bench.with("clusterrolebindings.rbac.authorization.k8s.io", binding)
    }

    #[test]
    fn who_asks_is_written_down() {
        let bench = bench();
        let jane = User { uid: "u".into(), ..User::new("jane", &["dev"]) };
        let request = Request { user: &jane, ..bench.request(KIND) };
        let usages = ["client auth"];
        let mut body = csr("r", CLIENT, "jane", &["dev"], &[], &usages);
        body["spec"]["username"] = "somebody-else".into();
        body["spec"]["extra"] = json!({"a": ["b"]});
        let mut object = bench.object(KIND, body);
        admit(&request, &mut *object, &bench.world).unwrap();
        let spec = object.to_value()["spec"].clone();
        assert_eq!(spec["username"], "jane");
        assert_eq!((&spec["uid"], &spec["groups"]), (&json!("u"), &json!(["dev"])));
        assert!(spec["extra"].is_null());
        let mut all = bench.object(KIND, csr("r", CLIENT, "jane", &[MASTERS], &[], &usages));
        let error = admit(&request, &mut *all, &bench.world).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "{KIND} \"r\" is forbidden: use of {CLIENT} signer with system:masters group is not allowed"
            )
        );
    }

    #[test]
    fn approving_and_signing_are_rights_of_their_own() {
        let bench = bench();
        let old = bench.object(KIND, csr("r", CLIENT, "jane", &["dev"], &[], &["client auth"]));
        let write = |user: &str, subresource: &'static str, status: Value| {
            let user = User::new(user, &[]);
            let request =
                Request { user: &user, subresource, old: Some(&*old), ..bench.request(KIND) };
            let mut new = old.to_value();
            new["status"] = status;
            let mut new = bench.object(KIND, new);
            admit(&request, &mut *new, &bench.world).map_err(|error| error.message)?;
            Ok::<_, String>(new.to_value()["status"].clone())
        };
        let approved = || json!({"conditions": [{"type": "Approved", "status": "True"}]});
        let status = write("guard", "approval", approved()).unwrap();
        assert!(status["conditions"][0]["lastTransitionTime"].is_string(), "{status}");
        assert_eq!(status["conditions"][0]["lastUpdateTime"], "2026-01-01T00:00:00Z");
        for (user, subresource, status, verb) in [
            ("jane", "approval", approved(), "approve"),
            ("guard", "status", json!({"certificate": "AAAA"}), "sign"),
        ] {
            let refused = write(user, subresource, status).unwrap_err();
            let why = format!("user not permitted to {verb} requests with signerName {CLIENT:?}");
            assert!(refused.ends_with(&why), "{refused}");
        }
        write("jane", "status", json!({})).unwrap();
    }
}

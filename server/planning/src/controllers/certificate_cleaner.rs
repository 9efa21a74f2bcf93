//! Removes requests for certificates that are over: decided or given a while ago, expired, or never
//! decided.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest as Csr;
use kinds::certificate_signing_request::{
    APPROVED, CertificateSigningRequest, DENIED, FAILED, certificate, conditions, find,
};
use object::Key;
use x509_parser::pem::Pem;

use super::certificate_approval::REQUESTS;
use crate::{Action, Change, Controller, Plan, Round, World};

pub const CONTROLLER: Controller = Controller {
    name: "certificatesigningrequest-cleaner-controller",
    watches: &[REQUESTS],
    keys_for,
    plan,
};

/// How long a request stays that was decided, and one that was not.
const DECIDED: SignedDuration = SignedDuration::from_hours(1);
const PENDING: SignedDuration = SignedDuration::from_hours(24);

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    vec![change.key.clone()]
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let ends = entry.decode::<CertificateSigningRequest>().and_then(|csr| end(&csr));
    let Some(ends) = ends else { return Plan::default() };
    let left = ends.duration_since(round.now);
    if left.is_positive() {
        let left = Duration::from_secs(left.as_secs().unsigned_abs() + 1);
        return Plan { requeue_after: Some(left), ..Plan::default() };
    }
    let action = Action::Delete {
        key: round.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: None,
        grace_seconds: None,
    };
    Plan { actions: vec![action], ..Plan::default() }
}

/// When a request is over.
fn end(csr: &Csr) -> Option<Timestamp> {
    let created = csr.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let since = |kind: &str| {
        let condition = find(csr, kind)?;
        condition.last_update_time.as_ref().map(|time| time.0).or(created)
    };
    let given = certificate(csr);
    let after = |time: Option<Timestamp>, rest| time.and_then(|time| time.checked_add(rest).ok());
    let ends = [
        after(since(DENIED), DECIDED),
        after(since(FAILED), DECIDED),
        after(since(APPROVED).filter(|_| given.is_some()), DECIDED),
        given.filter(|_| find(csr, APPROVED).is_some()).and_then(expiry),
        // One that is approved for a signer that never signs waits no longer than any other.
        after(created.filter(|_| given.is_none() && !is_refused(csr)), PENDING),
    ];
    ends.into_iter().flatten().min()
}

fn is_refused(csr: &Csr) -> bool {
    conditions(csr).iter().any(|condition| matches!(condition.type_.as_str(), DENIED | FAILED))
}

/// When the first certificate of a chain ends.
fn expiry(pem: &[u8]) -> Option<Timestamp> {
    let block = Pem::iter_from_buffer(pem).next()?.ok()?;
    let certificate = block.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        certificates::{CLIENT, testing::request},
        testing::Lab,
    };

    const HOUR: i64 = 3600;

    #[test]
    fn requests_that_are_over_go() {
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        let given = json!(ByteString(signed.into_bytes()));
        let decided = |kind: &str| json!([{"type": kind, "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z"}]);
        for (status, hours) in [
            (json!({}), 24),
            (json!({"conditions": decided("Denied")}), 1),
            (json!({"conditions": decided("Failed")}), 1),
            (json!({"conditions": decided("Approved")}), 24),
            (json!({"conditions": decided("Approved"), "certificate": given}), 1),
        ] {
            let mut lab = Lab::new();
            let mut body = request("r", CLIENT, "jane", &[], &[], &["client auth"]);
            body["status"] = status.clone();
            let key = lab.put(body);
            lab.pass(hours * HOUR - 60);
            let early = lab.plan(&CONTROLLER, &key);
            assert!(early.actions.is_empty() && early.requeue_after.is_some(), "{status}");
            lab.pass(61);
            let late = lab.plan(&CONTROLLER, &key).to_string();
            assert!(late.starts_with("delete"), "{status}: {late}");
        }
    }

    #[test]
    fn what_ends_with_its_certificate() {
        let pem = {
            let mut params = rcgen::CertificateParams::default();
            params.not_after = rcgen::date_time_ymd(2026, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        let midnight: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(expiry(pem.as_bytes()), Some(midnight));
        assert_eq!(expiry(b"nonsense"), None);
        let never: Value = json!({"metadata": {}, "spec": {"request": "", "signerName": ""}});
        assert_eq!(end(&serde_json::from_value(never).unwrap()), None);
    }
}

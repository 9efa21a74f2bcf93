//! Has approved requests for certificates signed by the cluster's authority, when they are for one
//! of its own signers and ask for what that one gives.

use k8s_openapi::{
    api::certificates::v1::CertificateSigningRequestCondition as Condition,
    apimachinery::pkg::apis::meta::v1::Time,
};
use kinds::certificate_signing_request::{
    APPROVED, CertificateSigningRequest, DENIED, FAILED, certificate, find,
};
use object::Key;
use serde_json::json;

use super::certificate_approval::REQUESTS;
use crate::{
    Action, Change, Controller, Plan, Round, World,
    certificates::{check, is_ours},
};

pub const CONTROLLER: Controller = Controller {
    name: "certificatesigningrequest-signing-controller",
    watches: &[REQUESTS],
    keys_for,
    plan,
};

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    vec![change.key.clone()]
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(mut csr) = entry.decode::<CertificateSigningRequest>() else {
        return Plan::default();
    };
    let is = |kind: &str| find(&csr, kind).is_some();
    let waits = is(APPROVED) && !is(DENIED) && !is(FAILED) && certificate(&csr).is_none();
    if !waits || !is_ours(&csr.spec.signer_name) {
        return Plan::default();
    }
    csr.metadata.resource_version = Some(entry.revision.to_string());
    let action = match check(&csr) {
        Ok(()) => Action::Sign { key: round.key.clone(), request: json!(csr) },
        Err(why) => {
            let failed = Condition {
                type_: FAILED.to_owned(),
                status: "True".to_owned(),
                reason: Some("SignerValidationFailure".to_owned()),
                message: Some(why),
                last_update_time: Some(Time(round.now)),
                ..Condition::default()
            };
            let status = csr.status.get_or_insert_default();
            status.conditions.get_or_insert_default().push(failed);
            Action::SetStatus { key: round.key.clone(), body: json!(csr) }
        }
    };
    Plan { actions: vec![action], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        certificates::{CLIENT, testing::request},
        testing::Lab,
    };

    #[test]
    fn signs_what_is_approved_and_fits() {
        let mut lab = Lab::new();
        let put = |lab: &mut Lab, name: &str, signer: &str, usages: &[&str], decided: &str| {
            let mut body = request(name, signer, "jane", &["dev"], &[], usages);
            if !decided.is_empty() {
                body["status"]["conditions"] = json!([{"type": decided, "status": "True"}]);
            }
            lab.put(body)
        };
        for (signer, usage, decided, planned) in [
            (CLIENT, "client auth", "Approved", "sign certificatesigningrequests"),
            (CLIENT, "client auth", "", ""),
            (CLIENT, "client auth", "Denied", ""),
            ("example.com/own", "client auth", "Approved", ""),
            (CLIENT, "server auth", "Approved", "status certificatesigningrequests"),
        ] {
            let key = put(&mut lab, "r", signer, &[usage], decided);
            let plan = lab.plan(&CONTROLLER, &key).to_string();
            assert!(plan.starts_with(planned) && plan.is_empty() == planned.is_empty(), "{plan}");
        }
        lab.settle(&[CONTROLLER]);
        let failed = lab.value(&Key::new(REQUESTS, "", "r"))["status"]["conditions"][1].clone();
        assert_eq!(failed["reason"], "SignerValidationFailure");
        assert_eq!(failed["message"], "invalid usage for client certificate: server auth");
    }
}

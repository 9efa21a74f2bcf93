//! Approves the certificates that agents ask for themselves. All others wait for a person.

use k8s_openapi::{
    api::certificates::v1::CertificateSigningRequestCondition as Condition,
    apimachinery::pkg::apis::meta::v1::Time,
};
use kinds::certificate_signing_request::{
    APPROVED, CertificateSigningRequest, DENIED, certificate, find,
};
use object::Key;
use serde_json::json;

use crate::{
    Action, Change, Controller, Plan, Round, World,
    access::Access,
    certificates::{NODE_CLIENT, approval},
};

pub const CONTROLLER: Controller = Controller {
    name: "certificatesigningrequest-approving-controller",
    watches: &[REQUESTS, ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS],
    keys_for,
    plan,
};

pub(super) const REQUESTS: &str = "certificatesigningrequests.certificates.k8s.io";
const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// A right that is given later approves what waits.
fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    match &*change.key.kind {
        REQUESTS => vec![change.key.clone()],
        _ => world.of_kind(REQUESTS).map(|request| request.key.clone()).collect(),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(mut csr) = entry.decode::<CertificateSigningRequest>() else {
        return Plan::default();
    };
    let decided = [APPROVED, DENIED].iter().any(|kind| find(&csr, kind).is_some());
    if decided || certificate(&csr).is_some() || csr.spec.signer_name != NODE_CLIENT {
        return Plan::default();
    }
    let Some(why) = approval(&csr, &access(round.world)) else { return Plan::default() };
    let condition = Condition {
        type_: APPROVED.to_owned(),
        status: "True".to_owned(),
        reason: Some("AutoApproved".to_owned()),
        message: Some(why.to_owned()),
        last_update_time: Some(Time(round.now)),
        ..Condition::default()
    };
    let status = csr.status.get_or_insert_default();
    status.conditions.get_or_insert_default().push(condition);
    csr.metadata.resource_version = Some(entry.revision.to_string());
    let body = json!(csr);
    let action = Action::Update { key: round.key.clone(), subresource: "approval", body };
    Plan { actions: vec![action], ..Plan::default() }
}

/// What may decide, made for this one question: such requests are rare.
fn access(world: &World) -> Access {
    let mut access = Access::default();
    for kind in [ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS] {
        for entry in world.of_kind(kind) {
            access.apply(&entry.key, Some(&entry.body));
        }
    }
    access
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{access::bootstrap, certificates::testing::request, testing::Lab};

    fn lab() -> Lab {
        Lab::with(bootstrap().into_iter().map(|(_, role)| role))
    }

    fn sent(name: &str, user: &str, common_name: &str) -> Value {
        let usages = ["digital signature", "client auth"];
        let mut body = request(name, NODE_CLIENT, common_name, &["system:nodes"], &[], &usages);
        body["spec"]["username"] = user.into();
        body["spec"]["groups"] = json!(["system:nodes"]);
        body
    }

    #[test]
    fn agents_need_nobody_to_renew() {
        let mut lab = lab();
        let own = lab.put(sent("own", "system:node:one", "system:node:one"));
        let other = lab.put(sent("other", "system:node:one", "system:node:two"));
        lab.settle(&[CONTROLLER]);
        let approved = lab.value(&own)["status"]["conditions"][0].clone();
        assert_eq!(
            (&approved["type"], &approved["reason"]),
            (&json!("Approved"), &json!("AutoApproved"))
        );
        assert!(lab.value(&other)["status"]["conditions"].is_null(), "a person decides");
    }

    #[test]
    fn a_right_that_comes_later_approves_what_waits() {
        let mut lab = lab();
        let mut body = sent("new", "system:bootstrap:abcdef", "system:node:new");
        body["spec"]["groups"] = json!(["system:bootstrappers"]);
        let waiting = lab.put(body);
        lab.settle(&[CONTROLLER]);
        assert!(lab.value(&waiting)["status"]["conditions"].is_null());
        lab.put(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "join"}, "subjects": [{"kind": "Group", "name": "system:bootstrappers"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:certificates.k8s.io:certificatesigningrequests:nodeclient"}}));
        lab.settle(&[CONTROLLER]);
        assert_eq!(lab.value(&waiting)["status"]["conditions"][0]["type"], "Approved");
    }
}

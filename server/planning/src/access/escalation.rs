//! Nobody gives away rights that they do not have: who writes a role must hold its rules or the
//! verb `escalate`, who writes a binding must hold its role's rules or the verb `bind`.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};
use kinds::{
    AnyObject, cast, cluster_role::ClusterRole, cluster_role_binding::ClusterRoleBinding,
    role::Role, role_binding::RoleBinding,
};
use object::ApiError;

use super::{
    Access, Attributes, Rule, User, Verdict,
    rules::{not_covered, quoted},
    user::MASTERS,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Refuses a role or binding that grants more than its writer holds; other kinds pass.
///
/// # Errors
/// 403 that lists what the writer lacks, in Kubernetes' wording; 404 for a binding to a role that
/// is not there.
pub fn check_escalation(
    access: &Access,
    user: &User,
    new: &dyn AnyObject,
    old: Option<&dyn AnyObject>,
) -> Result<(), ApiError> {
    if user.is_in(MASTERS) {
        return Ok(());
    }
    let writer = Writer { access, user };
    let metadata = new.metadata();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    if let Some(role) = cast::<Role>(new) {
        if old.and_then(cast::<Role>).is_some_and(|old| old.rules == role.rules) {
            return Ok(());
        }
        return writer.check_role("roles", namespace, name, &rules(role.rules.as_ref()));
    }
    if let Some(role) = cast::<ClusterRole>(new) {
        let same = |old: &k8s_openapi::api::rbac::v1::ClusterRole| {
            old.rules == role.rules && old.aggregation_rule == role.aggregation_rule
        };
        if old.and_then(cast::<ClusterRole>).is_some_and(same) {
            return Ok(());
        }
        let mut rules = rules(role.rules.as_ref());
        if role.aggregation_rule.is_some() {
            // What it will gather is unknown: it may become anything.
            rules.extend(everything());
        }
        return writer.check_role("clusterroles", "", name, &rules);
    }
    if let Some(binding) = cast::<RoleBinding>(new) {
        let same = |old: &k8s_openapi::api::rbac::v1::RoleBinding| {
            old.role_ref == binding.role_ref && old.subjects == binding.subjects
        };
        if old.and_then(cast::<RoleBinding>).is_some_and(same) {
            return Ok(());
        }
        return writer.check_binding("rolebindings", namespace, name, &binding.role_ref);
    }
    if let Some(binding) = cast::<ClusterRoleBinding>(new) {
        let same = |old: &k8s_openapi::api::rbac::v1::ClusterRoleBinding| {
            old.role_ref == binding.role_ref && old.subjects == binding.subjects
        };
        if old.and_then(cast::<ClusterRoleBinding>).is_some_and(same) {
            return Ok(());
        }
        return writer.check_binding("clusterrolebindings", "", name, &binding.role_ref);
    }
    Ok(())
}

struct Writer<'a> {
    access: &'a Access,
    user: &'a User,
}

impl Writer<'_> {
    fn may(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let wanted = Attributes {
            verb: verb.to_owned(),
            group: GROUP.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        };
        self.access.authorize(self.user, &wanted) == Verdict::Allowed
    }

    fn check_role(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        rules: &[Rule],
    ) -> Result<(), ApiError> {
        if self.may("escalate", resource, namespace, name) {
            return Ok(());
        }
        self.check_held(resource, namespace, name, rules)
    }

    fn check_binding(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        role: &RoleRef,
    ) -> Result<(), ApiError> {
        let roles = if role.kind == "Role" { "roles" } else { "clusterroles" };
        if self.may("bind", roles, namespace, &role.name) {
            return Ok(());
        }
        let Some(rules) = self.access.rules_behind(role, namespace) else {
            return Err(ApiError::not_found(&format!("{roles}.{GROUP}"), &role.name));
        };
        self.check_held(resource, namespace, name, &rules)
    }

    fn check_held(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        wanted: &[Rule],
    ) -> Result<(), ApiError> {
        let held: Vec<Rule> = self.access.rules_of(self.user, namespace).cloned().collect();
        let missing = not_covered(&held, wanted);
        if missing.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let why = format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            self.user.name,
            quoted(&self.user.groups),
            told.join("\n")
        );
        Err(ApiError::forbidden(&format!("{resource}.{GROUP}"), name, why))
    }
}

fn rules(rules: Option<&Vec<PolicyRule>>) -> Vec<Rule> {
    rules.into_iter().flatten().map(Rule::from).collect()
}

fn everything() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    [
        Rule { api_groups: all(), resources: all(), verbs: all(), ..Rule::default() },
        Rule { non_resource_urls: all(), verbs: all(), ..Rule::default() },
    ]
}

#[cfg(test)]
mod tests {
    use object::Key;
    use serde_json::{Value, json};

    use super::*;
    use crate::access::bootstrap;

    fn decode(kind: &str, body: &Value) -> Box<dyn AnyObject> {
        let def = kinds::find(&format!("{kind}.{GROUP}")).unwrap();
        def.codec.decode_value(body.clone()).unwrap()
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let mut access = Access::default();
        let binding = json!({"metadata": {"name": "e", "namespace": "d"},
            "roleRef": {"kind": "ClusterRole", "name": "edit"}, "subjects": [{"kind": "User", "name": "x"}]});
        let key = Key::new(format!("rolebindings.{GROUP}").as_str(), "d", "e");
        for (key, body) in bootstrap().into_iter().chain([(key, binding)]) {
            access.apply(&key, Some(body.to_string().as_bytes()));
        }
        let x = User::new("x", &["dev"]);
        let role = |resource: &str| {
            let body = json!({"metadata": {"name": "r", "namespace": "d"},
                "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get", "delete"]}]});
            decode("roles", &body)
        };
        let binding = |role: &str| {
            let body = json!({"metadata": {"name": "b", "namespace": "d"},
                "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": []});
            decode("rolebindings", &body)
        };
        check_escalation(&access, &x, &*role("pods"), None).unwrap();
        check_escalation(&access, &x, &*binding("view"), None).unwrap();
        let refused = check_escalation(&access, &x, &*role("nodes"), None).unwrap_err();
        assert_eq!(
            refused.message,
            "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"x\" (groups=[\"dev\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"delete\" \"get\"]}"
        );
        check_escalation(&access, &x, &*role("nodes"), Some(&*role("nodes"))).unwrap();
        assert!(check_escalation(&access, &x, &*binding("admin"), None).is_err());
        assert!(check_escalation(&access, &x, &*binding("nope"), None).unwrap_err().is_not_found());
        let master = User::new("admin", &[MASTERS]);
        check_escalation(&access, &master, &*binding("admin"), None).unwrap();
        let aggregating =
            decode("clusterroles", &json!({"metadata": {"name": "c"}, "aggregationRule": {}}));
        assert!(check_escalation(&access, &x, &*aggregating, None).is_err());
    }
}

//! Writes into every ClusterRole that aggregates the rules of those that it gathers, for people to
//! read. Who decides on access gathers them by itself.

use object::{Key, selector::LabelSelector};
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World, access::Rule};

pub const CONTROLLER: Controller =
    Controller { name: "clusterrole-aggregation-controller", watches: &[ROLES], keys_for, plan };

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// The role itself, and all that gather: any of them may gather it, or have gathered it before.
fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let gathering = world.of_kind(ROLES).filter(|role| !selectors(role).is_empty());
    gathering.map(|role| role.key.clone()).chain([change.key.clone()]).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(role) = round.world.entry(round.key) else { return Plan::default() };
    let selectors = selectors(role);
    if selectors.is_empty() {
        return Plan::default();
    }
    let mut wanted: Vec<Rule> = Vec::new();
    let mut gathered: Vec<&Entry> = round
        .world
        .of_kind(ROLES)
        .map(|other| &**other)
        .filter(|other| other.key != role.key)
        .collect();
    gathered.retain(|other| selectors.iter().any(|selector| selector.matches(&other.meta.labels)));
    for rule in gathered.iter().flat_map(|other| rules(other)) {
        if !wanted.contains(&rule) {
            wanted.push(rule);
        }
    }
    if rules(role) == wanted {
        return Plan::default();
    }
    let patch = json!({
        "metadata": {"uid": role.meta.uid, "resourceVersion": role.revision.to_string()},
        "rules": wanted,
    });
    let action = Action::Patch { key: role.key.clone(), subresource: "", patch };
    Plan { actions: vec![action], ..Plan::default() }
}

fn body(role: &Entry) -> Value {
    serde_json::from_slice(&role.body).unwrap_or_default()
}

fn rules(role: &Entry) -> Vec<Rule> {
    serde_json::from_value(body(role)["rules"].take()).unwrap_or_default()
}

fn selectors(role: &Entry) -> Vec<LabelSelector> {
    let body = body(role);
    let selectors = body["aggregationRule"]["clusterRoleSelectors"].as_array();
    selectors.into_iter().flatten().filter_map(|one| LabelSelector::from_json(one).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::bootstrap, testing::Lab};

    fn lab() -> Lab {
        let roles = bootstrap().into_iter().filter(|(key, _)| &*key.kind == ROLES);
        Lab::with(roles.map(|(_, role)| role))
    }

    fn grants(lab: &Lab, role: &str, resource: &str) -> bool {
        let rules = lab.value(&Key::new(ROLES, "", role))["rules"].clone();
        let rules = rules.as_array().unwrap();
        rules.iter().any(|rule| rule["resources"].as_array().unwrap().contains(&resource.into()))
    }

    #[test]
    fn roles_show_what_they_gather() {
        let mut lab = lab();
        lab.settle(&[CONTROLLER]);
        assert!(grants(&lab, "view", "pods/log") && !grants(&lab, "view", "secrets"));
        assert!(grants(&lab, "edit", "pods/log") && grants(&lab, "edit", "secrets"));
        assert!(grants(&lab, "admin", "rolebindings") && grants(&lab, "admin", "secrets"));
        let lent = lab.put(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "crontabs", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            "rules": [{"apiGroups": ["example.com"], "resources": ["crontabs"], "verbs": ["get"]}]}));
        lab.settle(&[CONTROLLER]);
        for role in ["view", "edit", "admin"] {
            assert!(grants(&lab, role, "crontabs"), "{role}");
        }
        let change = lab.remove(&lent).unwrap();
        assert!(keys_for(&change, &lab.world).contains(&Key::new(ROLES, "", "view")));
        lab.settle(&[CONTROLLER]);
        for role in ["view", "edit", "admin"] {
            assert!(!grants(&lab, role, "crontabs"), "{role}");
        }
    }
}

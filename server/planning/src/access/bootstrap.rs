//! The roles and bindings that every cluster starts with, and how those that are there are brought
//! up to date.

mod reconcile;
mod roles;

use object::Key;
use serde_json::{Value, json};

use super::Rule;
use roles::{ADMIN, BINDINGS, EDIT, Line, PATHS, ROLES, SIGNERS, USERS, VIEW};

pub use reconcile::completed;

const GROUP: &str = "rbac.authorization.k8s.io";
const SIGNER: &str = "kubernetes.io";

/// Every object, in an order in which they can be created.
pub fn bootstrap() -> Vec<(Key, Value)> {
    let mut all = vec![cluster_role("cluster-admin", everything())];
    all.extend(ROLES.iter().map(|(name, lines)| cluster_role(name, rules(lines))));
    all.extend(PATHS.iter().map(|(name, urls)| cluster_role(name, paths(urls))));
    all.extend(SIGNERS.iter().map(|signer| approver(signer)));
    for (target, lines) in [("view", VIEW), ("edit", EDIT), ("admin", ADMIN)] {
        let name = format!("system:aggregate-to-{target}");
        all.push(labelled(cluster_role(&name, rules(lines)), target));
    }
    all.push(labelled(aggregating("view"), "edit"));
    all.push(labelled(aggregating("edit"), "admin"));
    all.push(aggregating("admin"));
    all.push(authentication_reader());
    for (role, groups) in BINDINGS {
        let subjects = groups.iter().map(|group| subject("Group", group)).collect();
        all.push(binding(role, subjects));
    }
    for (role, user) in USERS {
        all.push(binding(role, vec![subject("User", user)]));
    }
    all
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| if word == "core" { String::new() } else { word.to_owned() })
        .collect()
}

fn rules(lines: &[Line]) -> Vec<Rule> {
    lines
        .iter()
        .map(|(groups, resources, verbs)| Rule {
            api_groups: words(groups),
            resources: words(resources),
            verbs: words(verbs),
            ..Rule::default()
        })
        .collect()
}

fn everything() -> Vec<Rule> {
    let all = || words("*");
    vec![
        Rule { api_groups: all(), resources: all(), verbs: all(), ..Rule::default() },
        Rule { non_resource_urls: all(), verbs: all(), ..Rule::default() },
    ]
}

fn paths(urls: &str) -> Vec<Rule> {
    vec![Rule { non_resource_urls: words(urls), verbs: words("get"), ..Rule::default() }]
}

/// The role of those who approve what one signer is to sign.
fn approver(signer: &str) -> (Key, Value) {
    let mut rules = rules(&[("certificates.k8s.io", "signers", "approve")]);
    rules[0].resource_names = vec![format!("{SIGNER}/{signer}")];
    cluster_role(&format!("system:certificates.k8s.io:{signer}-approver"), rules)
}

/// Servers that extend the API read from a ConfigMap how to know who asks them.
fn authentication_reader() -> (Key, Value) {
    let mut rules = rules(&[("core", "configmaps", "get list watch")]);
    rules[0].resource_names = vec!["extension-apiserver-authentication".to_owned()];
    let name = "extension-apiserver-authentication-reader";
    let mut body = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "Role",
        "metadata": metadata(name), "rules": rules,
    });
    body["metadata"]["namespace"] = "kube-system".into();
    (Key::new("roles.rbac.authorization.k8s.io", "kube-system", name), body)
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
    })
}

fn cluster_role(name: &str, rules: Vec<Rule>) -> (Key, Value) {
    let body = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": metadata(name), "rules": rules,
    });
    (Key::new("clusterroles.rbac.authorization.k8s.io", "", name), body)
}

fn label(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

/// Lends a role's rules to one that aggregates.
fn labelled((key, mut body): (Key, Value), to: &str) -> (Key, Value) {
    body["metadata"]["labels"][label(to)] = "true".into();
    (key, body)
}

/// A role that gathers the rules of those labelled for it; a controller writes them in.
fn aggregating(name: &str) -> (Key, Value) {
    let (key, mut body) = cluster_role(name, Vec::new());
    if let Some(body) = body.as_object_mut() {
        body.remove("rules");
    }
    let selector = json!({"matchLabels": {label(name): "true"}});
    body["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
    (key, body)
}

fn subject(kind: &str, name: &str) -> Value {
    json!({"apiGroup": GROUP, "kind": kind, "name": name})
}

fn binding(role: &str, subjects: Vec<Value>) -> (Key, Value) {
    let body = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRoleBinding",
        "metadata": metadata(role), "subjects": subjects,
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
    });
    (Key::new("clusterrolebindings.rbac.authorization.k8s.io", "", role), body)
}

//! The roles and bindings that every cluster starts with.

use object::Key;
use serde_json::{Value, json};

use super::{
    Rule,
    user::{AUTHENTICATED, MASTERS, UNAUTHENTICATED},
};

const GROUP: &str = "rbac.authorization.k8s.io";
const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const ALL: &str = "create delete deletecollection get list patch update watch";

/// Groups, resources, verbs, each as a list of words; the core group is written `core`.
type Line = (&'static str, &'static str, &'static str);

const VIEW: &[Line] = &[
    (
        "core",
        "bindings configmaps endpoints events limitranges namespaces namespaces/status \
         persistentvolumeclaims persistentvolumeclaims/status pods pods/log pods/status \
         replicationcontrollers replicationcontrollers/scale replicationcontrollers/status \
         resourcequotas resourcequotas/status serviceaccounts services services/status",
        READ,
    ),
    ("discovery.k8s.io", "endpointslices", READ),
    (
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/rollout \
         deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets \
         statefulsets/scale statefulsets/status",
        READ,
    ),
    ("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
    ("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
    ("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
    ("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
];

const EDIT: &[Line] = &[
    ("core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", READ),
    ("core", "serviceaccounts", "impersonate"),
    ("core", "pods pods/attach pods/exec pods/portforward pods/proxy", WRITE),
    ("core", "pods/eviction serviceaccounts/token", "create"),
    (
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers \
         replicationcontrollers/scale secrets serviceaccounts services services/proxy",
        WRITE,
    ),
    (
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets \
         replicasets/scale statefulsets statefulsets/scale",
        WRITE,
    ),
    ("autoscaling", "horizontalpodautoscalers", WRITE),
    ("batch", "cronjobs jobs", WRITE),
    ("policy", "poddisruptionbudgets", WRITE),
    ("networking.k8s.io", "ingresses networkpolicies", WRITE),
    ("coordination.k8s.io", "leases", ALL),
];

const ADMIN: &[Line] = &[
    ("authorization.k8s.io", "localsubjectaccessreviews", "create"),
    (GROUP, "rolebindings roles", ALL),
];

/// What the agents of nodes may is decided by their node; this role tells it to people.
const NODE: &[Line] = &[
    ("core", "nodes", "create get list patch update watch"),
    ("core", "nodes/status", "get patch update"),
    ("core", "services", READ),
    ("discovery.k8s.io", "endpointslices", READ),
    ("core", "pods", "delete get list watch"),
    ("core", "pods/status", "get patch update"),
    ("core", "pods/eviction", "create"),
    ("core", "serviceaccounts/token", "create"),
    ("core", "configmaps secrets serviceaccounts", READ),
    ("core", "events", "create get patch update"),
    ("coordination.k8s.io", "leases", "create delete get patch update"),
    ("longshore.dev", "nodes/tunnel", "create get"),
];

const PUBLIC_PATHS: &str = "/healthz /livez /readyz /version /version/";
const DISCOVERY_PATHS: &str = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* \
                               /readyz /version /version/";
const ISSUER_PATHS: &str = "/.well-known/openid-configuration /openid/v1/jwks";

/// Every object, in an order in which they can be created.
pub fn bootstrap() -> Vec<(Key, Value)> {
    let everything = || {
        let all = || vec!["*".to_owned()];
        vec![
            Rule { api_groups: all(), resources: all(), verbs: all(), ..Rule::default() },
            Rule { non_resource_urls: all(), verbs: all(), ..Rule::default() },
        ]
    };
    let review = |group, resources| rules(&[(group, resources, "create")]);
    let basic = [
        review("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        review("authentication.k8s.io", "selfsubjectreviews"),
    ]
    .concat();
    let (view, edit, admin) = (rules(VIEW), rules(EDIT), rules(ADMIN));
    let edits = [edit.clone(), view.clone()].concat();
    let admins = [admin.clone(), edits.clone()].concat();
    vec![
        role("cluster-admin", everything()),
        role("system:discovery", paths(DISCOVERY_PATHS)),
        role("system:basic-user", basic),
        role("system:public-info-viewer", paths(PUBLIC_PATHS)),
        role("system:service-account-issuer-discovery", paths(ISSUER_PATHS)),
        role("system:node", rules(NODE)),
        role("longshore:login", review("longshore.dev", "sessions")),
        labelled(role("system:aggregate-to-view", view.clone()), "view"),
        labelled(role("system:aggregate-to-edit", edit), "edit"),
        labelled(role("system:aggregate-to-admin", admin), "admin"),
        labelled(aggregating("view", view), "edit"),
        labelled(aggregating("edit", edits), "admin"),
        aggregating("admin", admins),
        binding("cluster-admin", &[MASTERS]),
        binding("system:discovery", &[AUTHENTICATED]),
        binding("system:basic-user", &[AUTHENTICATED]),
        binding("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        binding("system:service-account-issuer-discovery", &["system:serviceaccounts"]),
        binding("longshore:login", &[AUTHENTICATED, UNAUTHENTICATED]),
    ]
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

fn paths(urls: &str) -> Vec<Rule> {
    vec![Rule { non_resource_urls: words(urls), verbs: words("get"), ..Rule::default() }]
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
    })
}

fn role(name: &str, rules: Vec<Rule>) -> (Key, Value) {
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

/// A role that gathers the rules of those labelled for it; its own are what it starts with.
fn aggregating(name: &str, rules: Vec<Rule>) -> (Key, Value) {
    let (key, mut body) = role(name, rules);
    let selector = json!({"matchLabels": {label(name): "true"}});
    body["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
    (key, body)
}

fn binding(role: &str, groups: &[&str]) -> (Key, Value) {
    let subjects: Vec<Value> = groups
        .iter()
        .map(|group| json!({"apiGroup": GROUP, "kind": "Group", "name": group}))
        .collect();
    let body = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRoleBinding",
        "metadata": metadata(role), "subjects": subjects,
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
    });
    (Key::new("clusterrolebindings.rbac.authorization.k8s.io", "", role), body)
}

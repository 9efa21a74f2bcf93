use serde_json::{Value, json};

use super::*;
use crate::access::bootstrap;

fn with(objects: &[(Key, Value)]) -> Access {
    let mut access = Access::default();
    for (key, body) in objects {
        access.apply(key, Some(body.to_string().as_bytes()));
    }
    access
}

fn on(verb: &str, resource: &str, namespace: &str, name: &str) -> Attributes {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    Attributes {
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Attributes::default()
    }
}

fn bind(
    kind: &str,
    namespace: &str,
    name: &str,
    role: (&str, &str),
    subject: Value,
) -> (Key, Value) {
    let key = Key::new(kind, namespace, name);
    let body = json!({"metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": [subject]});
    (key, body)
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "name": name})
}

#[test]
fn every_cluster_starts_with_its_roles() {
    let mut objects = bootstrap();
    objects.push(bind(BINDINGS, "d", "v", ("ClusterRole", "view"), user("viewer")));
    objects.push(bind(BINDINGS, "d", "e", ("ClusterRole", "edit"), user("editor")));
    objects.push(bind(BINDINGS, "d", "a", ("ClusterRole", "admin"), user("admin-of-d")));
    objects.push(bind(
        CLUSTER_BINDINGS,
        "",
        "ci",
        ("ClusterRole", "view"),
        json!({"kind": "ServiceAccount", "namespace": "ci", "name": "bot"}),
    ));
    let access = with(&objects);
    let nobody = User::anonymous();
    let named = |name: &str| User::new(name, &[]).authenticated();
    let bot = User::service_account("ci", "bot", "").authenticated();
    let master = User::new("admin", &[MASTERS]).authenticated();
    for (user, wanted, allowed) in [
        (&nobody, Attributes::path("get", "/version"), true),
        (&nobody, Attributes::path("get", "/readyz"), true),
        (&nobody, Attributes::path("get", "/api"), false),
        (&nobody, on("create", "sessions.longshore.dev", "", ""), true),
        (&nobody, on("list", "sessions.longshore.dev", "", ""), false),
        (&nobody, on("get", "pods", "d", "a"), false),
        (&named("x"), Attributes::path("get", "/apis/apps/v1"), true),
        (&named("x"), on("create", "selfsubjectreviews.authentication.k8s.io", "", ""), true),
        (&named("x"), on("list", "pods", "d", ""), false),
        (&named("viewer"), on("list", "pods", "d", ""), true),
        (&named("viewer"), on("list", "pods", "other", ""), false),
        (&named("viewer"), on("list", "pods", "", ""), false),
        (&named("viewer"), on("get", "secrets", "d", "s"), false),
        (&named("viewer"), on("create", "pods/exec", "d", "a"), false),
        (&named("editor"), on("get", "secrets", "d", "s"), true),
        (&named("editor"), on("get", "configmaps", "d", "s"), true),
        (&named("editor"), on("patch", "deployments.apps", "d", "s"), true),
        (&named("editor"), on("create", "roles.rbac.authorization.k8s.io", "d", ""), false),
        (&named("admin-of-d"), on("create", "roles.rbac.authorization.k8s.io", "d", ""), true),
        (&named("admin-of-d"), on("delete", "pods", "d", "a"), true),
        (&named("admin-of-d"), on("get", "nodes", "", "n"), false),
        (&bot, on("list", "pods", "", ""), true),
        (&bot, on("list", "pods", "any", ""), true),
        (&bot, on("delete", "pods", "ci", "a"), false),
        (&master, on("delete", "nodes", "", "n"), true),
    ] {
        let verdict = access.authorize(user, &wanted);
        assert_eq!(verdict == Verdict::Allowed, allowed, "{} {wanted}", user.name);
    }
}

#[test]
fn aggregated_roles_lend_their_rules_through() {
    let mut objects = bootstrap();
    objects.push(bind(CLUSTER_BINDINGS, "", "a", ("ClusterRole", "admin"), user("x")));
    let mut access = with(&objects);
    let wanted = on("get", "crontabs.example.com", "d", "a");
    let x = User::new("x", &[]);
    assert_ne!(access.authorize(&x, &wanted), Verdict::Allowed);
    let key = Key::new(CLUSTER_ROLES, "", "crontabs");
    let lent = json!({"metadata": {"name": "crontabs", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["crontabs"], "verbs": ["get"]}]});
    access.apply(&key, Some(lent.to_string().as_bytes()));
    assert_eq!(access.authorize(&x, &wanted), Verdict::Allowed, "view, edit, admin");
    access.apply(&key, None);
    assert_ne!(access.authorize(&x, &wanted), Verdict::Allowed);
}

#[test]
fn bindings_follow_their_changes() {
    let role = (
        Key::new(ROLES, "d", "r"),
        json!({"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}]}),
    );
    let account = json!({"kind": "ServiceAccount", "name": "bot"});
    let binding = bind(BINDINGS, "d", "b", ("Role", "r"), account);
    let mut access = with(&[role, binding.clone()]);
    let bot = User::service_account("d", "bot", "");
    assert_eq!(access.authorize(&bot, &on("get", "pods", "d", "a")), Verdict::Allowed);
    assert_ne!(access.authorize(&bot, &on("get", "pods", "d", "b")), Verdict::Allowed);
    assert_ne!(access.authorize(&bot, &on("get", "pods", "e", "a")), Verdict::Allowed);
    let other = bind(BINDINGS, "d", "b", ("Role", "r"), user("x"));
    access.apply(&other.0, Some(other.1.to_string().as_bytes()));
    assert_ne!(access.authorize(&bot, &on("get", "pods", "d", "a")), Verdict::Allowed);
    assert_eq!(
        access.authorize(&User::new("x", &[]), &on("get", "pods", "d", "a")),
        Verdict::Allowed
    );
    access.apply(&other.0, None);
    assert!(access.grants.is_empty());
}

fn pod(name: &str, node: &str) -> (Key, Value) {
    let body = json!({"metadata": {"name": name, "namespace": "d"}, "spec": {
        "nodeName": node, "serviceAccountName": "default",
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [{"name": "v", "secret": {"secretName": "volume"}},
            {"name": "p", "projected": {"sources": [{"configMap": {"name": "projected"}}]}}],
        "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "from"}}]}],
        "containers": [{"name": "c", "env": [{"name": "X", "value": "1"},
            {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}]}]}});
    (Key::new("pods", "d", name), body)
}

#[test]
fn nodes_reach_what_their_pods_refer_to() {
    let mut access = with(&[pod("a", "one"), pod("b", "two")]);
    let one = User::node("one").authenticated();
    let fields = |fields: &str| Attributes { fields: fields.into(), ..on("list", "pods", "", "") };
    for (wanted, allowed) in [
        (on("get", "secrets", "d", "pull"), true),
        (on("get", "secrets", "d", "volume"), true),
        (on("watch", "secrets", "d", "env"), true),
        (on("get", "configmaps", "d", "projected"), true),
        (on("get", "configmaps", "d", "from"), true),
        (on("get", "serviceaccounts", "d", "default"), true),
        (on("create", "serviceaccounts/token", "d", "default"), true),
        (on("create", "serviceaccounts/token", "d", "other"), false),
        (on("get", "secrets", "other", "pull"), false),
        (on("get", "secrets", "d", "unknown"), false),
        (on("list", "secrets", "d", ""), false),
        (on("update", "secrets", "d", "pull"), false),
        (on("get", "pods", "d", "a"), true),
        (on("get", "pods", "d", "b"), false),
        (on("patch", "pods/status", "d", "a"), true),
        (on("patch", "pods/status", "d", "b"), false),
        (on("delete", "pods", "d", "a"), true),
        (on("delete", "pods", "d", "b"), false),
        (on("create", "pods", "d", ""), true),
        (on("update", "pods", "d", "a"), false),
        (on("list", "pods", "", ""), false),
        (fields("spec.nodeName=one"), true),
        (fields("spec.nodeName=two"), false),
        (fields("spec.nodeName!=one"), false),
        (fields("metadata.name=a"), false),
        (Attributes { namespace: "d".into(), ..fields("metadata.name=a") }, true),
        (Attributes { namespace: "d".into(), ..fields("metadata.name=b") }, false),
        (on("list", "nodes", "", ""), true),
        (on("patch", "nodes/status", "", "one"), true),
        (on("patch", "nodes/status", "", "two"), false),
        (on("delete", "nodes", "", "one"), false),
        (on("watch", "endpointslices.discovery.k8s.io", "", ""), true),
        (on("update", "endpointslices.discovery.k8s.io", "d", "a"), false),
        (on("update", "leases.coordination.k8s.io", "kube-node-lease", "one"), true),
        (on("update", "leases.coordination.k8s.io", "kube-node-lease", "two"), false),
        (on("update", "leases.coordination.k8s.io", "kube-system", "one"), false),
        (on("create", "events", "d", ""), true),
        (on("create", "certificatesigningrequests.certificates.k8s.io", "", ""), true),
        (on("update", "certificatesigningrequests.certificates.k8s.io", "", "a"), false),
        (on("create", "tokenreviews.authentication.k8s.io", "", ""), true),
        (on("update", "csinodes.storage.k8s.io", "", "one"), true),
        (on("update", "csinodes.storage.k8s.io", "", "two"), false),
        (on("list", "runtimeclasses.node.k8s.io", "", ""), true),
        (on("get", "users.longshore.dev", "", "admin"), false),
    ] {
        let verdict = access.authorize(&one, &wanted);
        assert_eq!(verdict == Verdict::Allowed, allowed, "{wanted} {}", wanted.name);
    }
    assert_eq!(
        access.authorize(&one, &on("get", "secrets", "d", "unknown")),
        Verdict::Denied("no relationship found between node 'one' and this object".to_owned())
    );
    let impostor = User::new("system:node:one", &[]);
    assert_ne!(access.authorize(&impostor, &on("get", "pods", "d", "a")), Verdict::Allowed);
    let (key, _) = pod("a", "one");
    access.apply(&key, None);
    assert_ne!(access.authorize(&one, &on("get", "secrets", "d", "pull")), Verdict::Allowed);
}

#[test]
fn nodes_reach_volumes_through_the_claims_of_their_pods() {
    let pod = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"nodeName": "one",
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}], "containers": []},
        "status": {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "a-gpu"}]}});
    let volume = json!({"metadata": {"name": "pv"}, "spec": {
        "claimRef": {"namespace": "d", "name": "data"},
        "csi": {"nodePublishSecretRef": {"namespace": "storage", "name": "key"}}}});
    let (pod_key, volume_key) = (Key::new("pods", "d", "a"), Key::new(VOLUMES, "", "pv"));
    let mut access = with(&[(pod_key, pod), (volume_key.clone(), volume)]);
    let (one, two) = (User::node("one"), User::node("two"));
    for (wanted, allowed) in [
        (on("get", "persistentvolumeclaims", "d", "data"), true),
        (on("get", "persistentvolumeclaims", "d", "a-scratch"), true),
        (on("list", "persistentvolumeclaims", "d", "data"), false),
        (on("patch", "persistentvolumeclaims/status", "d", "data"), true),
        (on("patch", "persistentvolumeclaims", "d", "data"), false),
        (on("get", "persistentvolumeclaims", "e", "data"), false),
        (on("get", "persistentvolumes", "", "pv"), true),
        (on("get", "persistentvolumes", "", "other"), false),
        (on("get", "secrets", "storage", "key"), true),
        (on("get", "secrets", "storage", "other"), false),
        (on("get", "resourceclaims.resource.k8s.io", "d", "a-gpu"), true),
    ] {
        let verdict = access.authorize(&one, &wanted);
        assert_eq!(verdict == Verdict::Allowed, allowed, "{wanted} {}", wanted.name);
        assert_ne!(access.authorize(&two, &wanted), Verdict::Allowed, "{wanted}");
    }
    access.apply(&volume_key, None);
    let secret = on("get", "secrets", "storage", "key");
    assert_ne!(access.authorize(&one, &secret), Verdict::Allowed);
}

//! `auth`, impersonation and tokens.

use tests::{ControlPlane, Desk, run};

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "access");
    asks(&desk);
    reconciles(&desk);
    uses_tokens(&desk);
}

fn asks(desk: &Desk<'_>) {
    desk.shows("auth whoami", &["Username", "admin", "system:masters"]);
    desk.shows("auth can-i create deployments", &["yes"]);
    desk.shows("auth can-i '*' '*' --all-namespaces", &["yes"]);
    desk.shows("auth can-i get /healthz", &["yes"]);
    desk.shows("auth can-i --list", &["Resources", "*.*"]);
    desk.run("create serviceaccount robot").ok();
    let robot = "--as=system:serviceaccount:access:robot";
    desk.refuses(&format!("auth can-i list pods {robot}"), &[]);
    desk.run("create rolebinding robots --clusterrole=view --serviceaccount=access:robot").ok();
    desk.shows(&format!("auth can-i list pods {robot}"), &["yes"]);
    let secrets = desk.run(&format!("auth can-i list secrets {robot}"));
    assert_eq!((secrets.code, secrets.stdout.trim()), (1, "no"));
    desk.shows(&format!("auth can-i get pods --subresource=log {robot}"), &["yes"]);
    desk.shows(&format!("auth can-i --list {robot}"), &["pods", "[get list watch]"]);
    desk.shows(
        "auth whoami --as=me --as-group=us --as-uid=7 --as-user-extra=why=tests",
        &["me", "us", "7", "tests"],
    );
    desk.refuses(&format!("get secrets {robot}"), &["is forbidden: User \"system:serviceaccount:access:robot\" cannot list resource \"secrets\" in API group \"\" in the namespace \"access\""]);
    desk.refuses("get pods --as=other", &["cannot list"]);
}

const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kept, namespace: access}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kept, namespace: access}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kept}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: me}]
";

fn reconciles(desk: &Desk<'_>) {
    let reconciled = desk.run_with("auth reconcile -f -", ROLES).ok();
    assert!(
        reconciled.contains("rolebinding.rbac.authorization.k8s.io/kept reconciled"),
        "{reconciled}"
    );
    let more = ROLES.replace("verbs: [get]", "verbs: [list]").replace("name: me", "name: you");
    desk.run_with("auth reconcile -f -", &more).ok();
    desk.shows("get role kept -o jsonpath={.rules[*].verbs}", &["get", "list"]);
    desk.shows("get rolebinding kept -o jsonpath={.subjects[*].name}", &["me you"]);
    desk.run_with("auth reconcile --remove-extra-permissions --remove-extra-subjects -f -", &more)
        .ok();
    desk.shows("get rolebinding kept -o jsonpath={.subjects[*].name}", &["you"]);
}

fn uses_tokens(desk: &Desk<'_>) {
    let token = desk.run("create token robot").ok();
    let asked = |line: &str, token: &str| {
        let mut kubectl = desk.command(line);
        // A token beside the administrator's own would not be used.
        kubectl.args(["--token", token, "--kubeconfig", "/dev/null", "--insecure-skip-tls-verify"]);
        kubectl.arg(format!("--server=https://{}", desk.plane.address));
        run(&mut kubectl, "")
    };
    assert!(asked("auth whoami", token.trim()).ok().contains("system:serviceaccount:access:robot"));
    asked("get pods", token.trim()).ok();
    let refused = asked("get nodes", token.trim()).fails();
    assert!(
        refused.contains("cannot list resource \"nodes\" in API group \"\" at the cluster scope"),
        "{refused}"
    );
    assert!(asked("get pods", "nonsense").fails().contains("logged in"));
    desk.run("delete serviceaccount robot").ok();
    assert!(
        asked("get pods", token.trim()).fails().contains("logged in"),
        "a token ends with its account"
    );
    desk.run_with("create -f -", "apiVersion: v1\nkind: Secret\nmetadata: {name: x, annotations: {kubernetes.io/service-account.name: default}}\ntype: kubernetes.io/service-account-token\n").ok();
}

//! `delete` with everything that it can be asked for.

use std::time::Duration;

use tests::{ControlPlane, Desk, eventually};

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "delete");
    propagates(&desk);
    chooses(&desk);
    holds(&desk);
    empties_namespaces(&desk);
}

fn deploy(desk: &Desk<'_>, name: &str) {
    desk.run(&format!("create deployment {name} --image=busybox:1")).ok();
    count(desk, "pods", name, 1);
}

fn count(desk: &Desk<'_>, kind: &str, app: &str, wanted: usize) {
    eventually(&format!("{wanted} {kind} of {app}"), Duration::from_secs(20), || {
        let found = desk.run(&format!("get {kind} -l app={app} -o name")).ok();
        if found.lines().count() == wanted { Ok(()) } else { Err(found) }
    });
}

fn propagates(desk: &Desk<'_>) {
    for cascade in ["background", "foreground"] {
        deploy(desk, cascade);
        desk.run(&format!("delete deployment {cascade} --cascade={cascade} --timeout=30s")).ok();
        count(desk, "replicasets", cascade, 0);
        count(desk, "pods", cascade, 0);
    }
    deploy(desk, "orphan");
    desk.run("delete deployment orphan --cascade=orphan --timeout=30s").ok();
    count(desk, "replicasets", "orphan", 1);
    desk.run("delete replicaset -l app=orphan --timeout=30s").ok();
    count(desk, "pods", "orphan", 0);
}

fn chooses(desk: &Desk<'_>) {
    for (name, label) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("e", "z")] {
        desk.run(&format!("create configmap {name}")).ok();
        desk.run(&format!("label configmap {name} group={label}")).ok();
    }
    let dry = desk.run("delete configmap a --dry-run=server").ok();
    assert!(dry.contains("(server dry run)"), "{dry}");
    desk.run("get configmap a").ok();
    desk.run("delete configmap a b -o name").ok();
    desk.run("delete configmap -l group=y --wait=false").ok();
    desk.refuses("delete configmap nope", &["configmaps \"nope\" not found"]);
    desk.run("delete configmap nope --ignore-not-found").ok();
    desk.run("delete configmap --field-selector=metadata.name=e").ok();
    desk.run_with("delete -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\n").fails();
    desk.run("delete configmap --all").ok();
    desk.run("run now --image=busybox:1").ok();
    desk.run("delete pod now --now").ok();
    desk.run("run forced --image=busybox:1").ok();
    desk.run("delete pod forced --grace-period=0 --force").ok();
    let raw = desk.run("delete --raw /api/v1/namespaces/delete/configmaps").ok();
    assert!(raw.contains("ConfigMapList"), "{raw}");
}

fn holds(desk: &Desk<'_>) {
    let held =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/held]}\n";
    desk.run_with("create -f -", held).ok();
    desk.refuses("delete configmap held --timeout=1s", &["timed out"]);
    desk.shows("get configmap held -o yaml", &["deletionTimestamp", "example.com/held"]);
    desk.run(r#"patch configmap held --type=merge -p '{"metadata":{"finalizers":null}}'"#).ok();
    desk.run("wait --for=delete configmap/held --timeout=10s").ok();
}

fn empties_namespaces(desk: &Desk<'_>) {
    desk.run("create namespace brief").ok();
    desk.run("create deployment inside --image=busybox:1 -n brief").ok();
    desk.run("delete namespace brief --timeout=60s").ok();
    desk.refuses("get namespace brief", &["namespaces \"brief\" not found"]);
    desk.refuses("create configmap late -n brief", &["namespaces \"brief\" not found"]);
}

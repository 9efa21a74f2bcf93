//! `apply` on both sides, the way from one to the other, `diff`, `edit`, `replace`, kustomize.

use std::time::Duration;

use tests::{ControlPlane, Desk, contains, eventually, run};

const APP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app}}
spec:
  replicas: 1
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - {name: one, image: 'busybox:1', ports: [{containerPort: 80}], env: [{name: A, value: a}]}
        - {name: two, image: 'busybox:1'}
";

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "apply");
    client_side(&desk);
    finds_differences(&desk);
    server_side(&desk);
    migrates(&desk);
    replaces_and_edits(&desk);
    kustomizes(&desk);
    validates(&desk);
}

fn client_side(desk: &Desk<'_>) {
    contains("apply", &desk.apply(APP), &["deployment.apps/app created"]);
    contains("apply", &desk.apply(APP), &["deployment.apps/app unchanged"]);
    // What others set stays; what the manifest had and lost goes; lists merge by their keys.
    desk.run("scale deployment app --replicas=3").ok();
    desk.run("set env deployment/app -c one B=b").ok();
    let changed =
        APP.replace("  replicas: 1\n", "").replace("env: [{name: A, value: a}]", "env: []");
    contains("apply", &desk.apply(&changed), &["configured"]);
    let shown = desk
        .run("get deployment app -o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].env[*].name} {.spec.template.spec.containers[*].name}'")
        .ok();
    assert_eq!(shown, "1 B one two", "replicas fall back, A goes, B stays");
    contains("apply", &desk.apply(APP), &["configured"]);
    desk.shows("apply view-last-applied deployment/app", &["replicas: 1"]);
    let set = desk.file("last.yaml", APP);
    desk.shows(&format!("apply set-last-applied -f {set}"), &["configured"]);
}

/// Conformance: [sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]
fn finds_differences(desk: &Desk<'_>) {
    desk.apply(APP);
    assert_eq!(desk.run_with("diff -f -", APP).ok(), "");
    let changed = APP.replace("name: two, image: 'busybox:1'", "name: two, image: 'busybox:2'");
    for side in ["", " --server-side --force-conflicts"] {
        let diff = desk.run_with(&format!("diff -f -{side}"), &changed);
        assert_eq!(diff.code, 1, "{}", diff.stderr);
        contains("diff", &diff.stdout, &["-      - image: busybox:1", "+      - image: busybox:2"]);
    }
    desk.shows(
        "get deployment app -o jsonpath={.spec.template.spec.containers[1].image}",
        &["busybox:1"],
    );
}

const MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: '1', b: '1'}\n";

fn server_side(desk: &Desk<'_>) {
    let apply = |manager: &str, manifest: &str| {
        desk.run_with(&format!("apply --server-side --field-manager={manager} -f -"), manifest)
    };
    contains("apply", &apply("first", MAP).ok(), &["configmap/owned serverside-applied"]);
    let other = MAP.replace("data: {a: '1', b: '1'}", "data: {b: '2', c: '2'}");
    let conflict = apply("second", &other).fails();
    contains("apply", &conflict, &["Apply failed with 1 conflict", "\"first\"", ".data.b"]);
    desk.run_with("apply --server-side --field-manager=second --force-conflicts -f -", &other).ok();
    let data = "get cm owned -o jsonpath={.data}";
    assert_eq!(desk.run(data).ok(), r#"{"a":"1","b":"2","c":"2"}"#);
    // What its only owner leaves out goes.
    apply("first", &MAP.replace("data: {a: '1', b: '1'}", "data: {}")).ok();
    assert_eq!(desk.run(data).ok(), r#"{"b":"2","c":"2"}"#);
    let owners =
        "get cm owned --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager}'";
    desk.shows(owners, &["second"]);
    let again = apply("second", &other).ok();
    contains("apply", &again, &["serverside-applied"]);
    let dry = MAP.replace("a: '1'", "d: '1'");
    desk.run_with(
        "apply --server-side --dry-run=server --field-manager=first --force-conflicts -f -",
        &dry,
    )
    .ok();
    assert_eq!(desk.run(data).ok(), r#"{"b":"2","c":"2"}"#, "a dry run changes nothing");
}

/// Client-side first, then server-side by the same person: ownership moves, nothing conflicts.
fn migrates(desk: &Desk<'_>) {
    let manifest = MAP.replace("owned", "moved");
    desk.apply(&manifest);
    desk.run_with("apply --server-side -f -", &manifest).ok();
    let less = manifest.replace(", b: '1'", "");
    desk.run_with("apply --server-side -f -", &less).ok();
    assert_eq!(desk.run("get cm moved -o jsonpath={.data}").ok(), r#"{"a":"1"}"#);
    // And back again.
    contains("apply", &desk.apply(&manifest), &["configured"]);
    assert_eq!(desk.run("get cm moved -o jsonpath={.data}").ok(), r#"{"a":"1","b":"1"}"#);
}

fn replaces_and_edits(desk: &Desk<'_>) {
    let replaced = MAP.replace("data: {a: '1', b: '1'}", "data: {z: '1'}");
    // The server's controllers may write in between, as they may anywhere.
    eventually("an object is replaced", Duration::from_secs(10), || {
        desk.run_with("replace -f -", &replaced).result()
    });
    assert_eq!(desk.run("get cm owned -o jsonpath={.data}").ok(), r#"{"z":"1"}"#);
    let uid = desk.run("get cm owned -o jsonpath={.metadata.uid}").ok();
    desk.run_with("replace --force -f -", &replaced).ok();
    assert_ne!(desk.run("get cm owned -o jsonpath={.metadata.uid}").ok(), uid);
    desk.run_with("replace -f -", &MAP.replace("owned", "absent")).fails();
    let mut edit = desk.command("edit cm owned");
    edit.env("EDITOR", "sed -i s/z:/q:/");
    contains("edit", &run(&mut edit, "").ok(), &["configmap/owned edited"]);
    assert_eq!(desk.run("get cm owned -o jsonpath={.data}").ok(), r#"{"q":"1"}"#);
    let mut same = desk.command("edit cm owned");
    contains("edit", &run(same.env("EDITOR", "true"), "").result().unwrap_or_default(), &[]);
}

fn kustomizes(desk: &Desk<'_>) {
    desk.file("kust/app.yaml", APP);
    let file = desk.file(
        "kust/kustomization.yaml",
        "namePrefix: k-\nlabels: [{pairs: {by: kustomize}}]\nresources: [app.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n",
    );
    let folder = file.trim_end_matches("/kustomization.yaml");
    desk.shows(&format!("kustomize {folder}"), &["name: k-app", "by: kustomize"]);
    desk.shows(
        &format!("apply -k {folder}"),
        &["deployment.apps/k-app created", "configmap/k-made-"],
    );
    desk.shows(&format!("apply -k {folder}"), &["deployment.apps/k-app unchanged"]);
    desk.shows(&format!("diff -k {folder}"), &[]);
    desk.shows(&format!("delete -k {folder}"), &["\"k-app\" deleted"]);
}

fn validates(desk: &Desk<'_>) {
    let unknown = MAP.replace("\ndata:", "\ndatum:");
    contains("apply", &desk.run_with("apply -f -", &unknown).fails(), &["unknown field \"datum\""]);
    let warned = desk.run_with("apply --validate=warn -f -", &unknown);
    contains("apply", &warned.stderr, &["Warning: unknown field \"datum\""]);
    desk.run_with("apply --validate=false -f -", &unknown).ok();
    let mistyped = APP.replace("replicas: 1", "replicas: many");
    contains("apply", &desk.run_with("apply -f -", &mistyped).fails(), &["replicas"]);
    let required = APP.replace("  selector: {matchLabels: {app: app}}\n", "");
    contains(
        "apply",
        &desk.run_with("apply -f -", &required.replace("name: app,", "name: x,")).fails(),
        &["spec.selector"],
    );
}

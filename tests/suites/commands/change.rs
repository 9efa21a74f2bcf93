//! What changes one object: `patch`, `label`, `annotate`, `scale`, `set`, `rollout`, `taint`,
//! `cordon`.

use serde_json::Value;
use tests::{ControlPlane, Desk};

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "change");
    desk.run("create deployment web --image=busybox:1 --replicas=1").ok();
    patches(&desk);
    dry_runs(&desk);
    replaces_an_image(&desk);
    labels(&desk);
    scales(&desk);
    sets(&desk);
    rolls(&desk);
    nodes(&desk);
}

/// Conformance: [sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]
fn patches(desk: &Desk<'_>) {
    for (kind, patch) in [
        ("strategic", r#"{"metadata":{"annotations":{"strategic":"yes"}}}"#),
        ("merge", r#"{"metadata":{"annotations":{"merge":"yes"}}}"#),
        ("json", r#"[{"op":"add","path":"/metadata/annotations/json","value":"yes"}]"#),
    ] {
        desk.shows(&format!("patch deployment web --type={kind} -p '{patch}'"), &["patched"]);
    }
    let notes = desk.run("get deployment web -o jsonpath={.metadata.annotations}").ok();
    let notes: Value = serde_json::from_str(&notes).unwrap();
    for kind in ["strategic", "merge", "json"] {
        assert_eq!(notes[kind], "yes", "{notes}");
    }
    desk.run("run patched --image=busybox:1").ok();
    desk.run(r#"patch pod patched -p '{"metadata":{"annotations":{"x":"y"}}}'"#).ok();
    desk.shows("get pod patched -o jsonpath={.metadata.annotations.x}", &["y"]);
    let file = desk.file("patch.yaml", "metadata:\n  annotations:\n    file: 'yes'\n");
    desk.shows(&format!("patch deployment web --patch-file={file}"), &["patched"]);
    desk.shows(
        r#"patch deployment web -p '{"metadata":{"annotations":{"merge":"yes"}}}'"#,
        &["no change"],
    );
    desk.run(
        r#"patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'"#,
    )
    .ok();
    desk.shows("get deployment web -o jsonpath={.spec.replicas}", &["2"]);
    desk.refuses(
        r#"patch deployment web -p '{"spec":{"replicas":-1}}'"#,
        &["must be greater than or equal to 0"],
    );
    desk.refuses(r#"patch deployment web --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'"#, &["the server rejected our request"]);
    desk.refuses(
        r#"patch deployment web -p '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'"#,
        &["field is immutable"],
    );
}

/// Conformance: [sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]
fn dry_runs(desk: &Desk<'_>) {
    desk.run("run dry --image=busybox:1 --labels=run=dry").ok();
    desk.run(r#"patch pod dry -p '{"spec":{"containers":[{"name":"dry","image":"busybox:2"}]}}' --dry-run=server"#).ok();
    desk.shows("get pod dry -o jsonpath={.spec.containers[0].image}", &["busybox:1"]);
}

/// Conformance: [sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]
fn replaces_an_image(desk: &Desk<'_>) {
    desk.run("run replaced --image=busybox:1 --labels=run=replaced").ok();
    let pod = desk.run("get pod replaced -o json").ok();
    let changed = pod.replace("\"image\": \"busybox:1\"", "\"image\": \"busybox:2\"");
    desk.run_with("replace -f -", &changed).ok();
    desk.shows("get pod replaced -o jsonpath={.spec.containers[0].image}", &["busybox:2"]);
}

/// Conformance: [sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]
fn labels(desk: &Desk<'_>) {
    desk.run("run labelled --image=busybox:1").ok();
    desk.run("label pods labelled testing-label=testing-label-value").ok();
    desk.shows("get pod labelled -L testing-label", &["testing-label-value"]);
    desk.run("label pods labelled testing-label-").ok();
    let shown = desk.run("get pod labelled -L testing-label").ok();
    assert!(!shown.contains("testing-label-value"), "{shown}");
    desk.refuses("label pods labelled run=other", &["--overwrite is false"]);
    desk.run("label pods labelled run=other --overwrite").ok();
    desk.refuses("label pods labelled a=b --resource-version=1", &["Conflict"]);
    desk.refuses("label pods labelled 'a=not ok'", &["valid label"]);
    desk.run("label pods --all all=yes").ok();
    desk.run("label pods -l run=other chosen=yes").ok();
    desk.shows("label pods labelled --list", &["chosen=yes", "all=yes"]);
    desk.run("annotate pod labelled note='hello world'").ok();
    desk.shows("annotate pod labelled --list", &["note=hello world"]);
    desk.run("annotate pod labelled note-").ok();
}

fn scales(desk: &Desk<'_>) {
    desk.run("scale deployment web --replicas=3").ok();
    desk.refuses(
        "scale deployment web --current-replicas=1 --replicas=4",
        &["Expected replicas to be 1"],
    );
    desk.run("scale deployment web --current-replicas=3 --replicas=0").ok();
    desk.shows("get deployment web -o jsonpath={.spec.replicas}", &["0"]);
    desk.refuses("scale configmap/kube-root-ca.crt --replicas=1", &["could not find"]);
    desk.shows("get deployment web --subresource=scale", &["DESIRED", "AVAILABLE"]);
}

fn sets(desk: &Desk<'_>) {
    desk.run("set image deployment/web busybox=busybox:2").ok();
    desk.run("set env deployment/web A=1 B=2").ok();
    desk.run("set env deployment/web A-").ok();
    desk.shows("set env deployment/web --list", &["B=2"]);
    desk.run("create configmap settings --from-literal=C=3").ok();
    desk.run("set env deployment/web --from=configmap/settings").ok();
    desk.run("set resources deployment/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m").ok();
    desk.run("set serviceaccount deployment/web default").ok();
    let shown = desk
        .run("get deployment web -o jsonpath='{.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[*].name} {.spec.template.spec.containers[0].resources.limits.cpu} {.spec.template.spec.serviceAccountName}'")
        .ok();
    assert_eq!(shown, "busybox:2 B C 200m default");
    desk.run("create service clusterip chosen --tcp=80").ok();
    desk.run("set selector service/chosen app=web").ok();
    desk.shows("get svc chosen -o jsonpath={.spec.selector.app}", &["web"]);
    desk.run("create role r --verb=get --resource=pods").ok();
    desk.run("create rolebinding b --role=r --user=a").ok();
    desk.run("set subject rolebinding/b --user=c --serviceaccount=change:default").ok();
    desk.shows("get rolebinding b -o jsonpath={.subjects[*].name}", &["a c default"]);
}

fn rolls(desk: &Desk<'_>) {
    desk.run("rollout pause deployment/web").ok();
    desk.refuses("rollout pause deployment/web", &["already paused"]);
    desk.run("rollout resume deployment/web").ok();
    desk.run("rollout restart deployment/web").ok();
    desk.shows(
        "get deployment web -o jsonpath={.spec.template.metadata.annotations}",
        &["restartedAt"],
    );
    // No pods are wanted, so each revision is done at once.
    desk.shows("rollout status deployment/web --timeout=30s", &["successfully rolled out"]);
    desk.run("annotate deployment/web kubernetes.io/change-cause=third").ok();
    desk.shows("rollout history deployment/web", &["REVISION", "CHANGE-CAUSE"]);
    desk.shows("rollout undo deployment/web", &["rolled back"]);
    desk.refuses("rollout undo deployment/web --to-revision=99", &["unable to find"]);
    desk.shows("wait --for=condition=Available deployment/web --timeout=30s", &["condition met"]);
}

/// Nodes without an agent: they take marks as any node.
fn nodes(desk: &Desk<'_>) {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: fake}\n";
    desk.run_with("create -f -", node).ok();
    desk.shows("cordon fake", &["node/fake cordoned"]);
    desk.shows("get node fake", &["SchedulingDisabled"]);
    desk.shows("uncordon fake", &["node/fake uncordoned"]);
    desk.shows("taint nodes fake dedicated=me:NoSchedule", &["tainted"]);
    desk.refuses("taint nodes fake dedicated=you:NoSchedule", &["already has dedicated taint"]);
    desk.shows("taint nodes fake dedicated=you:NoSchedule --overwrite", &["modified"]);
    desk.shows("describe node fake", &["dedicated=you:NoSchedule"]);
    desk.shows("taint nodes fake dedicated-", &["untainted"]);
    desk.shows("drain fake --ignore-daemonsets", &["node/fake drained"]);
    desk.shows("delete node fake", &["deleted"]);
}

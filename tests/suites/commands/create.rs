//! `create` of each kind that it knows (protobuf bodies), `run` and `expose`.

use tests::{ControlPlane, Desk};

/// What `create` makes, and a field of it that must have arrived.
const CREATED: &[(&str, &str, &str)] = &[
    ("configmap plain --from-literal=a=b --from-literal=c=d", "cm/plain", "{.data.c}=d"),
    ("secret generic opaque --from-literal=a=b", "secret/opaque", "{.type}=Opaque"),
    (
        "secret docker-registry pull --docker-server=r --docker-username=u --docker-password=p",
        "secret/pull",
        "{.type}=kubernetes.io/dockerconfigjson",
    ),
    ("serviceaccount robot", "sa/robot", "{.metadata.name}=robot"),
    ("service clusterip inner --tcp=80:8080", "svc/inner", "{.spec.ports[0].targetPort}=8080"),
    ("service clusterip bare --clusterip=None", "svc/bare", "{.spec.clusterIP}=None"),
    ("service nodeport outer --tcp=80:8080", "svc/outer", "{.spec.type}=NodePort"),
    ("service loadbalancer front --tcp=80:8080", "svc/front", "{.spec.type}=LoadBalancer"),
    (
        "service externalname away --external-name=example.com",
        "svc/away",
        "{.spec.externalName}=example.com",
    ),
    (
        "deployment web --image=busybox:1 --replicas=2 --port=80",
        "deploy/web",
        "{.spec.template.spec.containers[0].ports[0].containerPort}=80",
    ),
    (
        "role reader --verb=get,list --resource=pods,pods/log",
        "role/reader",
        "{.rules[0].resources}=[\"pods\",\"pods/log\"]",
    ),
    (
        "clusterrole looker --verb=get --non-resource-url=/healthz",
        "clusterrole/looker",
        "{.rules[0].nonResourceURLs[0]}=/healthz",
    ),
    (
        "rolebinding robots --role=reader --serviceaccount=create:robot",
        "rolebinding/robots",
        "{.subjects[0].name}=robot",
    ),
    (
        "clusterrolebinding lookers --clusterrole=looker --user=me --group=us",
        "clusterrolebinding/lookers",
        "{.subjects[1].name}=us",
    ),
];

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "create");
    for (arguments, object, field) in CREATED {
        create(&desk, arguments, object, field);
    }
    dry_runs(&desk);
    makes_files_into_data(&desk);
    runs_and_exposes(&desk);
    desk.refuses("create configmap plain", &["configmaps \"plain\" already exists"]);
}

fn create(desk: &Desk<'_>, arguments: &str, object: &str, field: &str) {
    desk.shows(&format!("create {arguments}"), &["created"]);
    let (path, expected) = field.split_once("}=").expect("{path}=value");
    let found = desk.run(&format!("get {object} -o jsonpath={path}}}")).ok();
    assert_eq!(found, expected, "create {arguments}");
}

fn dry_runs(desk: &Desk<'_>) {
    let client = "create deployment none --image=x --dry-run=client -o yaml";
    desk.shows(client, &["kind: Deployment", "name: none"]);
    let server = "create deployment none --image=x --dry-run=server -o yaml";
    desk.shows(server, &["uid:", "terminationGracePeriodSeconds: 30"]);
    desk.refuses("get deployment none", &["NotFound"]);
    desk.shows("create configmap none --dry-run=server", &["(server dry run)"]);
}

fn makes_files_into_data(desk: &Desk<'_>) {
    let file = desk.file("settings.txt", "content\n");
    desk.run(&format!("create configmap files --from-file={file}")).ok();
    let data = desk.run("get cm files -o jsonpath={.data.settings\\.txt}").ok();
    assert_eq!(data, "content\n");
    let env = desk.file("settings.env", "A=1\nB=2\n");
    desk.run(&format!("create secret generic env --from-env-file={env}")).ok();
    assert_eq!(desk.run("get secret env -o jsonpath={.data.B}").ok(), "Mg==");
    let both = desk.file(
        "objects/two.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n",
    );
    let made = desk.run(&format!("create -f {both}")).ok();
    assert_eq!(made.matches("configmap/gen-").count(), 2, "{made}");
    let list = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"in-list"}}]}"#;
    assert!(desk.run_with("create -f -", list).ok().contains("configmap/in-list created"));
    let raw = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"}}"#;
    let answer = desk.run_with("create --raw /api/v1/namespaces/create/configmaps -f -", raw).ok();
    assert!(answer.contains("\"uid\""), "{answer}");
}

/// Conformance: [sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]
fn runs_and_exposes(desk: &Desk<'_>) {
    desk.run(
        "run httpd --image=busybox:1 --restart=Never --port=80 --env=A=b --labels=app=httpd,x=y",
    )
    .ok();
    desk.shows(
        "get pod httpd -o jsonpath='{.spec.containers[0].image} {.spec.restartPolicy} {.metadata.labels.x}'",
        &["busybox:1 Never y"],
    );
    desk.shows("expose pod httpd --port=8000 --target-port=80 --name=by-pod", &["exposed"]);
    desk.shows("expose deployment web --port=80 --type=NodePort --name=by-deploy", &["exposed"]);
    desk.shows("expose service inner --port=81 --name=by-service", &["exposed"]);
    desk.shows(
        "get svc by-pod -o jsonpath='{.spec.selector.x} {.spec.ports[0].targetPort}'",
        &["y 80"],
    );
    exposes_a_controller(desk);
    let token = desk.run("create token robot --duration=20m --audience=me").ok();
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
}

/// Conformance: [sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]
fn exposes_a_controller(desk: &Desk<'_>) {
    desk.apply(
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: primary}\nspec:\n  replicas: 0\n  selector: {app: agnhost}\n  template:\n    metadata: {labels: {app: agnhost}}\n    spec: {containers: [{name: c, image: 'busybox:1'}]}\n",
    );
    desk.shows("expose rc primary --name=rm2 --port=1234 --target-port=6379", &["exposed"]);
    desk.shows("expose service rm2 --name=rm3 --port=2345 --target-port=6379", &["exposed"]);
    for (name, port) in [("rm2", 1234), ("rm3", 2345)] {
        let seen = format!("agnhost {port} 6379");
        desk.shows(
            &format!(
                "get svc {name} -o jsonpath='{{.spec.selector.app}} {{.spec.ports[0].port}} {{.spec.ports[0].targetPort}}'"
            ),
            &[&seen],
        );
    }
}

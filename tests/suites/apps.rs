//! Kubernetes' conformance behaviours that need pods which really run: one server and one host for
//! all of them.

use std::{
    fs::{self, File},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tests::{TestCluster, eventually};

const REPLICAS: &str = include_str!("../fixtures/replicas.yaml");
const TOKENS: &str = include_str!("../fixtures/tokens.yaml");
const GUESTBOOK: &str = include_str!("../fixtures/guestbook.yaml");
const DEPLOYMENT: &str = include_str!("../fixtures/web.yaml");
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn apps_behave_as_conformance_asks() {
    let cluster = TestCluster::start("apps");
    cluster.engines[0].docker("POST", "/images/busybox:1/tag?repo=localhost/busybox&tag=2").ok();
    for namespace in ["basic", "tokens", "guests", "life"] {
        cluster.kubectl(&format!("create namespace {namespace}")).ok();
    }
    replica_set_serves_on_each_replica(&cluster);
    replication_controller_serves_on_each_replica(&cluster);
    api_token_is_mounted(&cluster);
    projected_token_is_mounted(&cluster);
    guestbook_works(&cluster);
    deployment_lives_and_ends(&cluster);
}

fn lines(cluster: &TestCluster, arguments: &str) -> Vec<String> {
    cluster.kubectl(arguments).ok().lines().map(ToOwned::to_owned).collect()
}

/// Each pod of an app answers a request with its own name.
fn each_pod_answers(cluster: &TestCluster, app: &str, count: usize) {
    let names = format!("get pods -n basic -l app={app} -o name");
    let ready = format!("wait -n basic --for=condition=Ready pods -l app={app} --timeout=90s");
    eventually("the pods are there", PATIENCE, || {
        let pods = cluster.kubectl(&names).ok();
        if pods.lines().count() == count { Ok(()) } else { Err(pods) }
    });
    cluster.kubectl(&ready).ok();
    for pod in lines(cluster, &names) {
        let pod = pod.trim_start_matches("pod/");
        let path = format!("/api/v1/namespaces/basic/pods/{pod}:8080/proxy/");
        assert_eq!(cluster.kubectl(&format!("get --raw {path}")).ok().trim(), pod);
    }
}

/// Conformance: ReplicaSet should serve a basic image on each replica with a public image
fn replica_set_serves_on_each_replica(cluster: &TestCluster) {
    cluster.kubectl_with("apply -f -", REPLICAS).ok();
    each_pod_answers(cluster, "set", 2);
}

/// Conformance: ReplicationController should serve a basic image on each replica with a public
/// image
fn replication_controller_serves_on_each_replica(cluster: &TestCluster) {
    each_pod_answers(cluster, "controller", 2);
    cluster.kubectl("delete namespace basic --wait=false").ok();
}

/// What the server says of a token.
fn review(cluster: &TestCluster, token: &str, audiences: Value) -> Value {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences}});
    let answer = cluster.kubectl_with("create -o json -f -", &review.to_string()).ok();
    serde_json::from_str::<Value>(&answer).unwrap()["status"].clone()
}

/// Conformance: ServiceAccounts should mount an API token into pods
fn api_token_is_mounted(cluster: &TestCluster) {
    const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    cluster.kubectl_with("apply -f -", TOKENS).ok();
    cluster.kubectl("wait -n tokens --for=condition=Ready pods --all --timeout=90s").ok();
    let read =
        |file: &str| cluster.kubectl(&format!("exec -n tokens mounts -- cat {FOLDER}/{file}")).ok();
    assert_eq!(read("namespace"), "tokens");
    let authority = cluster.kubectl("get -n tokens configmap kube-root-ca.crt -o json").ok();
    let authority: Value = serde_json::from_str(&authority).unwrap();
    assert_eq!(authority["data"]["ca.crt"], read("ca.crt"));
    let status = review(cluster, &read("token"), Value::Null);
    assert_eq!(status["user"]["username"], "system:serviceaccount:tokens:robot", "{status}");
    let bound = &status["user"]["extra"]["authentication.kubernetes.io/pod-name"];
    assert_eq!(*bound, json!(["mounts"]), "{status}");
    let none = cluster.kubectl(&format!("exec -n tokens refuses -- ls {FOLDER}")).fails();
    assert!(none.contains("No such file or directory"), "{none}");
}

/// Conformance: ServiceAccounts should mount projected service account token
fn projected_token_is_mounted(cluster: &TestCluster) {
    let token = cluster.kubectl("exec -n tokens mounts -- cat /asked/token").ok();
    let mode = cluster.kubectl("exec -n tokens mounts -- stat -L -c %a /asked/token").ok();
    assert_eq!(mode.trim(), "420");
    let status = review(cluster, &token, json!(["vault"]));
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["audiences"], json!(["vault"]), "{status}");
    let elsewhere = review(cluster, &token, json!(["elsewhere"]));
    assert_ne!(elsewhere["authenticated"], true, "{elsewhere}");
    cluster.kubectl("delete namespace tokens --wait=false").ok();
}

/// Conformance: Kubectl client Guestbook application should create and stop a working application
fn guestbook_works(cluster: &TestCluster) {
    const FRONT: &str = "/api/v1/namespaces/guests/services/frontend:80/proxy/cgi-bin/guests";
    cluster.kubectl_with("create -f -", GUESTBOOK).ok();
    for tier in ["backend", "frontend"] {
        cluster.kubectl(&format!("rollout status -n guests deployment/{tier} --timeout=90s")).ok();
    }
    eventually("the frontend finds its backend", PATIENCE, || {
        cluster.kubectl(&format!("get --raw {FRONT}")).result()
    });
    cluster.kubectl(&format!("get --raw {FRONT}?guest=first")).ok();
    // Whichever frontend answers, the backend has it.
    for _ in 0..6 {
        let book = cluster.kubectl(&format!("get --raw {FRONT}")).ok();
        assert!(book.lines().any(|line| line == "guest=first"), "{book}");
    }
    cluster.kubectl_with("delete --grace-period=0 --force -f -", GUESTBOOK).ok();
    eventually("nothing is left", PATIENCE, || {
        let left = cluster.kubectl("get -n guests pods,services,deployments -o name").ok();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

/// Conformance: Deployment should run the lifecycle of a Deployment
fn deployment_lives_and_ends(cluster: &TestCluster) {
    const LABELLED: &str = "get deployments -A -l stage=test -o name";
    let mut watch = cluster.tool("kubectl");
    watch.args([
        "get",
        "deployments",
        "-n",
        "life",
        "--watch",
        "--output-watch-events",
        "-o",
        "json",
    ]);
    let seen = cluster.data().join("deployments.watched");
    let file = File::create(&seen).unwrap();
    let mut watch = watch.stdout(file).stderr(Stdio::null()).spawn().unwrap();

    let deployment = DEPLOYMENT.split("---").next().expect("it stands first");
    cluster.kubectl_with("create -n life -f -", deployment).ok();
    cluster.kubectl("label -n life deployment/web stage=test").ok();
    cluster.kubectl("wait -n life deployment/web --for=condition=Available --timeout=90s").ok();
    assert_eq!(lines(cluster, LABELLED), ["deployment.apps/web"]);

    let change = r#"{"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"httpd","image":"localhost/busybox:2"}]}}}}"#;
    cluster.kubectl(&format!("patch -n life deployment/web -p {change}")).ok();
    cluster.kubectl("rollout status -n life deployment/web --timeout=90s").ok();
    cluster.kubectl("scale -n life deployment/web --replicas=1").ok();
    let ready =
        "wait -n life deployment/web --for=jsonpath={.status.readyReplicas}=1 --timeout=90s";
    cluster.kubectl(ready).ok();

    let raw = "/apis/apps/v1/namespaces/life/deployments/web/status";
    let status: Value =
        serde_json::from_str(&cluster.kubectl(&format!("get --raw {raw}")).ok()).unwrap();
    assert_eq!(status["status"]["updatedReplicas"], 1, "{status}");
    assert_eq!(status["spec"]["template"]["spec"]["containers"][0]["image"], "localhost/busybox:2");
    let noted = r#"{"metadata":{"annotations":{"seen":"yes"}},"status":{"conditions":[{"type":"Noted","status":"True"}]}}"#;
    cluster
        .kubectl(&format!(
            "patch -n life deployment/web --subresource=status --type=merge -p {noted}"
        ))
        .ok();

    cluster.kubectl("delete -n life deployments -l stage=test").ok();
    assert!(lines(cluster, LABELLED).is_empty());
    let told = eventually("the watch tells of the end", PATIENCE, || {
        let told = fs::read_to_string(&seen).unwrap();
        if told.contains("\"type\":\"DELETED\"") { Ok(told) } else { Err(told) }
    });
    watch.kill().unwrap();
    watch.wait().unwrap();
    for part in ["\"type\":\"ADDED\"", "\"type\":\"MODIFIED\"", "\"seen\":\"yes\""] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

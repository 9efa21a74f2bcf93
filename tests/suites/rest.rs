//! CI's way: a scoped token and curl, as the README shows; and what an operator mistypes.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use tests::{Output, TestCluster, cluster::binary, run};

const DEPLOYMENT: &str = r#"{
  "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
  "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "progressDeadlineSeconds": 8,
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1,
      "containers": [{"name": "main", "image": "busybox:1", "command": ["sleep", "3600"]}]}}}}"#;

struct Ci<'c> {
    cluster: &'c TestCluster,
    token: String,
}

impl Ci<'_> {
    fn curl(&self, method: &str, path: &str, body: &str) -> Output {
        let ca = self.cluster.data().join("ca.pem");
        let mut curl = self.cluster.engines[0].command("curl");
        curl.args(["-sS", "--fail-with-body", "--max-time", "60", "-X", method, "--cacert"]);
        curl.arg(ca).args(["-H", &format!("Authorization: Bearer {}", self.token)]);
        curl.args(["-H", "Content-Type: application/apply-patch+yaml", "--data-binary", "@-"]);
        run(curl.arg(format!("https://10.99.0.1:6443{path}")), body)
    }
}

#[test]
fn ci_deploys_with_curl_alone() {
    let cluster = TestCluster::start("rest");
    let token = cluster.operate(&["token", "create", "ci", "--namespace", "default"]).ok();
    let ci = Ci { cluster: &cluster, token: token.trim().to_owned() };
    let web = "/apis/apps/v1/namespaces/default/deployments/web";
    ci.curl("PATCH", &format!("{web}?fieldManager=ci&force=true"), DEPLOYMENT).ok();
    let done = ci.curl("GET", &format!("{web}/rollout?timeoutSeconds=50"), "").ok();
    assert!(done.contains("successfully rolled out"), "{done}");

    let broken = DEPLOYMENT.replace("busybox:1", "nowhere.invalid/none:1");
    ci.curl("PATCH", &format!("{web}?fieldManager=ci&force=true"), &broken).ok();
    let failed = ci.curl("GET", &format!("{web}/rollout?timeoutSeconds=50"), "");
    assert_eq!(failed.code, 22, "a failed rollout fails the pipeline: {}", failed.stdout);
    assert!(failed.stdout.contains("progress deadline"), "{}", failed.stdout);

    let elsewhere = "/api/v1/namespaces/kube-system/secrets";
    let refused = ci.curl("GET", elsewhere, "");
    assert_eq!(refused.code, 22);
    assert!(refused.stdout.contains("is forbidden: User"), "{}", refused.stdout);
    assert!(refused.stdout.contains("system:serviceaccount:default:ci"), "{}", refused.stdout);
    let anonymous = Ci { cluster: &cluster, token: "nonsense".to_owned() };
    assert!(anonymous.curl("GET", web, "").stdout.contains("Unauthorized"));
    mistype(&cluster);
}

/// Each slip gets one line that says what to do.
fn mistype(cluster: &TestCluster) {
    let data = cluster.data().display().to_string();
    let says = |arguments: &[&str], part: &str| {
        let mut command = cluster.longshore();
        let printed = run(command.args(arguments), "").fails();
        let line = printed.lines().last().unwrap_or_default();
        assert!(line.contains(part), "{arguments:?}: {printed}");
    };
    says(&["up", "--data", &data], "is in use by another longshore");
    says(&["up", "--data", "/proc/none"], "--data");
    says(&["host", "list", "--data", "/nowhere"], "start `longshore up` first");
    says(&["down", "--data", "/nowhere"], "no data folder of longshore");
    let failed = "tcp://10.99.0.77:2375";
    says(&["host", "add", "gone", "--docker", failed, "--data", &data], "10.99.0.77");
    says(&["host", "add", "odd", "--docker", "x", "--data", &data], "spec.docker");
}

#[test]
fn a_taken_port_and_a_missing_engine_are_told() {
    let folder = std::env::temp_dir().join(format!("longshore-taken-{}", std::process::id()));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(binary());
    command.args(["up", "--api", &address, "--dashboard", "127.0.0.1:0", "--data"]).arg(&folder);
    let printed = run(command.stdin(Stdio::null()), "").fails();
    assert!(printed.contains(&format!("can not listen on {address}")), "{printed}");
    fs::remove_dir_all(&folder).unwrap();
}

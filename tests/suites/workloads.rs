//! The workloads of Kubernetes with pods that really run: one server and one host for all of them.

use std::time::Duration;

use tests::{TestCluster, eventually};

const WORKLOADS: &str = include_str!("../fixtures/workloads.yaml");
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn workloads_run_on_a_real_host() {
    let cluster = TestCluster::start("work");
    cluster.kubectl_with("apply -f -", WORKLOADS).ok();
    keeps_identity_and_data(&cluster);
    runs_on_every_node(&cluster);
    counts_completions(&cluster);
    fails_early(&cluster);
    starts_by_the_clock(&cluster);
    tells_what_may_go(&cluster);
    tells_what_is_used(&cluster);
    cluster.kubectl("delete statefulset,daemonset,job,cronjob,pdb --all").ok();
    until(&cluster, "get pods", |text| text.trim().is_empty());
}

fn until(cluster: &TestCluster, asked: &str, wanted: impl Fn(&str) -> bool) {
    eventually(asked, PATIENCE, || {
        let output = cluster.kubectl(&format!("{asked} --no-headers")).stdout;
        if wanted(&output) { Ok(()) } else { Err(output) }
    });
}

/// Names, hostnames and claims outlive pods; what was written is there for the next one.
fn keeps_identity_and_data(cluster: &TestCluster) {
    cluster.kubectl("rollout status statefulset/db --timeout=90s").ok();
    let claims = cluster.kubectl("get pvc").ok();
    assert_eq!(claims.matches("Bound").count(), 2, "{claims}");
    let found = cluster.kubectl("exec db-0 -- wget -qO- http://db-1.db:8080/index.html").ok();
    assert_eq!(found.trim(), "db-1");
    cluster.kubectl("delete pod db-1").ok();
    cluster.kubectl("wait --for=condition=Ready pod/db-1 --timeout=90s").ok();
    let data = cluster.kubectl("exec db-1 -- cat /data/index.html").ok();
    assert_eq!(data.trim(), "db-1\ndb-1");
    cluster.kubectl("scale statefulset/db --replicas=1").ok();
    until(cluster, "get pods -l app=db", |text| text.lines().count() == 1);
}

fn runs_on_every_node(cluster: &TestCluster) {
    cluster.kubectl("rollout status daemonset/log --timeout=90s").ok();
    cluster.kubectl("set env daemonset/log again=yes").ok();
    cluster.kubectl("rollout status daemonset/log --timeout=90s").ok();
    let history = cluster.kubectl("rollout history daemonset/log").ok();
    assert!(history.lines().any(|line| line.starts_with('2')), "{history}");
}

fn counts_completions(cluster: &TestCluster) {
    cluster.kubectl("wait --for=condition=Complete job/count --timeout=90s").ok();
    let indexes = cluster.kubectl("get job count -o jsonpath={.status.completedIndexes}").ok();
    assert_eq!(indexes, "0-2");
    let logs = cluster.kubectl("logs -l job-name=count --tail=1").ok();
    for index in 0..3 {
        assert!(logs.contains(&format!("index {index} on count-{index}")), "{logs}");
    }
}

fn fails_early(cluster: &TestCluster) {
    cluster.kubectl("wait --for=condition=Failed job/broken --timeout=90s").ok();
    let reason = "get job broken -o jsonpath={.status.conditions[?(@.type=='Failed')].reason}";
    assert_eq!(cluster.kubectl(reason).ok(), "PodFailurePolicy");
    assert_eq!(cluster.kubectl("get job broken -o jsonpath={.status.failed}").ok(), "1");
}

fn starts_by_the_clock(cluster: &TestCluster) {
    let succeeded = "get cronjob tick -o jsonpath={.status.lastSuccessfulTime}";
    eventually("a Job of the CronJob has ended", PATIENCE, || {
        let time = cluster.kubectl(succeeded).stdout;
        if time.is_empty() { Err("none yet".to_owned()) } else { Ok(()) }
    });
    cluster.kubectl("delete cronjob tick").ok();
}

fn tells_what_may_go(cluster: &TestCluster) {
    until(cluster, "get pdb db -o jsonpath={.status.disruptionsAllowed}", |text| text == "1");
}

/// The agent has to have looked twice.
fn tells_what_is_used(cluster: &TestCluster) {
    until(cluster, "top pods", |text| text.contains("db-0") && text.contains("Mi"));
    until(cluster, "top nodes", |text| text.contains('%'));
}

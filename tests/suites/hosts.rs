//! Two hosts: one flat network, one service over both, and the loss of one.

use std::{collections::BTreeSet, time::Duration};

use tests::{TestCluster, eventually};

const WEB: &str = include_str!("../fixtures/web.yaml");

fn pods_by_node(cluster: &TestCluster) -> Vec<(String, String)> {
    let table = cluster
        .kubectl(
            "get pods -l app=web --no-headers -o custom-columns=N:.metadata.name,H:.spec.nodeName",
        )
        .ok();
    table
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(pod, node)| (pod.to_owned(), node.trim().to_owned()))
        .collect()
}

/// What the loss of the second host would do, before it happens.
fn foresee(cluster: &TestCluster) {
    let said = cluster.operate(&["what-if", "--lose", "second"]).ok();
    let moves = said.contains("Moves      Deployment default/web:") && said.contains("Moves to ");
    assert!(moves, "{said}");
    let table = cluster.kubectl("get whatif second --no-headers").ok();
    assert_eq!(table.split_whitespace().collect::<Vec<_>>()[..4], ["second", "0", "0", "1"]);
    let unknown = cluster.operate(&["what-if", "--lose", "nowhere"]).fails();
    assert!(unknown.contains("hosts.longshore.dev \"nowhere\" not found"), "{unknown}");
}

#[test]
fn a_service_spans_two_hosts_and_survives_one() {
    let mut cluster = TestCluster::start("hosts");
    let second = cluster.add_engine();
    let (endpoint, socket) =
        (format!("tcp://{}:2375", second.address), second.socket.display().to_string());
    cluster.operate(&["host", "add", "second", "--docker", &endpoint, "--socket", &socket]).ok();
    cluster.kubectl("wait --for=condition=Ready node --all --timeout=60s").ok();
    cluster.kubectl_with("apply -f -", WEB).ok();
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    let nodes: BTreeSet<String> =
        pods_by_node(&cluster).into_iter().map(|(_, node)| node).collect();
    assert_eq!(nodes.len(), 2, "replicas are spread over both hosts");

    let ip = cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}").ok();
    let url = format!("http://{ip}/");
    eventually("all replicas answer", Duration::from_secs(20), || {
        let seen: BTreeSet<String> = (0..30).map(|_| cluster.curl(&[&url]).stdout).collect();
        if seen.len() == 3 && !seen.contains("") { Ok(()) } else { Err(format!("{seen:?}")) }
    });

    foresee(&cluster);
    cluster.engines[1].kill();
    eventually("the lost pods are replaced on the first host", Duration::from_secs(120), || {
        let pods = pods_by_node(&cluster);
        let moved = pods.iter().all(|(_, node)| node != "second") && pods.len() == 3;
        let ready = cluster.kubectl("get deployment web -o jsonpath={.status.readyReplicas}").ok();
        if moved && ready == "3" { Ok(()) } else { Err(format!("{pods:?}, ready {ready}")) }
    });
    for _ in 0..20 {
        assert_eq!(cluster.curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]).ok(), "200");
    }
}

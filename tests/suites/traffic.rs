//! Services: every replica answers in turn, and no request fails while an app changes.

use std::{collections::BTreeSet, time::Duration};

use tests::{Load, TestCluster, eventually};

const WEB: &str = include_str!("../fixtures/web.yaml");

fn wait_rollout(cluster: &TestCluster) {
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
}

/// The service's address.
fn service_ip(cluster: &TestCluster) -> String {
    cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}").ok()
}

/// The replicas that answer behind a URL.
fn answering(cluster: &TestCluster, url: &str) -> BTreeSet<String> {
    (0..30).map(|_| cluster.curl(&[url]).ok().trim().to_owned()).collect()
}

#[test]
fn no_request_fails_while_an_app_changes() {
    let cluster = TestCluster::start("traffic");
    cluster.kubectl_with("apply -f -", WEB).ok();
    wait_rollout(&cluster);
    let service = format!("http://{}/", service_ip(&cluster));
    eventually("all three replicas answer", Duration::from_secs(20), || {
        let seen = answering(&cluster, &service);
        if seen.len() == 3 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    assert_eq!(
        answering(&cluster, "http://127.0.0.1:30080/").len(),
        3,
        "the node port on loopback"
    );
    assert_eq!(answering(&cluster, "http://10.99.0.1:30080/").len(), 3, "the node port");

    let load = Load::start(&cluster, &service);
    let node_port = Load::start(&cluster, "http://127.0.0.1:30080/");
    cluster.kubectl("set env deployment/web COLOUR=blue").ok();
    wait_rollout(&cluster);
    cluster.kubectl("rollout undo deployment/web").ok();
    wait_rollout(&cluster);
    for replicas in [10, 3] {
        cluster.kubectl(&format!("scale deployment/web --replicas={replicas}")).ok();
        wait_rollout(&cluster);
    }
    eventually("surplus pods are gone", Duration::from_secs(60), || {
        let pods = cluster.kubectl("get pods -l app=web -o name").ok();
        if pods.lines().count() == 3 { Ok(()) } else { Err(pods) }
    });
    for (load, what) in [(load, "service"), (node_port, "node port")] {
        let seen = load.finish();
        assert!(seen.answered > 500, "{what}: the load ran: {}", seen.answered);
        assert!(
            seen.failed.is_empty(),
            "{what}: {} of {} failed: {:?}",
            seen.failed.len(),
            seen.answered,
            &seen.failed[..seen.failed.len().min(5)]
        );
    }
}

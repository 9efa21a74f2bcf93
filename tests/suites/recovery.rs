//! What is killed comes back: containers, sandboxes, the agent, the server; and apps go on meanwhile.

use std::{collections::BTreeSet, time::Duration};

use tests::{TestCluster, eventually};

const WEB: &str = include_str!("../fixtures/web.yaml");
const WITHIN: Duration = Duration::from_secs(60);

fn ready(cluster: &TestCluster) -> Result<(), String> {
    let table = cluster.kubectl("get pods -l app=web --no-headers").ok();
    let running = table.lines().filter(|line| line.contains("1/1") && line.contains("Running"));
    if running.count() == 3 && table.lines().count() == 3 { Ok(()) } else { Err(table) }
}

/// The engine's containers of one pod that match more labels.
fn containers_of(cluster: &TestCluster, pod: &str, role: &[&str]) -> Vec<String> {
    let pod = format!("longshore.dev/pod-name={pod}");
    cluster.engines[0].containers(&[&[pod.as_str()], role].concat())
}

fn all_containers(cluster: &TestCluster) -> BTreeSet<String> {
    let of_pods = cluster.engines[0].containers(&["longshore.dev/pod-uid"]);
    of_pods.into_iter().collect()
}

fn kill(cluster: &TestCluster, container: &str) {
    cluster.engines[0].docker("POST", &format!("/containers/{container}/kill")).ok();
}

#[test]
fn what_is_killed_comes_back() {
    let mut cluster = TestCluster::start("recover");
    cluster.kubectl_with("apply -f -", WEB).ok();
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    eventually("three pods run", WITHIN, || ready(&cluster));
    let names = cluster.kubectl("get pods -l app=web -o jsonpath={.items[*].metadata.name}").ok();
    let names: Vec<&str> = names.split(' ').collect();

    let app = containers_of(&cluster, names[0], &["longshore.dev/container-name=httpd"]);
    kill(&cluster, &app[0]);
    let restarts =
        format!("get pod {} -o jsonpath={{.status.containerStatuses[0].restartCount}}", names[0]);
    eventually("a killed container is started again", WITHIN, || {
        let count = cluster.kubectl(&restarts).ok();
        if count == "1" { ready(&cluster) } else { Err(count) }
    });

    let everything = containers_of(&cluster, names[1], &[]);
    let app = containers_of(&cluster, names[1], &["longshore.dev/container-name=httpd"]);
    let sandbox = everything.iter().find(|id| **id != app[0]).expect("a pod has a sandbox");
    kill(&cluster, sandbox);
    eventually("a killed sandbox is rebuilt", WITHIN, || {
        let now = containers_of(&cluster, names[1], &[]);
        if now.len() == 2 && !now.contains(sandbox) {
            ready(&cluster)
        } else {
            Err(format!("{now:?}"))
        }
    });
    eventually("the rebuilt pod answers behind the service", WITHIN, || {
        let seen: BTreeSet<String> =
            (0..30).map(|_| cluster.curl(&["http://127.0.0.1:30080/"]).stdout).collect();
        if seen.len() == 3 && !seen.contains("") { Ok(()) } else { Err(format!("{seen:?}")) }
    });

    let before = all_containers(&cluster);
    let agent = cluster.engines[0].containers(&["longshore.dev/agent"]);
    kill(&cluster, &agent[0]);
    eventually("a killed agent is started again", WITHIN, || {
        let agents = cluster.engines[0].containers(&["longshore.dev/agent"]);
        if agents.is_empty() { Err("no agent".to_owned()) } else { Ok(()) }
    });
    cluster.kubectl("scale deployment web --replicas=4").ok();
    cluster.kubectl("rollout status deployment/web --timeout=60s").ok();
    assert!(before.is_subset(&all_containers(&cluster)), "the agent kept what ran");
    cluster.kubectl("scale deployment web --replicas=3").ok();
    eventually("back to three", WITHIN, || ready(&cluster));

    let before = all_containers(&cluster);
    cluster.stop_server("KILL");
    assert_eq!(
        cluster.curl(&["-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:30080/"]).ok(),
        "200"
    );
    cluster.boot_server();
    eventually("the server finds its pods again", WITHIN, || ready(&cluster));
    assert_eq!(before, all_containers(&cluster), "a killed server restarts nothing");

    cluster.stop_server("INT");
    assert_eq!(before, all_containers(&cluster), "Ctrl-C leaves the apps");
    let down = cluster.operate(&["down"]).ok();
    assert!(down.contains("Removed everything"), "{down}");
    assert!(cluster.engines[0].containers(&[]).is_empty(), "down removes every container");
    assert!(cluster.data().exists());
    cluster.operate(&["down", "--purge"]).ok();
    assert!(!cluster.data().exists(), "--purge removes the data");
}

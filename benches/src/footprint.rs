//! What the platform itself costs with 20 apps of 2 replicas: memory (PSS) and idle processor time
//! of the server and of one agent, with Postgres beside.

use std::{
    thread,
    time::{Duration, Instant},
};

use tests::{TestCluster, eventually};

use crate::process::{all, cpu_ticks, descendants, pss_kib};

const APPS: usize = 20;
const IDLE_SECONDS: u64 = 30;

/// One figure with its bound.
struct Row {
    what: &'static str,
    pids: Vec<u32>,
    memory_mib_max: Option<f64>,
}

pub fn run() {
    let cluster = TestCluster::start("bench");
    let started = Instant::now();
    for number in 0..APPS {
        cluster.kubectl_with("apply -f -", &manifest(number)).ok();
    }
    eventually("all apps are available", Duration::from_secs(300), || {
        let ready =
            cluster.kubectl("get deployments -o jsonpath={.items[*].status.readyReplicas}").ok();
        let count = ready.split(' ').filter(|ready| *ready == "2").count();
        if count == APPS { Ok(()) } else { Err(format!("{count} of {APPS}")) }
    });
    println!(
        "\n{APPS} apps of 2 replicas were ready after {:.1} s",
        started.elapsed().as_secs_f64()
    );
    // What the roll-out left in flight settles before "idle" is measured.
    thread::sleep(Duration::from_secs(15));
    let rows = rows(&cluster);
    let before: Vec<u64> = rows.iter().map(cpu).collect();
    thread::sleep(Duration::from_secs(IDLE_SECONDS));
    println!(
        "{:<28}{:>14}{:>10}{:>16}{:>8}",
        "", "memory (PSS)", "bound", "idle, % of core", "bound"
    );
    for (row, before) in rows.iter().zip(before) {
        let memory = row.pids.iter().map(|pid| pss_kib(*pid)).sum::<u64>() as f64 / 1024.0;
        let idle = (cpu(row) - before) as f64 / IDLE_SECONDS as f64;
        let bound = row.memory_mib_max.map_or(String::new(), |most| format!("{most} MiB"));
        let idle_bound = row.memory_mib_max.map_or("", |_| "2");
        println!("{:<28}{memory:>10.1} MiB{bound:>10}{idle:>16.2}{idle_bound:>8}", row.what);
    }
}

fn cpu(row: &Row) -> u64 {
    row.pids.iter().map(|pid| cpu_ticks(*pid)).sum()
}

fn rows(cluster: &TestCluster) -> Vec<Row> {
    let server = cluster.server_pid().expect("the server runs");
    let agents = all().into_iter().filter(|(_, _, command)| command.starts_with("/longshore node"));
    vec![
        Row { what: "longshore server", pids: vec![server], memory_mib_max: Some(60.0) },
        Row {
            what: "longshore agent",
            pids: agents.map(|(pid, ..)| pid).collect(),
            memory_mib_max: Some(30.0),
        },
        Row { what: "Postgres (all processes)", pids: descendants(server), memory_mib_max: None },
    ]
}

fn manifest(number: usize) -> String {
    format!(
        r#"{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{"name": "app-{number}"}},
  "spec": {{"replicas": 2, "selector": {{"matchLabels": {{"app": "app-{number}"}}}},
    "template": {{"metadata": {{"labels": {{"app": "app-{number}"}}}},
      "spec": {{"containers": [{{"name": "main", "image": "busybox:1", "command": ["sleep", "86400"]}}]}}}}}}}}"#
    )
}

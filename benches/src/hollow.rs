//! Scheduling end to end: from a Deployment's creation until every pod of it has a node, through API,
//! controllers, scheduler and Postgres, on hollow nodes: nodes with a lease that is renewed and no
//! Docker behind them.

mod nodes;
mod pods;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use self::{nodes::Nodes, pods::Bound};
use crate::api::platform::{Client, Platform};

/// Nodes and pods of each run.
const SIZES: [(usize, usize); 4] =
    [(100, 10_000), (1_000, 10_000), (5_000, 10_000), (5_000, 50_000)];
/// Pods come by so many Deployments, so that their creation is not what is measured.
const DEPLOYMENTS: usize = 20;
/// One small change at a time, beside all that is there.
const CHANGES: usize = 20;
const SPACE: &str = "hollow";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Affinity,
    Spread,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Affinity => "anti-affinity by host",
            Self::Spread => "spread over zones",
        }
    }

    /// What it adds to a pod of the Deployment `app`.
    fn rules(self, app: &str) -> Value {
        let selector = json!({"matchLabels": {"app": app}});
        match self {
            Self::Plain => json!({}),
            Self::Affinity => json!({"affinity": {"podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1,
                    "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                        "labelSelector": selector}}]}}}),
            Self::Spread => json!({"topologySpreadConstraints": [{"maxSkew": 1,
                "topologyKey": nodes::ZONE, "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector}]}),
        }
    }
}

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!(
        "\n{:<24}{:>7}{:>8}{:>10}{:>11}{:>18}{:>14}{:>20}{:>14}",
        "scheduling, end to end",
        "nodes",
        "pods",
        "all s",
        "binds /s",
        "bind p50 p99 ms",
        "CPU us a pod",
        "one more p50 p99 ms",
        "restart s"
    );
    runtime.block_on(async {
        for (nodes, pods) in SIZES {
            for shape in [Shape::Plain, Shape::Affinity, Shape::Spread] {
                // The largest once: it takes as long as all others.
                if pods <= 10_000 || shape == Shape::Plain {
                    measure(shape, nodes, pods).await?;
                }
            }
        }
        Ok(())
    })
}

async fn measure(shape: Shape, nodes: usize, pods: usize) -> Result<()> {
    let mut platform = Platform::start().await?;
    let client = platform.client(8).await?;
    let nodes = Nodes::start(&platform, nodes).await?;
    client.make_namespace(SPACE).await?;
    let bound = Bound::watch(&platform, SPACE).await?;
    let (started, cpu) = (Instant::now(), platform.cpu_us());
    for number in 0..DEPLOYMENTS {
        let app = format!("app-{number}");
        create(&client, &app, pods / DEPLOYMENTS, shape.rules(&app)).await?;
    }
    bound.wait(pods, Duration::from_secs(600)).await?;
    let elapsed = started.elapsed();
    let cpu = (platform.cpu_us() - cpu) / u64::try_from(pods)?;
    let mut report = bound.report();
    let mut changes = change(&client, &bound, pods).await?;
    let restart = platform.restart().await?;
    println!(
        "{:<24}{:>7}{pods:>8}{:>10.1}{:>11.0}{:>18}{cpu:>14}{:>20}{:>14.2}",
        shape.name(),
        nodes.count,
        elapsed.as_secs_f64(),
        pods as f64 / elapsed.as_secs_f64(),
        format!("{:.0} {:.0}", report.quantile_ms(0.5), report.quantile_ms(0.99)),
        format!("{:.0} {:.0}", changes.quantile_ms(0.5), changes.quantile_ms(0.99)),
        restart.as_secs_f64(),
    );
    nodes.stop().await;
    platform.stop().await
}

async fn create(client: &Client, app: &str, replicas: usize, rules: Value) -> Result<()> {
    let mut spec = json!({"containers": [{"name": "c", "image": "busybox:1", "resources": {
        "requests": {"cpu": "10m", "memory": "16Mi"}}}]});
    for (name, rule) in rules.as_object().into_iter().flatten() {
        spec[name] = rule.clone();
    }
    let body = json!({"metadata": {"name": app}, "spec": {"replicas": replicas,
        "selector": {"matchLabels": {"app": app}},
        "template": {"metadata": {"labels": {"app": app}}, "spec": spec}}});
    let path = format!("/apis/apps/v1/namespaces/{SPACE}/deployments");
    let answer = client.ask(Method::POST, &path, body.to_string().into()).await?;
    ensure!(answer.head.status() == 201, "{}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

/// A small app is scaled up by one, again and again: how long until the new pod has its node.
async fn change(
    client: &Client,
    bound: &Bound,
    pods: usize,
) -> Result<crate::api::latency::Report> {
    let mut report = crate::api::latency::Report::default();
    create(client, "small", 1, json!({})).await?;
    bound.wait(pods + 1, Duration::from_secs(60)).await?;
    for number in 2..=CHANGES {
        let started = Instant::now();
        let path = format!("/apis/apps/v1/namespaces/{SPACE}/deployments/small/scale");
        let body = json!({"metadata": {"name": "small", "namespace": SPACE},
            "spec": {"replicas": number}});
        let answer = client.ask(Method::PUT, &path, Bytes::from(body.to_string())).await?;
        ensure!(answer.head.status() == 200, "{}", String::from_utf8_lossy(&answer.body));
        bound.wait(pods + number, Duration::from_secs(60)).await?;
        report.note(started.elapsed());
    }
    Ok(report)
}

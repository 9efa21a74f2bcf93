//! Hollow nodes: registered, ready, and kept alive by their leases.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::api::platform::{Client, Platform};

pub const ZONE: &str = "topology.kubernetes.io/zone";
const ZONES: usize = 10;
/// Longer than an agent's, which is made for small clusters, and short enough to be taken for alive.
const RENEWAL: Duration = Duration::from_secs(10);
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const AT_ONCE: usize = 64;

pub struct Nodes {
    pub count: usize,
    renewing: JoinHandle<Result<()>>,
}

impl Nodes {
    pub async fn start(platform: &Platform, count: usize) -> Result<Self> {
        let client = platform.client(4).await?;
        stream::iter(0..count)
            .map(|number| register(&client, number))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let renewing = tokio::spawn(async move {
            loop {
                // Spread over the period, as the nodes of a cluster are.
                for number in 0..count {
                    let pause = RENEWAL / u32::try_from(count).expect("a few thousand nodes");
                    let (renewed, ()) = tokio::join!(
                        renew(&client, number, Method::PUT),
                        tokio::time::sleep(pause)
                    );
                    // The server is away while it restarts.
                    renewed.ok();
                }
            }
        });
        Ok(Self { count, renewing })
    }

    pub async fn stop(self) {
        self.renewing.abort();
        self.renewing.await.ok();
    }
}

async fn register(client: &Client, number: usize) -> Result<()> {
    let name = name(number);
    let node = json!({"metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, ZONE: format!("zone-{}", number % ZONES)}},
        "status": {"capacity": {"cpu": "32", "memory": "64Gi", "pods": "110"},
            "allocatable": {"cpu": "32", "memory": "64Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Hollow"}]}});
    let answer = client.ask(Method::POST, "/api/v1/nodes", node.to_string().into()).await?;
    ensure!(answer.head.status() == 201, "{}", String::from_utf8_lossy(&answer.body));
    renew(client, number, Method::POST).await
}

async fn renew(client: &Client, number: usize, method: Method) -> Result<()> {
    let name = name(number);
    let path = if method == Method::POST { LEASES.to_owned() } else { format!("{LEASES}/{name}") };
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let lease = json!({"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {
        "holderIdentity": name, "leaseDurationSeconds": 16, "renewTime": now}});
    let answer = client.ask(method, &path, lease.to_string().into()).await?;
    ensure!(answer.head.status().is_success(), "{}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

fn name(number: usize) -> String {
    format!("hollow-{number}")
}

//! The node's Lease: a controller takes a node for dead that does not renew it.

use std::{sync::Arc, time::Duration};

use client::{Client, PatchType, WriteOptions};
use jiff::Timestamp;
use object::{ApiError, Key};
use serde_json::json;

const PERIOD: Duration = Duration::from_secs(4);
const DURATION_S: i32 = 16;
const NAMESPACE: &str = "kube-node-lease";

/// Renews the lease for ever.
pub(crate) async fn keep_lease(client: Arc<dyn Client>, node: String) {
    let key = Key::new("leases.coordination.k8s.io", NAMESPACE, &node);
    let mut timer = tokio::time::interval(PERIOD);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if let Err(error) = renew(&client, &key).await {
            tracing::debug!(%error, "the node's lease could not be renewed");
        }
    }
}

async fn renew(client: &Arc<dyn Client>, key: &Key) -> Result<(), ApiError> {
    let options = WriteOptions::default();
    // The kind has microseconds.
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let spec = json!({
        "holderIdentity": &*key.name, "leaseDurationSeconds": DURATION_S, "renewTime": now});
    let patch = json!({"spec": spec}).to_string();
    match client.patch(key, "", PatchType::Merge, patch.into(), &options).await {
        Err(error) if error.is_not_found() => {
            let body = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": &*key.name, "namespace": NAMESPACE}, "spec": spec});
            client.create(key, "", body.to_string().into(), &options).await.map(drop)
        }
        other => other.map(drop),
    }
}

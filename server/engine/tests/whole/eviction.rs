//! Evictions go by the budgets that the controller counts.

use std::collections::BTreeMap;

use object::Key;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, key},
    deployment, rolled_out,
};

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// Conformance: [sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it [Conformance]
#[tokio::test]
async fn disruption_budget_blocks_evictions_until_it_allows_them() {
    let bench = Bench::start().await;
    bench.agent("one").await;
    bench
        .create(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "b", "namespace": "default"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}}))
        .await;
    bench.create(deployment("web", 3, "x")).await;
    rolled_out(&bench, "web", 3).await;
    let budget = key(BUDGETS, "default", "b");
    bench.until(BUDGETS, |all| all[&budget]["status"]["currentHealthy"] == 3).await;
    let pods = bench.list("pods").await;
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    let pod = key("pods", "default", name);
    let error = bench.evict(&pod).await.unwrap_err();
    assert_eq!(error.code(), 429, "{error}");
    let cause = &error.to_status()["details"]["causes"][0];
    assert_eq!(
        cause["message"],
        "The disruption budget b needs 3 healthy pods and has 3 currently"
    );

    bench.patch(&budget, "", json!({"spec": {"minAvailable": 2}})).await;
    bench.until(BUDGETS, |all| all[&budget]["status"]["disruptionsAllowed"] == 1).await;
    bench.evict(&pod).await.unwrap();
    // Its successor may have taken its place, and its name, before we look.
    let uid = &pods[0]["metadata"]["uid"];
    let is_gone =
        |all: &BTreeMap<Key, Value>| all.values().all(|pod| pod["metadata"]["uid"] != *uid);
    bench.until("pods", is_gone).await;
    rolled_out(&bench, "web", 3).await;
}

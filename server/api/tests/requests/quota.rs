//! Quotas hold under concurrency, between copies of the server too.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::Harness;

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A quota whose status says what its controller would say.
async fn quota(api: &Harness, hard: Value, used: Value) {
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": hard}});
    assert_eq!(api.ask("POST", QUOTAS, quota).await.0, 201);
    let status = json!({"status": {"hard": hard, "used": used}});
    let merge = "application/merge-patch+json";
    let (code, answer) = api.ask_as("PATCH", &format!("{QUOTAS}/q/status"), merge, status).await;
    assert_eq!(code, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_two_copies_do_not_exceed_a_quota() {
    let first = Arc::new(Harness::start().await);
    let second = Arc::new(first.copy().await);
    quota(
        &first,
        json!({"pods": "10", "count/pods": "100"}),
        json!({"pods": "0", "count/pods": "0"}),
    )
    .await;
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let api = if n % 2 == 0 { first.clone() } else { second.clone() };
        tasks.spawn(async move {
            let pod = json!({"metadata": {"name": format!("p{n}")}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
            api.ask("POST", PODS, pod).await
        });
    }
    let answers = tasks.join_all().await;
    let created = answers.iter().filter(|(code, _)| *code == 201).count();
    let refused: Vec<&Value> =
        answers.iter().filter(|(code, _)| *code == 403).map(|(_, answer)| answer).collect();
    assert_eq!((created, refused.len()), (10, 30), "{answers:?}");
    assert!(refused.iter().all(|answer| {
        answer["message"]
            .as_str()
            .unwrap()
            .ends_with("exceeded quota: q, requested: pods=1, used: pods=10, limited: pods=10")
    }));
    let pods = first.get(PODS).await;
    let quota = first.get(&format!("{QUOTAS}/q")).await;
    assert_eq!(pods["items"].as_array().unwrap().len(), 10);
    assert_eq!(quota["status"]["used"], json!({"pods": "10", "count/pods": "10"}));
}

#[tokio::test]
async fn a_dry_run_and_a_refused_write_charge_nothing() {
    let api = Harness::start().await;
    quota(&api, json!({"configmaps": "5"}), json!({"configmaps": "1"})).await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = || json!({"metadata": {"name": "a"}});
    assert_eq!(api.ask("POST", &format!("{maps}?dryRun=All"), map()).await.0, 201);
    assert_eq!(api.ask("POST", maps, map()).await.0, 201);
    assert_eq!(api.ask("POST", maps, map()).await.0, 409);
    let quota = api.get(&format!("{QUOTAS}/q")).await;
    assert_eq!(quota["status"]["used"]["configmaps"], "2");
}

/// Conformance: [sig-api-machinery] ResourceQuota should apply changes to a resourcequota status [Conformance]
#[tokio::test]
async fn resource_quota_status_changes_are_applied() {
    let api = Harness::start().await;
    quota(&api, json!({"pods": "1"}), json!({"pods": "0"})).await;
    let path = format!("{QUOTAS}/q/status");
    let mut stored = api.get(&path).await;
    stored["status"]["hard"]["pods"] = "3".into();
    stored["spec"]["hard"]["pods"] = "9".into();
    let (code, stored) = api.ask("PUT", &path, stored).await;
    assert_eq!(code, 200, "{stored}");
    assert_eq!(stored["status"]["hard"]["pods"], "3");
    assert_eq!(stored["spec"]["hard"]["pods"], "1", "the spec is not written by way of the status");
}

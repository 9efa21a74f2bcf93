//! Many writers at once: nothing is lost, nothing is given twice.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::Harness;

/// Sends requests (method, path, media type, body) in tasks of their own.
async fn at_once(
    api: &Arc<Harness>,
    requests: impl IntoIterator<Item = (&'static str, &'static str, &'static str, Value)>,
) -> Vec<(u16, Value)> {
    let mut tasks = JoinSet::new();
    for (method, path, media, body) in requests {
        let api = api.clone();
        tasks.spawn(async move { api.ask_as(method, path, media, body).await });
    }
    tasks.join_all().await
}

fn count(codes: &[u16], code: u16) -> usize {
    codes.iter().filter(|one| **one == code).count()
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const SERVICES: &str = "/api/v1/namespaces/default/services";

#[tokio::test(flavor = "multi_thread")]
async fn patches_at_once_all_count() {
    let api = Arc::new(Harness::start().await);
    api.ask("POST", MAPS, json!({"metadata": {"name": "a"}})).await;
    let path = "/api/v1/namespaces/default/configmaps/a";
    let patch = |n: i32| {
        let patch = json!({"data": {format!("k{n}"): "v"}});
        ("PATCH", path, "application/merge-patch+json", patch)
    };
    for (code, answer) in at_once(&api, (0..8).map(patch)).await {
        assert_eq!(code, 200, "{answer}");
    }
    assert_eq!(api.get(path).await["data"].as_object().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_at_once_share_no_address() {
    let api = Arc::new(Harness::start().await);
    let create = |n: i32| {
        let spec = json!({"type": "NodePort", "ports": [{"port": 80}]});
        let service = json!({"metadata": {"name": format!("s{n}")}, "spec": spec});
        ("POST", SERVICES, "", service)
    };
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for (code, service) in at_once(&api, (0..24).map(create)).await {
        assert_eq!(code, 201, "{service}");
        assert!(addresses.insert(service["spec"]["clusterIP"].as_str().unwrap().to_owned()));
        assert!(ports.insert(service["spec"]["ports"][0]["nodePort"].as_i64().unwrap()));
    }
    let demand = |_| {
        let spec = json!({"clusterIP": "10.43.0.200", "ports": [{"port": 80}]});
        ("POST", SERVICES, "", json!({"metadata": {"generateName": "x-"}, "spec": spec}))
    };
    let answers = at_once(&api, (0..8).map(demand)).await;
    let codes: Vec<u16> = answers.iter().map(|(code, _)| *code).collect();
    assert_eq!((count(&codes, 201), count(&codes, 422)), (1, 7), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn creators_and_deleters_of_one_name_have_one_winner() {
    let api = Arc::new(Harness::start().await);
    let create = |_| ("POST", MAPS, "", json!({"metadata": {"name": "one"}}));
    let answers = at_once(&api, (0..8).map(create)).await;
    let codes: Vec<u16> = answers.iter().map(|(code, _)| *code).collect();
    assert_eq!((count(&codes, 201), count(&codes, 409)), (1, 7), "{answers:?}");
    let path = "/api/v1/namespaces/default/configmaps/one";
    let delete = |_| ("DELETE", path, "", Value::Null);
    let answers = at_once(&api, (0..8).map(delete)).await;
    let codes: Vec<u16> = answers.iter().map(|(code, _)| *code).collect();
    assert_eq!((count(&codes, 200), count(&codes, 404)), (1, 7), "{answers:?}");
}

//! Lists in chunks, and tables.

use std::sync::Arc;

use serde_json::{Value, json};
use store::{Limits, Memory};

use crate::harness::Harness;

const TEMPLATES: &str = "/api/v1/namespaces/default/configmaps";

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

async fn fill(api: &Harness, count: usize) {
    for number in 0..count {
        let map = json!({"metadata": {"name": format!("template-{number:04}")}});
        assert_eq!(api.ask("POST", TEMPLATES, map).await.0, 201);
    }
}

/// Conformance: [sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]
#[tokio::test]
async fn api_chunking_returns_chunks_of_results() {
    let api = Harness::start().await;
    fill(&api, 400).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    let mut version = Value::Null;
    loop {
        let page = api.get(&format!("{TEMPLATES}?limit=33&continue={token}")).await;
        let meta = &page["metadata"];
        assert!(version.is_null() || version == meta["resourceVersion"], "one version for all");
        version = meta["resourceVersion"].clone();
        seen.extend(names(&page));
        match meta["continue"].as_str() {
            Some(next) => {
                assert_eq!(meta["remainingItemCount"], 400 - seen.len());
                next.clone_into(&mut token);
            }
            None => break,
        }
    }
    assert!(seen.is_sorted() && seen.len() == 400);
    assert_eq!(names(&api.get(TEMPLATES).await), seen, "as one list of all");
}

/// Conformance: [sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Conformance] [Slow]
#[tokio::test]
async fn api_chunking_goes_on_though_the_version_is_compacted() {
    let limits = Limits { log_count_max: 20, ..Limits::default() };
    let api = Harness::start_over(Arc::new(Memory::new(limits))).await;
    fill(&api, 10).await;
    let first = api.get(&format!("{TEMPLATES}?limit=4")).await;
    assert_eq!(first["metadata"]["remainingItemCount"], 6);
    let token = first["metadata"]["continue"].as_str().unwrap();
    // So many changes come meanwhile that the first page's version is forgotten.
    for number in 0..30 {
        let map = json!({"metadata": {"name": format!("later-{number:04}")}});
        assert_eq!(api.ask("POST", TEMPLATES, map).await.0, 201);
    }
    let (code, status) =
        api.ask("GET", &format!("{TEMPLATES}?limit=4&continue={token}"), Value::Null).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")), "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("continue parameter is too old"), "{message}");
    let token = status["metadata"]["continue"].as_str().unwrap();
    let second = api.get(&format!("{TEMPLATES}?limit=4&continue={token}")).await;
    // It goes on behind the last name that was told, in what is there now, and consistently so.
    assert_eq!(
        names(&second),
        ["template-0004", "template-0005", "template-0006", "template-0007"]
    );
    assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(second["metadata"]["remainingItemCount"], 2);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = api.get(&format!("{TEMPLATES}?limit=4&continue={token}")).await;
    assert_eq!(names(&third), ["template-0008", "template-0009"]);
    assert_eq!(third["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]);
}

/// Conformance: [sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]
#[tokio::test]
async fn table_transformation_is_406_where_no_metadata_is() {
    let api = Harness::start().await;
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}});
    let request = api
        .request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header("content-type", "application/json")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let response = api.full(request.body(review.to_string().into()).unwrap()).await;
    let status: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!((response.status().as_u16(), &status["reason"]), (406, &json!("NotAcceptable")));
}

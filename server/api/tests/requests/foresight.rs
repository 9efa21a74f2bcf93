//! What would come of apps if hosts were lost, and why a pod has no node.

use serde_json::{Value, json};

use crate::harness::Harness;

const WHAT_IF: &str = "/apis/longshore.dev/v1/whatif";
const PODS: &str = "/api/v1/namespaces/default/pods";

async fn add_node(api: &Harness, name: &str, cpu: &str) {
    let node = json!({"metadata": {"name": name}, "status": {
        "allocatable": {"cpu": cpu, "memory": "4Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}]}});
    assert_eq!(api.ask("POST", "/api/v1/nodes", node).await.0, 201);
    // A new node is tainted until somebody has seen it ready.
    let path = format!("/api/v1/nodes/{name}");
    let ready = json!({"spec": {"taints": null}});
    assert_eq!(api.ask_as("PATCH", &path, "application/merge-patch+json", ready).await.0, 200);
}

async fn add_pod(api: &Harness, name: &str, cpu: &str, node: &str) {
    let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [{
        "name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}});
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "example.com/v1",
            "kind": "Shop", "name": "shop", "uid": "u", "controller": true}]);
    }
    assert_eq!(api.ask("POST", PODS, pod).await.0, 201);
}

#[tokio::test]
async fn the_loss_of_hosts_is_foreseen() {
    let api = Harness::start().await;
    for (node, cpu) in [("a", "2"), ("b", "1"), ("c", "0")] {
        add_node(&api, node, cpu).await;
    }
    add_pod(&api, "one", "1", "a").await;
    add_pod(&api, "two", "1", "a").await;
    let lost = api.get(&format!("{WHAT_IF}?lose=a")).await["items"][0].clone();
    assert_eq!(lost["spec"]["lose"], json!(["a"]));
    let app = &lost["status"]["apps"][0];
    assert_eq!((&app["kind"], &app["name"]), (&json!("Shop"), &json!("shop")), "{lost}");
    assert_eq!((&app["outcome"], &app["pods"]), (&json!("Degraded"), &json!(2)), "{lost}");
    let outcomes: Vec<&Value> =
        app["lost"].as_array().unwrap().iter().map(|pod| &pod["outcome"]).collect();
    assert_eq!(outcomes, [&json!("Moves"), &json!("NoCapacity")], "{lost}");
    assert_eq!(api.get(&format!("{WHAT_IF}/a")).await["status"], lost["status"]);
    let both = api.get(&format!("{WHAT_IF}?lose=a&lose=b")).await["items"][0].clone();
    assert_eq!(both["metadata"]["name"], "a,b");
    assert_eq!(both["status"]["stopping"], 1, "{both}");
    let all = api.get(WHAT_IF).await;
    let names: Vec<&Value> =
        all["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, [&json!("a"), &json!("b"), &json!("c")]);
    let (code, status) = api.ask("GET", &format!("{WHAT_IF}?lose=nowhere"), Value::Null).await;
    assert_eq!(
        (code, &status["message"]),
        (404, &json!("hosts.longshore.dev \"nowhere\" not found"))
    );
    // Nothing of it has happened.
    assert_eq!(api.get(&format!("{PODS}/one")).await["spec"]["nodeName"], "a");
}

#[tokio::test]
async fn each_node_says_what_it_has_against_a_pod() {
    let api = Harness::start().await;
    add_node(&api, "a", "4").await;
    add_node(&api, "b", "1").await;
    add_pod(&api, "big", "2", "").await;
    let placement = "/apis/longshore.dev/v1/namespaces/default/placements/big";
    assert_eq!(
        api.get(placement).await["status"]["nodes"],
        json!([{"node": "a", "fits": true}, {"node": "b", "fits": false,
            "filter": "NodeResourcesFit", "reasons": ["Insufficient cpu"]}])
    );
    add_pod(&api, "placed", "1", "a").await;
    let placed = placement.replace("big", "placed");
    assert_eq!(api.ask("GET", &placed, Value::Null).await.0, 404, "it waits for no node");
}

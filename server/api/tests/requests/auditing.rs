//! Who did what is kept, and can be asked for.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::harness::Harness;

const EVENTS: &str = "/apis/longshore.dev/v1/auditevents";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

/// The events that a field selector means, once there are as many as that; the newest first.
async fn events(api: &Harness, fields: &str, count: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let list = api.get(&format!("{EVENTS}?fieldSelector={}", fields.replace('=', "%3D"))).await;
        let items = list["items"].as_array().unwrap();
        if items.len() >= count || Instant::now() > until {
            assert_eq!(items.len(), count, "{fields}: {list}");
            return items.iter().map(|item| item["spec"].clone()).collect();
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn each_write_leaves_a_row_with_its_difference() {
    let api = Harness::start().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let request = api
        .request("POST", maps)
        .header("user-agent", "kubectl/v1.37")
        .header("impersonate-user", "jane")
        .header("impersonate-group", "system:masters");
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "1"}}).to_string();
    assert_eq!(api.full(request.body(body.into()).unwrap()).await.status(), 201);
    let merge = "application/merge-patch+json";
    let one = format!("{maps}/a");
    api.ask_as("PATCH", &one, merge, json!({"data": {"k": "2"}})).await;
    api.ask_as("PATCH", &one, merge, json!({"data": {"k": 3}})).await;
    api.ask("DELETE", &one, Value::Null).await;
    let events = events(&api, "resource=configmaps,name=a", 4).await;
    let told: Vec<(&str, &str, u64)> = events
        .iter()
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap();
            (text("user"), text("verb"), event["code"].as_u64().unwrap())
        })
        .collect();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            ("admin", "delete", 200),
            ("admin", "patch", 200),
            ("admin", "patch", 422),
            ("jane", "create", 201)
        ]
    );
    let find = |verb: &str, code: u64| {
        events.iter().find(|event| event["verb"] == verb && event["code"] == code).unwrap()
    };
    let created = find("create", 201);
    assert_eq!(created["impersonator"], "admin");
    assert_eq!(created["sourceIP"], "127.0.0.1");
    assert_eq!(created["userAgent"], "kubectl/v1.37");
    let diff: Value = serde_json::from_str(created["diff"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&diff["data"]["k"], &diff["metadata"]["managedFields"]),
        (&json!("1"), &Value::Null)
    );
    let patched = find("patch", 200);
    assert_eq!(patched["diff"], "{\"data\":{\"k\":\"2\"}}");
    assert_eq!(patched["before"], created["after"]);
    assert_eq!(find("patch", 422)["diff"], Value::Null);
    assert_eq!(find("delete", 200)["diff"], "null");
}

#[tokio::test]
async fn reads_of_secrets_leave_a_row_and_their_values_stay_hidden() {
    let api = Harness::start().await;
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}});
    assert_eq!(api.ask("POST", SECRETS, secret).await.0, 201);
    api.get(&format!("{SECRETS}/s")).await;
    api.get(SECRETS).await;
    api.get("/api/v1/namespaces/default/configmaps").await;
    let events = events(&api, "resource=secrets,namespace=default", 3).await;
    let shown = serde_json::to_string(&events).unwrap();
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    let created = events.iter().find(|event| event["verb"] == "create").unwrap();
    assert!(created["diff"].as_str().unwrap().contains("\"password\":\"(sealed)\""), "{created}");
    assert!(events.iter().any(|event| event["verb"] == "get" && event["name"] == "s"));
    assert!(events.iter().any(|event| event["verb"] == "list"));
}

#[tokio::test]
async fn events_are_listed_in_pages_and_as_a_table() {
    let api = Harness::start().await;
    for n in 0..5 {
        api.ask("POST", SECRETS, json!({"metadata": {"name": format!("s{n}")}})).await;
    }
    let path = format!("{EVENTS}?fieldSelector=user%3Dadmin,verb%3Dcreate&limit=3");
    let page = api.get(&path).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = api.get(&format!("{path}&continue={token}")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    assert_eq!(rest["items"][1]["spec"]["name"], "s0", "the oldest comes last");
    let name = rest["items"][1]["metadata"]["name"].as_str().unwrap();
    assert_eq!(api.get(&format!("{EVENTS}/{name}")).await["spec"]["name"], "s0");
    assert_eq!(api.ask("GET", &format!("{EVENTS}/0"), Value::Null).await.0, 404);
    assert_eq!(api.ask("DELETE", &format!("{EVENTS}/{name}"), Value::Null).await.0, 405);
    let request =
        api.request("GET", &path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: Value =
        serde_json::from_slice(api.full(request.body(bytes::Bytes::new()).unwrap()).await.body())
            .unwrap();
    let columns: Vec<&str> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns[..6], ["Name", "Time", "User", "Verb", "Object", "Code"]);
    assert_eq!(table["rows"][0]["cells"][4], "secrets default/s4");
    for (fields, code) in [("since%3Dyesterday", 400), ("user%21%3Dadmin", 400), ("nope%3D1", 400)]
    {
        let path = format!("{EVENTS}?fieldSelector={fields}");
        assert_eq!(api.ask("GET", &path, Value::Null).await.0, code, "{fields}");
    }
    let until = format!("{EVENTS}?fieldSelector=until%3D2020-01-01T00:00:00Z");
    assert_eq!(api.get(&until).await["items"], json!([]));
}

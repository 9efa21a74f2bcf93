//! Events for people: one object for each thing that is said of an object, counted when repeated.

use client::{Client, PatchType, WriteOptions};
use jiff::Timestamp;
use object::{ApiError, Key};
use planning::{Event, Severity, conditions, names};
use serde_json::{Value, json};

const EVENTS: &str = "events";

/// Writes an event, or raises the count of the one that says the same.
pub(crate) async fn record(
    client: &dyn Client,
    event: &Event,
    now: Timestamp,
    options: &WriteOptions,
) -> Result<(), ApiError> {
    let key = key_of(event);
    let body = body_of(event, &key, now);
    match client.create(&key, "", body.to_string().into(), options).await {
        Err(error) if error.is_already_exists() => {}
        other => return other.map(|_| ()),
    }
    let old: Value = client.get(&key).await?.decode()?;
    let patch = json!({
        "metadata": {"resourceVersion": old["metadata"]["resourceVersion"]},
        "count": old["count"].as_i64().unwrap_or(1) + 1,
        "lastTimestamp": conditions::time(now),
    });
    client.patch(&key, "", PatchType::Merge, patch.to_string().into(), options).await?;
    Ok(())
}

/// Events of an object of the cluster stand in `default`.
fn key_of(event: &Event) -> Key {
    let namespace = match &*event.regarding.namespace {
        "" => "default",
        namespace => namespace,
    };
    let said = [&*event.regarding_uid, event.source, event.reason, &event.message];
    let name = &*event.regarding.name;
    // Room for the dot and the digits in a name of at most 253.
    let name = &name[..name.floor_char_boundary(236)];
    Key::new(EVENTS, namespace, &format!("{name}.{}", names::hex(&said, 8)))
}

fn body_of(event: &Event, key: &Key, now: Timestamp) -> Value {
    let def = kinds::find(&event.regarding.kind);
    let time = conditions::time(now);
    let mut body = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": &*key.name, "namespace": &*key.namespace},
        "involvedObject": {
            "apiVersion": def.map_or("", |def| &*def.api_version),
            "kind": def.map_or("", |def| &*def.kind),
            "name": &*event.regarding.name,
            "uid": &*event.regarding_uid,
        },
        "reason": event.reason,
        "message": event.message,
        "type": match event.severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        },
        "source": {"component": event.source},
        "reportingComponent": event.source,
        "reportingInstance": "",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    });
    if !event.regarding.namespace.is_empty() {
        body["involvedObject"]["namespace"] = (*event.regarding.namespace).into();
    }
    body
}

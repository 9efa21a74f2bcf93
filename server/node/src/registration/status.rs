//! The node's status: capacity, addresses, conditions.

use std::{fs, sync::Arc, time::Duration};

use client::{Client, PatchType, WriteOptions};
use jiff::Timestamp;
use object::{ApiError, Key};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{Host, architecture, seconds};
use crate::{AgentConfig, context::PODS_MAX};

/// Written this often even if nothing has changed.
const PERIOD: Duration = Duration::from_secs(300);
/// Looked at this often: while a node can not be heard, others write that nothing is known of it,
/// and evict its pods if it does not say soon that it is back.
const LOOK: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(5);
const CONFLICT_RETRY: Duration = Duration::from_millis(200);

/// Keeps the status right for ever; `problem` says what is wrong with the engine, if anything.
pub(crate) async fn keep_status(
    client: Arc<dyn Client>,
    config: AgentConfig,
    host: Host,
    mut problem: watch::Receiver<Option<String>>,
) {
    let key = Key::new("nodes", "", &config.node);
    let mut written: Option<Instant> = None;
    loop {
        let wrong = problem.borrow_and_update().clone();
        let is_due = written.is_none_or(|at| at.elapsed() >= PERIOD);
        let pause = match write(&client, &key, &config, &host, wrong.as_deref(), is_due).await {
            Ok(has_written) => {
                if has_written {
                    written = Some(Instant::now());
                }
                LOOK
            }
            // Somebody else has just written to the node.
            Err(error) if error.is_conflict() => CONFLICT_RETRY,
            Err(error) => {
                tracing::warn!(%error, "the node's status could not be written");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = problem.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes the status if it is due or says something else than what is true; says whether it did.
async fn write(
    client: &Arc<dyn Client>,
    key: &Key,
    config: &AgentConfig,
    host: &Host,
    problem: Option<&str>,
    is_due: bool,
) -> Result<bool, ApiError> {
    let there: Value = client.get(key).await?.decode()?;
    let empty = Vec::new();
    let before = there["status"]["conditions"].as_array().unwrap_or(&empty);
    let now = conditions(before, problem, Timestamp::now());
    if !is_due && says_the_same(before, &now) {
        return Ok(false);
    }
    let mut status = facts(config, host);
    status["conditions"] = now;
    // Nobody else changes a condition between the read and this write unseen.
    let version = &there["metadata"]["resourceVersion"];
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status}).to_string();
    let options = WriteOptions::default();
    client.patch(key, "status", PatchType::Merge, patch.into(), &options).await.map(|_| true)
}

/// Whether conditions differ in nothing but the time of their heartbeat.
fn says_the_same(before: &[Value], now: &Value) -> bool {
    let told = |all: &[Value]| {
        let mut told: Vec<[String; 3]> = all
            .iter()
            .map(|c| ["type", "status", "message"].map(|name| c[name].to_string()))
            .collect();
        told.sort();
        told
    };
    told(before) == told(now.as_array().map(Vec::as_slice).unwrap_or_default())
}

fn facts(config: &AgentConfig, host: &Host) -> Value {
    let engine = &host.engine;
    let room = host.room(config).allocatable;
    let amounts = |memory: i64| {
        json!({
            "cpu": engine.cpus.to_string(),
            "memory": format!("{}Ki", memory / 1024),
            "pods": PODS_MAX.to_string(),
            "ephemeral-storage": host.disk_bytes.to_string(),
        })
    };
    let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    json!({
        "capacity": amounts(engine.memory_bytes),
        "allocatable": amounts(room.memory_bytes),
        "addresses": [
            {"type": "InternalIP", "address": host.address.to_string()},
            {"type": "Hostname", "address": config.node},
        ],
        "nodeInfo": {
            "machineID": line("/etc/machine-id"),
            "systemUUID": line("/sys/class/dmi/id/product_uuid"),
            "bootID": line("/proc/sys/kernel/random/boot_id"),
            "kernelVersion": engine.kernel,
            "osImage": engine.os_image,
            "containerRuntimeVersion": format!("docker://{}", engine.version),
            "kubeletVersion": version, "kubeProxyVersion": version,
            "operatingSystem": "linux",
            "architecture": architecture(&engine.architecture),
        },
    })
}

/// Ours, with the times of those that stay the same; others' stay as they are.
fn conditions(before: &[Value], problem: Option<&str>, now: Timestamp) -> Value {
    let ready = match problem {
        None => ("Ready", "True", "KubeletReady", "the agent is posting ready status".to_owned()),
        Some(problem) => ("Ready", "False", "KubeletNotReady", problem.to_owned()),
    };
    let enough = |kind, reason, message: &str| (kind, "False", reason, message.to_owned());
    let found = [
        enough("MemoryPressure", "KubeletHasSufficientMemory", "the host has sufficient memory"),
        enough("DiskPressure", "KubeletHasNoDiskPressure", "the host has no disk pressure"),
        enough("PIDPressure", "KubeletHasSufficientPID", "the host has sufficient PIDs"),
        ready,
    ];
    let is_ours = |c: &&Value| !found.iter().any(|(kind, ..)| c["type"] == **kind);
    let mut all: Vec<Value> = before.iter().filter(is_ours).cloned().collect();
    for (kind, status, reason, message) in &found {
        let old = before.iter().find(|c| c["type"] == **kind && c["status"] == **status);
        let since = old.map(|old| old["lastTransitionTime"].clone()).filter(|t| !t.is_null());
        all.push(json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": seconds(now),
            "lastTransitionTime": since.unwrap_or_else(|| seconds(now)),
        }));
    }
    Value::Array(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_keep_their_times_and_others() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first =
            conditions(&[json!({"type": "NetworkUnavailable", "status": "False"})], None, at(1));
        let first = first.as_array().unwrap();
        assert_eq!(first.len(), 5);
        let second = conditions(first, Some("no engine"), at(2));
        let find = |kind: &str| {
            second.as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap().clone()
        };
        assert_eq!(find("Ready")["lastTransitionTime"], "1970-01-01T00:00:02Z");
        assert_eq!(find("Ready")["message"], "no engine");
        assert_eq!(find("DiskPressure")["lastTransitionTime"], "1970-01-01T00:00:01Z");
        assert_eq!(find("DiskPressure")["lastHeartbeatTime"], "1970-01-01T00:00:02Z");
        assert_eq!(find("NetworkUnavailable")["status"], "False");
        assert!(says_the_same(second.as_array().unwrap(), &second));
        assert!(!says_the_same(first, &second), "the engine is away");
        let mut unknown = second.as_array().unwrap().clone();
        unknown.iter_mut().for_each(|condition| condition["status"] = "Unknown".into());
        assert!(!says_the_same(&unknown, &second), "others say that nothing is known");
    }
}

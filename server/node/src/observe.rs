//! What the engine has for a pod, in the words of the plan.

use std::{collections::BTreeMap, fs, path::Path};

use futures::TryStreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use nix::net::if_::if_nametoindex;
use planning::node::{self, Observed, Sandbox, State, labels};

use crate::{
    context::Context,
    folder::PodFolder,
    network,
    runtime::{Inspected, LogOptions, Result},
};

const MESSAGE_BYTES_MAX: usize = 4096;
/// How much of its log stands for the message of a container that left none.
const LOG_LINES_MAX: u64 = 80;
const LOG_BYTES_MAX: usize = 2048;

/// The engine's containers of one pod, and what the plan sees of them.
#[derive(Default)]
pub(crate) struct Sight {
    pub(crate) observed: Observed,
    pub(crate) containers: BTreeMap<String, Inspected>,
}

/// Looks at a pod's containers. `pod` is `None` for what is left of one that is gone.
pub(crate) async fn observe(
    context: &Context,
    folder: &PodFolder,
    uid: &str,
    pod: Option<&Pod>,
) -> Result<Sight> {
    let mut sight = Sight::default();
    for found in context.runtime.containers(uid).await? {
        match found.labels.get(labels::CONTAINER_NAME) {
            Some(name) => {
                let run = container(context, folder, pod, name, &found).await;
                sight.observed.containers.push(run);
            }
            None => sight.observed.sandboxes.push(sandbox(&found, uid)),
        }
        sight.containers.insert(found.id.clone(), found);
    }
    Ok(sight)
}

fn number<T: std::str::FromStr + Default>(found: &Inspected, label: &str) -> T {
    found.labels.get(label).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn sandbox(found: &Inspected, uid: &str) -> Sandbox {
    let link = network::link_name(uid);
    Sandbox {
        id: found.id.clone(),
        attempt: number(found, labels::ATTEMPT),
        running: found.is_running,
        networked: found.is_running && if_nametoindex(link.as_str()).is_ok(),
        ip: found.labels.get(labels::POD_IP).and_then(|ip| ip.parse().ok()),
        pid: found.pid,
    }
}

async fn container(
    context: &Context,
    folder: &PodFolder,
    pod: Option<&Pod>,
    name: &str,
    found: &Inspected,
) -> node::Container {
    let restart_count = number(found, labels::RESTART_COUNT);
    let mut state = state(found);
    if let State::Exited { exit_code, message, .. } = &mut state
        && message.is_none()
    {
        let falls_back = *exit_code != 0 && pod.is_some_and(|pod| wants_log(pod, name));
        *message = match read_message(&folder.message(name, restart_count)) {
            None if falls_back => last_lines(context, &found.id).await,
            message => message,
        };
    }
    let text = |label: &str| found.labels.get(label).cloned().unwrap_or_default();
    node::Container {
        id: found.id.clone(),
        name: name.to_owned(),
        sandbox: text(labels::SANDBOX_ID),
        restart_count,
        crashes: number(found, labels::CRASHES),
        spec_hash: text(labels::SPEC_HASH),
        image: found.image.clone(),
        image_id: format!("docker://{}", found.image_id),
        state,
    }
}

fn state(found: &Inspected) -> State {
    if found.is_running {
        return State::Running { started_at: found.started_at.unwrap_or(found.created_at) };
    }
    let Some(finished_at) = found.finished_at else {
        // Never started: left behind, or the engine could not start it.
        return if found.error.is_empty() {
            State::Created
        } else {
            State::Exited {
                started_at: None,
                finished_at: found.created_at,
                exit_code: if found.exit_code == 0 { 128 } else { found.exit_code },
                reason: "StartError".to_owned(),
                message: Some(found.error.clone()),
            }
        };
    };
    let reason = match found.exit_code {
        _ if found.is_oom_killed => "OOMKilled",
        0 => "Completed",
        _ => "Error",
    };
    State::Exited {
        started_at: found.started_at,
        finished_at,
        exit_code: found.exit_code,
        reason: reason.to_owned(),
        message: None,
    }
}

fn wants_log(pod: &Pod, name: &str) -> bool {
    let declared = pod.spec.as_ref().map(node::containers).unwrap_or_default();
    declared.iter().any(|(_, container)| {
        container.name == name
            && container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError")
    })
}

fn read_message(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok().filter(|bytes| !bytes.is_empty())?;
    let end = bytes.len().min(MESSAGE_BYTES_MAX);
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

async fn last_lines(context: &Context, id: &str) -> Option<String> {
    let options = LogOptions { tail_lines: Some(LOG_LINES_MAX), ..LogOptions::default() };
    let output: Vec<_> = context.runtime.logs(id, &options).await.ok()?.try_collect().await.ok()?;
    let bytes: Vec<u8> = output.iter().flat_map(|piece| piece.data.to_vec()).collect();
    let start = bytes.len().saturating_sub(LOG_BYTES_MAX);
    Some(String::from_utf8_lossy(&bytes[start..]).into_owned()).filter(|text| !text.is_empty())
}

/// When a container that runs was started, for probes that count from there.
pub(crate) fn started_at(container: &node::Container) -> Option<Timestamp> {
    match container.state {
        State::Running { started_at } => Some(started_at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(second: Option<i64>, exit_code: i32) -> Inspected {
        Inspected {
            id: "a".into(),
            labels: BTreeMap::new(),
            image: String::new(),
            image_id: String::new(),
            pid: None,
            is_running: false,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: second.map(|s| Timestamp::from_second(s).unwrap()),
            exit_code,
            is_oom_killed: false,
            error: String::new(),
            is_tty: false,
            stop_signal: None,
        }
    }

    #[test]
    fn tells_ends_apart() {
        let reason = |found: &Inspected| match state(found) {
            State::Exited { reason, exit_code, .. } => format!("{reason} {exit_code}"),
            State::Created => "created".to_owned(),
            State::Running { .. } => "running".to_owned(),
        };
        assert_eq!(reason(&found(Some(5), 0)), "Completed 0");
        assert_eq!(reason(&found(Some(5), 3)), "Error 3");
        assert_eq!(
            reason(&Inspected { is_oom_killed: true, ..found(Some(5), 137) }),
            "OOMKilled 137"
        );
        assert_eq!(reason(&found(None, 0)), "created");
        assert_eq!(reason(&Inspected { error: "no".into(), ..found(None, 127) }), "StartError 127");
        assert_eq!(reason(&Inspected { is_running: true, ..found(None, 0) }), "running");
    }
}

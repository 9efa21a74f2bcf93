//! Tables: a pod, what is there, what is noted; the plan as text out.

mod plans;
mod statuses;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::{Container, Notes, Observed, Sandbox, State, containers::hash, plan};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "d", "uid": "u", "generation": 1}, "spec": spec}))
    .unwrap()
}

/// A pod that was deleted with a grace of 30 s.
fn deleted(spec: Value) -> Pod {
    let mut pod = pod(spec);
    pod.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(1000)));
    pod.metadata.deletion_grace_period_seconds = Some(30);
    pod
}

/// What is there, in words: `s0` a running sandbox, `s0!` a dead one, `s0-` one without network;
/// `web.0` a running container, `web.1=7@50` one that exited with 7 at second 50, `web.0+` one that
/// was created only. Containers belong to the sandbox before them. `%3` behind a container: its
/// crash count.
fn observed(pod: &Pod, text: &str) -> Observed {
    let mut observed = Observed::default();
    for word in text.split_whitespace() {
        if let Some(sandbox) =
            word.strip_prefix('s').filter(|rest| rest.starts_with(char::is_numeric))
        {
            let number = sandbox.trim_end_matches(['!', '-']);
            observed.sandboxes.push(Sandbox {
                id: format!("s{number}"),
                attempt: number.parse().unwrap(),
                running: !sandbox.ends_with('!'),
                networked: !sandbox.ends_with('-'),
                ip: Some("10.42.0.7".parse().unwrap()),
                pid: Some(1),
            });
        } else {
            let sandbox = observed.sandboxes.last().map(|s| s.id.clone()).unwrap_or_default();
            observed.containers.push(run(pod, word, sandbox));
        }
    }
    observed
}

fn run(pod: &Pod, word: &str, sandbox: String) -> Container {
    let (word, crashes) = word.split_once('%').unwrap_or((word, "0"));
    let (name, rest) = word.split_once('.').unwrap();
    let (count, state) = match rest.split_once('=') {
        Some((count, exit)) => {
            let (code, second) = exit.split_once('@').unwrap();
            let exit_code: i32 = code.parse().unwrap();
            let state = State::Exited {
                started_at: Some(at(second.parse::<i64>().unwrap() - 5)),
                finished_at: at(second.parse().unwrap()),
                exit_code,
                reason: if exit_code == 0 { "Completed" } else { "Error" }.to_owned(),
                message: None,
            };
            (count, state)
        }
        None if rest.ends_with('+') => (rest.trim_end_matches('+'), State::Created),
        None => (rest, State::Running { started_at: at(10) }),
    };
    let declared = super::containers(pod.spec.as_ref().unwrap());
    let declared = declared.iter().find(|(_, c)| c.name == name);
    Container {
        id: format!("{name}{count}"),
        name: name.to_owned(),
        sandbox,
        restart_count: count.parse().unwrap(),
        crashes: crashes.parse().unwrap(),
        spec_hash: declared.map(|(_, c)| hash(c)).unwrap_or_default(),
        image: "img".to_owned(),
        image_id: "docker://sha".to_owned(),
        state,
    }
}

/// The plan as one line, at second 1000.
fn planned(pod: &Pod, there: &str, notes: &Notes) -> String {
    let plan = plan(pod, &observed(pod, there), notes, at(1000));
    plan.to_string().trim_end().replace('\n', "; ")
}

/// Notes in which the images of these containers are ready.
fn with_images(names: &[&str]) -> Notes {
    let mut notes = Notes::default();
    for name in names {
        notes.pulled(name, "sha".to_owned());
    }
    notes
}

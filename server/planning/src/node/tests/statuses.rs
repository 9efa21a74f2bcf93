use k8s_openapi::api::core::v1::PodStatus;

use super::*;
use crate::node::{Hook, Image, Place, Probed, Refusal, status};

/// A status in words: phase, the conditions that hold, each container.
fn words(status: &PodStatus) -> String {
    let mut words = vec![status.phase.clone().unwrap()];
    words.extend(status.reason.clone());
    let short = |name: &str| match name {
        "PodReadyToStartContainers" => "net",
        "Initialized" => "init",
        "Ready" => "ready",
        "ContainersReady" => "containers",
        _ => "",
    };
    let holding = status.conditions.iter().flatten().filter(|c| c.status == "True");
    words.push(format!(
        "[{}]",
        holding.map(|c| short(&c.type_)).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
    ));
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    for container in all {
        let state = container.state.clone().unwrap();
        let name = &container.name;
        let text = if let Some(waiting) = state.waiting {
            waiting.reason.unwrap()
        } else if let Some(terminated) = state.terminated {
            format!("{}({})", terminated.reason.unwrap(), terminated.exit_code)
        } else {
            (if container.ready { "ready" } else { "running" }).to_owned()
        };
        let last = container.last_state.as_ref().and_then(|s| s.terminated.as_ref());
        let last = last.map(|t| format!(" after {}", t.exit_code)).unwrap_or_default();
        words.push(format!("{name}:{text}/{}{last}", container.restart_count));
    }
    words.join(" ")
}

fn of(pod: &Pod, there: &str, notes: &Notes) -> PodStatus {
    status(pod, &observed(pod, there), notes, &Place { host_ip: "10.0.0.1".into() }, at(1000))
}

fn check(pod: &Pod, notes: &Notes, cases: &[(&str, &str)]) {
    for (there, want) in cases {
        assert_eq!(words(&of(pod, there, notes)), *want, "with {there:?}");
    }
}

#[test]
fn a_pod_comes_up() {
    let pod = pod(json!({"containers": [{"name": "web", "image": "a"}]}));
    check(
        &pod,
        &Notes::default(),
        &[
            ("", "Pending [init] web:ContainerCreating/0"),
            ("s0", "Pending [net init] web:ContainerCreating/0"),
            ("s0 web.0", "Running [net init ready containers] web:ready/0"),
            ("s0 web.0=1@999", "Running [net init] web:Error(1)/0"),
            ("s0 web.0=1@990 web.1=1@999%1", "Running [net init] web:CrashLoopBackOff/1 after 1"),
            ("s0 web.0=3@990 web.1", "Running [net init ready containers] web:ready/1 after 3"),
        ],
    );
    let status = of(&pod, "s0 web.0", &Notes::default());
    assert_eq!(status.pod_ip.as_deref(), Some("10.42.0.7"));
    assert_eq!(status.host_ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(status.start_time.unwrap().0, at(1000));
}

#[test]
fn reasons_of_waiting() {
    let pod = pod(json!({"containers": [{"name": "web", "image": "a"}]}));
    let mut notes = Notes::default();
    notes.pull_failed("web", "ErrImagePull", "no such image", at(999));
    check(&pod, &notes, &[("s0", "Pending [net init] web:ErrImagePull/0")]);
    notes.pull_failed("web", "ErrImagePull", "no such image", at(999));
    check(&pod, &notes, &[("s0", "Pending [net init] web:ImagePullBackOff/0")]);
    notes.images.insert("web".into(), Image::Pulling);
    check(&pod, &notes, &[("s0", "Pending [net init] web:ErrImagePull/0")]);
    let mut notes = Notes::default();
    notes.start_failed("web", "CreateContainerConfigError", "secret \"s\" not found", at(999));
    check(
        &pod,
        &notes,
        &[
            ("s0", "Pending [net init] web:CreateContainerConfigError/0"),
            ("s0 web.0=1@900", "Running [net init] web:CreateContainerConfigError/0 after 1"),
        ],
    );
    let looping = of(&pod, "s0 web.1=1@999%1", &Notes::default());
    let state = looping.container_statuses.unwrap()[0].state.clone().unwrap();
    assert_eq!(
        state.waiting.unwrap().message.unwrap(),
        "back-off 10s restarting failed container=web pod=web_d(u)"
    );
}

#[test]
fn init_containers() {
    let pod = pod(json!({
        "initContainers": [{"name": "a"}, {"name": "side", "restartPolicy": "Always"}],
        "containers": [{"name": "web"}]}));
    check(
        &pod,
        &Notes::default(),
        &[
            (
                "s0",
                "Pending [net] a:PodInitializing/0 side:PodInitializing/0 web:PodInitializing/0",
            ),
            ("s0 a.0", "Pending [net] a:running/0 side:PodInitializing/0 web:PodInitializing/0"),
            (
                "s0 a.0=0@9 side.0 web.0",
                "Running [net init ready containers] a:Completed(0)/0 side:ready/0 web:ready/0",
            ),
            (
                "s0 a.0=0@9 side.0=1@999 web.0",
                "Running [net init] a:Completed(0)/0 side:Error(1)/0 web:ready/0",
            ),
        ],
    );
}

#[test]
fn readiness_follows_probes_and_outlives_the_agent() {
    let probe = json!({"tcpSocket": {"port": 1}});
    let mut pod = pod(json!({"containers": [
        {"name": "web", "readinessProbe": probe, "startupProbe": probe}]}));
    let probed = |started, ready| Notes {
        probes: [("web0".to_owned(), Probed { started, ready, failed: None })].into(),
        ..Notes::default()
    };
    let up = "Running [net init ready containers] web:ready/0";
    let down = "Running [net init] web:running/0";
    check(&pod, &Notes::default(), &[("s0 web.0", down)]);
    check(&pod, &probed(Some(true), Some(false)), &[("s0 web.0", down)]);
    check(&pod, &probed(Some(true), Some(true)), &[("s0 web.0", up)]);
    let hooked = Notes {
        hooks: [("web0".to_owned(), Hook::Running)].into(),
        ..probed(Some(true), Some(true))
    };
    check(&pod, &hooked, &[("s0 web.0", down)]);
    // An agent that has come back believes the status of the same run, not of another.
    pod.status = Some(of(&pod, "s0 web.0", &probed(Some(true), Some(true))));
    check(&pod, &Notes::default(), &[("s0 web.0", up)]);
    check(&pod, &Notes::default(), &[("s0 web.1", "Running [net init] web:running/1")]);
}

#[test]
fn ends() {
    let end = |policy: &str| {
        pod(json!({"restartPolicy": policy, "containers": [{"name": "a"}, {"name": "b"}]}))
    };
    check(
        &end("Never"),
        &Notes::default(),
        &[
            ("s0 a.0=0@1 b.0=0@1", "Succeeded [net init] a:Completed(0)/0 b:Completed(0)/0"),
            ("s0 a.0=2@1 b.0=0@1", "Failed [net init] a:Error(2)/0 b:Completed(0)/0"),
            ("s0 a.0=2@1 b.0", "Running [net init] a:Error(2)/0 b:ready/0"),
        ],
    );
    let mut done = end("Never");
    done.status = Some(of(&done, "s0 a.0=0@1 b.0=0@1", &Notes::default()));
    check(&done, &Notes::default(), &[("", "Succeeded [init] a:Completed(0)/0 b:Completed(0)/0")]);
    assert_eq!(of(&done, "", &Notes::default()).pod_ip.as_deref(), Some("10.42.0.7"));

    let refusal = Refusal { reason: "OutOfcpu".into(), message: "no".into() };
    let notes = Notes { refusal: Some(refusal), ..Notes::default() };
    assert!(words(&of(&end("Always"), "", &notes)).starts_with("Failed OutOfcpu"));
}

#[test]
fn deletion_ends_as_the_containers_did() {
    let pod = deleted(json!({"containers": [{"name": "web"}]}));
    check(
        &pod,
        &Notes::default(),
        &[
            ("s0 web.0=0@999", "Succeeded [net init] web:Completed(0)/0"),
            ("s0 web.0=137@999", "Failed [net init] web:Error(137)/0"),
        ],
    );
}

#[test]
fn others_conditions_stay_and_times_are_kept() {
    let mut pod = pod(json!({"readinessGates": [{"conditionType": "x/gate"}],
        "containers": [{"name": "web"}]}));
    pod.status = serde_json::from_value(json!({"conditions": [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "1970-01-01T00:00:05Z"},
        {"type": "DisruptionTarget", "status": "True"}]}))
    .unwrap();
    let status = of(&pod, "s0 web.0", &Notes::default());
    let conditions = status.conditions.unwrap();
    let find = |name: &str| conditions.iter().find(|c| c.type_ == name).unwrap();
    assert_eq!(find("PodScheduled").last_transition_time.as_ref().unwrap().0, at(5));
    assert_eq!(find("DisruptionTarget").status, "True");
    assert_eq!(find("ContainersReady").status, "True");
    assert_eq!(find("Ready").reason.as_deref(), Some("ReadinessGatesNotReady"));
}

#[test]
fn a_status_that_was_written_is_written_no_more() {
    let mut pod = pod(json!({"containers": [{"name": "web"}]}));
    for there in ["", "s0", "s0 web.0", "s0 web.0=1@900", "s0 web.0=1@900 web.1=1@999%1"] {
        pod.status = Some(of(&pod, there, &Notes::default()));
        let again = status(
            &pod,
            &observed(&pod, there),
            &Notes::default(),
            &Place { host_ip: "10.0.0.1".into() },
            at(1001),
        );
        assert_eq!(pod.status, Some(again), "with {there:?}");
    }
}

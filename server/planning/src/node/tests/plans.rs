use super::*;
use crate::node::{Endpoint, Hook, Image, Probed, Refusal, Stop};

fn one() -> Value {
    json!({"containers": [{"name": "web", "image": "a"}]})
}

fn check(pod: &Pod, notes: &Notes, cases: &[(&str, &str)]) {
    for (there, want) in cases {
        assert_eq!(planned(pod, there, notes), *want, "with {there:?}");
    }
}

#[test]
fn a_pod_comes_up() {
    let pod = pod(one());
    check(
        &pod,
        &Notes::default(),
        &[("", "create sandbox 0"), ("s0-", "attach network to s0"), ("s0", "pull image of web")],
    );
    check(
        &pod,
        &with_images(&["web"]),
        &[
            ("s0", "start web in s0, restart 0"),
            ("s0 web.0", ""),
            ("s0 web.0+", "remove web0; start web in s0, restart 1"),
            ("s0! web.0", "stop web (web0) in 30 s: SandboxChanged"),
            ("s0! web.0=137@990", "remove sandbox s0; create sandbox 1"),
            ("s0! web.0=137@990 s1", "remove sandbox s0; start web in s1, restart 1, crash 1"),
        ],
    );
}

#[test]
fn crashes_back_off() {
    check(
        &pod(one()),
        &with_images(&["web"]),
        &[
            ("s0 web.0=1@999", "start web in s0, restart 1, crash 1"),
            ("s0 web.1=0@999%1", "again at 1009"),
            ("s0 web.1=1@990%1", "start web in s0, restart 2, crash 2"),
            ("s0 web.2=1@990%2", "again at 1010"),
            ("s0 web.9=1@990%9", "again at 1290"),
            ("s0 web.0=1@900 web.1=1@950%1 web.2=1@999%2", "remove web0; again at 1019"),
        ],
    );
    // A run of more than ten minutes starts over.
    let pod = pod(one());
    let mut there = observed(&pod, "s0 web.5=1@999%5");
    if let State::Exited { started_at, .. } = &mut there.containers[0].state {
        *started_at = Some(at(300));
    }
    let plan = plan(&pod, &there, &with_images(&["web"]), at(1000));
    assert_eq!(plan.to_string(), "start web in s0, restart 6, crash 1\n");
}

#[test]
fn policies_end_pods() {
    for (policy, cases) in [
        (
            "Never",
            [("s0 web.0=0@990", "remove sandbox s0"), ("s0 web.0=1@990", "remove sandbox s0")],
        ),
        (
            "OnFailure",
            [
                ("s0 web.0=0@990", "remove sandbox s0"),
                ("s0 web.0=1@990", "start web in s0, restart 1, crash 1"),
            ],
        ),
    ] {
        let mut spec = one();
        spec["restartPolicy"] = policy.into();
        check(&pod(spec), &with_images(&["web"]), &cases);
    }
}

#[test]
fn init_containers_run_in_order() {
    let pod = pod(json!({
        "initContainers": [
            {"name": "a"},
            {"name": "side", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}},
            {"name": "b"}],
        "containers": [{"name": "web"}, {"name": "log"}]}));
    let mut notes = with_images(&["a", "b", "side", "web", "log"]);
    check(
        &pod,
        &notes,
        &[
            ("s0", "start a in s0, restart 0"),
            ("s0 a.0", ""),
            ("s0 a.0=1@999", "start a in s0, restart 1, crash 1"),
            ("s0 a.0=0@999", "start side in s0, restart 0"),
            ("s0 a.0=0@999 side.0", ""),
        ],
    );
    notes.probes.insert("side0".into(), Probed { started: Some(true), ..Probed::default() });
    check(
        &pod,
        &notes,
        &[
            ("s0 a.0=0@999 side.0", "start b in s0, restart 0"),
            (
                "s0 a.0=0@999 side.0 b.0=0@999",
                "start web in s0, restart 0; start log in s0, restart 0",
            ),
            (
                "s0 a.0=0@999 side.0=1@999 b.0=0@999 web.0 log.0",
                "start side in s0, restart 1, crash 1",
            ),
            // Completed init containers may be gone once the apps have begun.
            ("s0 side.0 web.0 log.0", ""),
            // In a new sandbox everything runs again.
            (
                "s0! a.0=0@900 side.0=137@999 b.0=0@900 web.0=137@999 log.0=137@999 s1",
                "remove sandbox s0; start a in s1, restart 1, crash 1",
            ),
        ],
    );
}

#[test]
fn an_init_container_fails_a_pod_that_never_restarts() {
    let pod = pod(json!({"restartPolicy": "Never",
        "initContainers": [{"name": "a"}], "containers": [{"name": "web"}]}));
    check(&pod, &with_images(&["a"]), &[("s0 a.0=1@999", "remove sandbox s0")]);
}

#[test]
fn failures_are_tried_again_later() {
    let pod = pod(one());
    let mut notes = Notes::default();
    notes.images.insert("web".into(), Image::Pulling);
    check(&pod, &notes, &[("s0", "")]);
    notes.pull_failed("web", "ErrImagePull", "no", at(995));
    check(&pod, &notes, &[("s0", "again at 1005")]);
    notes.pull_failed("web", "ErrImagePull", "no", at(980));
    check(&pod, &notes, &[("s0", "pull image of web")]);
    let mut notes = with_images(&["web"]);
    notes.start_failed("web", "CreateContainerConfigError", "no", at(1000));
    check(&pod, &notes, &[("s0", "again at 1001")]);
    let mut notes = Notes::default();
    notes.sandbox_failed("", "no", at(1000));
    check(&pod, &notes, &[("", "again at 1001"), ("s0-", "again at 1001")]);
}

#[test]
fn probes_and_changes_restart() {
    let pod = pod(json!({"terminationGracePeriodSeconds": 9, "containers": [{"name": "web",
        "image": "a", "livenessProbe": {"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 3}}]}));
    let mut notes = with_images(&["web"]);
    notes.probes.insert("web0".into(), Probed { failed: Some("liveness"), ..Probed::default() });
    check(&pod, &notes, &[("s0 web.0", "stop web (web0) in 3 s: Unhealthy(\"liveness\")")]);
    let stop = |since| Stop { since: at(since), killed_at: None };
    notes.stops.insert("web0".into(), stop(998));
    check(&pod, &notes, &[("s0 web.0", "again at 1001")]);
    notes.stops.insert("web0".into(), stop(990));
    check(&pod, &notes, &[("s0 web.0", "kill web (web0)")]);
    notes.stops.insert("web0".into(), Stop { since: at(990), killed_at: Some(at(995)) });
    check(&pod, &notes, &[("s0 web.0", "again at 1005")]);

    let mut there = observed(&pod, "s0 web.0");
    there.containers[0].spec_hash = "other".into();
    let plan = plan(&pod, &there, &Notes::default(), at(1000));
    assert_eq!(plan.to_string(), "stop web (web0) in 9 s: DefinitionChanged\n");
}

#[test]
fn post_start_hooks_hold_back_what_follows() {
    let hook = json!({"postStart": {"exec": {"command": ["x"]}}});
    let pod = pod(json!({"containers": [{"name": "a", "lifecycle": hook}, {"name": "b"}]}));
    let mut notes = with_images(&["a", "b"]);
    check(&pod, &notes, &[("s0", "start a in s0, restart 0")]);
    notes.hooks.insert("a0".into(), Hook::Running);
    check(&pod, &notes, &[("s0 a.0", "")]);
    notes.hooks.insert("a0".into(), Hook::Done);
    check(&pod, &notes, &[("s0 a.0", "start b in s0, restart 0")]);
    notes.hooks.insert("a0".into(), Hook::Failed);
    let plan = planned(&pod, "s0 a.0", &notes);
    assert!(plan.starts_with("stop a (a0) in 30 s: PostStartHook"), "{plan}");
}

#[test]
fn deletion_drains_then_stops_then_cleans() {
    let pod = deleted(one());
    let mut notes = Notes { deletion_seen: Some(at(999)), ..Notes::default() };
    let running = "s0 web.0";
    check(
        &pod,
        &notes,
        &[
            (running, "stop web (web0) in 30 s: Deleted"),
            ("s0 web.0=0@999", "tear down"),
            ("", "tear down"),
        ],
    );
    notes.endpoint = Endpoint::Ready;
    check(&pod, &notes, &[(running, "again at 1029")]);
    notes.endpoint = Endpoint::Left(at(999) + jiff::SignedDuration::from_millis(500));
    check(&pod, &notes, &[(running, "again at 1000")]);
    notes.endpoint = Endpoint::Left(at(999));
    check(&pod, &notes, &[(running, "stop web (web0) in 30 s: Deleted")]);
    notes.torn_down = true;
    check(&pod, &notes, &[("", "delete pod")]);

    let mut now = deleted(one());
    now.metadata.deletion_grace_period_seconds = Some(0);
    check(&now, &Notes::default(), &[(running, "kill web (web0)")]);
    // A grace that is cut short counts for a container that was told to stop before.
    let stop = Stop { since: at(999), killed_at: None };
    let notes = Notes { stops: [("web0".to_owned(), stop)].into(), ..Notes::default() };
    check(&now, &notes, &[(running, "kill web (web0)")]);
}

#[test]
fn sidecars_stop_last_in_reverse() {
    let pod = deleted(json!({
        "initContainers": [
            {"name": "p", "restartPolicy": "Always"}, {"name": "q", "restartPolicy": "Always"}],
        "containers": [{"name": "a"}, {"name": "b"}]}));
    check(
        &pod,
        &Notes::default(),
        &[
            ("s0 p.0 q.0 a.0 b.0", "stop a (a0) in 30 s: Deleted; stop b (b0) in 30 s: Deleted"),
            ("s0 p.0 q.0 a.0=0@999 b.0=0@999", "stop q (q0) in 30 s: Deleted"),
            ("s0 p.0 q.0=0@999 a.0=0@999 b.0=0@999", "stop p (p0) in 30 s: Deleted"),
        ],
    );
}

#[test]
fn ended_pods_hold_nothing() {
    let mut spec = one();
    spec["activeDeadlineSeconds"] = 10.into();
    let mut late = pod(spec);
    late.status = serde_json::from_value(json!({"startTime": "1970-01-01T00:16:35Z"})).unwrap();
    check(&late, &with_images(&["web"]), &[("s0 web.0", "again at 1005")]);
    late.status = serde_json::from_value(json!({"startTime": "1970-01-01T00:16:30Z"})).unwrap();
    check(&late, &Notes::default(), &[("s0 web.0", "stop web (web0) in 30 s: PodFinished")]);

    let refusal = Refusal { reason: "OutOfcpu".into(), message: "no".into() };
    let notes = Notes { refusal: Some(refusal), ..Notes::default() };
    check(&pod(one()), &notes, &[("", "")]);

    let mut failed = pod(one());
    failed.status = serde_json::from_value(json!({"phase": "Failed"})).unwrap();
    check(&failed, &Notes::default(), &[("", ""), ("s0", "remove sandbox s0")]);
}

#[test]
fn lost_containers_count_as_restarts() {
    let mut pod = pod(one());
    pod.status = serde_json::from_value(json!({"containerStatuses": [{"name": "web", "image": "a",
        "imageID": "", "ready": true, "restartCount": 4, "containerID": "docker://gone"}]}))
    .unwrap();
    check(&pod, &with_images(&["web"]), &[("s0", "start web in s0, restart 5")]);
}

#[test]
fn an_ephemeral_container_starts_once() {
    let pod =
        pod(json!({"containers": [{"name": "web"}], "ephemeralContainers": [{"name": "dbg"}]}));
    check(
        &pod,
        &with_images(&["dbg"]),
        &[("s0 web.0", "start dbg in s0, restart 0"), ("s0 web.0 dbg.0=1@1", "")],
    );
}

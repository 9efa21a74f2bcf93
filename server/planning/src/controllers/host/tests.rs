//! The life of a host.

use object::{ApiError, Reason};

use super::*;
use crate::{Failure, testing::Lab};

fn host() -> Value {
    json!({"apiVersion": "longshore.dev/v1", "kind": "Host",
        "metadata": {"name": "one", "finalizers": [FINALIZER]},
        "spec": {"docker": "unix:///var/run/docker.sock"}})
}

fn node(ready: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]}})
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "d"},
        "spec": {"nodeName": "one", "containers": []}})
}

fn key() -> Key {
    Key::new(HOSTS, "", "one")
}

fn removed() -> Value {
    let mut host = host();
    host["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    host
}

#[test]
fn a_new_host_gets_its_finalizer_then_its_agent() {
    let mut object = host();
    object["metadata"]["finalizers"] = json!([]);
    let mut lab = Lab::with([object]);
    let plan = lab.plan(&CONTROLLER, &key());
    assert!(plan.to_string().contains(FINALIZER));
    lab.apply(&plan);
    let shown = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(shown.starts_with("install agent on one\nstatus hosts.longshore.dev/one"), "{shown}");
    assert!(shown.contains(r#""phase":"Pending""#) && shown.ends_with("again in 60s\n"), "{shown}");
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "again in 60s\n");
    lab.put(node("True"));
    lab.settle(&[CONTROLLER]);
    let status = &lab.value(&key())["status"];
    assert_eq!((&status["phase"], &status["node"]), (&json!("Ready"), &json!("one")));
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "");
}

#[test]
fn what_went_wrong_is_told_and_tried_again() {
    let lab = Lab::with([host()]);
    let failure = Failure {
        action: "install agent on one".to_owned(),
        error: ApiError::new(Reason::Invalid, "nothing answers at unix:///var/run/docker.sock"),
    };
    let plan = lab.plan_after(&CONTROLLER, &key(), &[failure]).to_string();
    assert!(plan.starts_with("install agent on one"), "{plan}");
    assert!(plan.contains(r#""message":"nothing answers at unix:///var/run/docker.sock""#));
    assert!(plan.contains(r#""phase":"Failed""#), "{plan}");
}

#[test]
fn a_silent_agent_is_brought_up_again() {
    let mut lab = Lab::with([host(), node("True")]);
    lab.settle(&[CONTROLLER]);
    lab.edit(&Key::new(NODES, "", "one"), |node| {
        node["status"]["conditions"][0]["status"] = "Unknown".into();
    });
    lab.pass(61);
    let plan = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(plan.starts_with("install agent on one") && plan.contains("AgentSilent"), "{plan}");
}

#[test]
fn a_changed_host_is_installed_anew() {
    let mut lab = Lab::with([host(), node("True")]);
    lab.settle(&[CONTROLLER]);
    lab.edit(&key(), |host| host["spec"]["socket"] = "/run/docker.sock".into());
    assert!(lab.plan(&CONTROLLER, &key()).to_string().starts_with("install agent"));
}

#[test]
fn a_removed_host_lets_its_pods_end_first() {
    let mut lab = Lab::with([removed(), node("True"), pod()]);
    let plan = lab.plan(&CONTROLLER, &key());
    let shown = plan.to_string();
    assert!(shown.contains(r#""unschedulable":true"#), "{shown}");
    assert!(shown.ends_with("delete pods/d/a\nagain in 60s\n"), "{shown}");
    lab.apply(&plan);
    assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "again in 60s\n");
    let change = lab.remove(&Key::new(PODS, "d", "a")).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()]);
    let shown = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(shown.starts_with("remove agent from one\ndelete nodes/one\npatch hosts"), "{shown}");
}

#[test]
fn a_host_that_can_not_be_tidied_says_how_to_forget_it() {
    let mut lab = Lab::with([removed(), node("Unknown"), pod()]);
    let shown = lab.plan(&CONTROLLER, &key()).to_string();
    assert!(
        shown.starts_with("remove agent from one\ndelete pods/d/a\ndelete nodes/one"),
        "{shown}"
    );
    lab.pass(1);
    let failure = Failure {
        action: "remove agent from one".to_owned(),
        error: ApiError::new(Reason::Invalid, "nothing answers"),
    };
    let shown = lab.plan_after(&CONTROLLER, &key(), &[failure]).to_string();
    assert!(shown.contains("nothing answers; to forget the host without tidying it"), "{shown}");
}

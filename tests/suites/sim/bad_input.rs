//! What can not work: somebody is told, nothing runs in circles, nothing else is harmed.

use std::sync::Arc;

use object::Key;
use serde_json::{Value, json};

use crate::{
    agent::is_ready,
    api::Api,
    requests::{Op, POOR},
    run::Run,
    tenants, user,
};

const APPS: &str = "apps";
const LIVES_SECONDS: i64 = 1200;
/// So many plans may each thing that does not work cost in twenty minutes: one in two seconds when
/// it is looked at again and again, which a back-off of minutes must undercut by far.
const ROUNDS_MAX: u64 = 300;

/// Twenty minutes with a good app and perhaps something bad; how many plans that took.
fn live(objects: &[(&str, &str, Value)]) -> (Run, u64) {
    let mut run = Run::quiet();
    user::perform(&run.api, tenants::namespace(POOR));
    let good = deployment("good", APPS, 2, json!({"app": "good"}), json!({}));
    for (kind, namespace, body) in [("deployments.apps", APPS, good)].iter().chain(objects) {
        let name = body["metadata"]["name"].as_str().unwrap();
        let op = Op::Create { key: Key::new(*kind, namespace, name), body: body.clone() };
        user::perform(&run.api, op);
    }
    run.live(LIVES_SECONDS);
    let rounds = run.engines[0].rounds();
    assert_eq!(ready(&run.api, "good"), 2, "nothing else is harmed");
    (run, rounds)
}

/// The same, of which the plans for the bad thing alone are bounded.
fn endure(objects: &[(&str, &str, Value)]) -> Arc<Api> {
    let (_, quiet) = live(&[]);
    let (run, rounds) = live(objects);
    let more = rounds.saturating_sub(quiet);
    assert!(more <= ROUNDS_MAX * objects.len() as u64, "{more} plans more than without it");
    run.api
}

fn deployment(name: &str, namespace: &str, replicas: i64, labels: Value, more: Value) -> Value {
    let template = user::template(labels.clone(), "x", "10m");
    let mut body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}});
    object::patch::merge::apply(&mut body, json!({"spec": more}));
    body
}

fn job(name: &str, labels: Value, more: Value) -> Value {
    let mut template = user::template(labels, "x", "10m");
    template["spec"]["restartPolicy"] = "Never".into();
    let mut body = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": APPS}, "spec": {"template": template}});
    object::patch::merge::apply(&mut body, json!({"spec": more}));
    body
}

fn ready(api: &Api, app: &str) -> usize {
    let pods = api.values("pods");
    let own = pods.iter().filter(|(_, pod)| pod["metadata"]["labels"]["app"] == app);
    own.filter(|(_, pod)| is_ready(pod)).count()
}

fn condition(api: &Api, kind: &str, namespace: &str, name: &str, type_: &str) -> String {
    let object = api.value(&Key::new(kind, namespace, name)).expect("it is there");
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|condition| condition["type"] == type_);
    found.map_or_else(String::new, |found| {
        format!("{} {}", found["status"].as_str().unwrap(), found["reason"].as_str().unwrap())
    })
}

fn has_event(api: &Api, name: &str, reason: &str) -> bool {
    api.values("events")
        .iter()
        .any(|(_, event)| event["involvedObject"]["name"] == name && event["reason"] == reason)
}

fn pods_ever(api: &Api) -> usize {
    let state = api.state();
    let log = state.log.get("pods").map(Vec::as_slice).unwrap_or_default();
    log.iter().map(|(_, key, _)| key).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_selector_of_nodes_that_no_node_meets() {
    let labels = json!({"app": "nowhere"});
    let more = json!({"template": {"spec": {"nodeSelector": {"disk": "gold"}}}});
    let api = endure(&[("deployments.apps", APPS, deployment("nowhere", APPS, 2, labels, more))]);
    let pods = api.values("pods");
    let (key, _) = pods.iter().find(|(key, _)| key.name.starts_with("nowhere-")).unwrap();
    assert_eq!(condition(&api, "pods", APPS, &key.name, "PodScheduled"), "False Unschedulable");
    assert!(has_event(&api, &key.name, "FailedScheduling"));
    let told = condition(&api, "deployments.apps", APPS, "nowhere", "Progressing");
    assert_eq!(told, "False ProgressDeadlineExceeded");
}

#[test]
fn a_selector_that_contradicts_itself() {
    let never = json!({"matchExpressions": [
        {"key": "app", "operator": "Exists"}, {"key": "app", "operator": "DoesNotExist"}]});
    let metadata = json!({"name": "never", "namespace": APPS});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": metadata, "spec": {"minAvailable": 1, "selector": never}});
    let api = endure(&[("poddisruptionbudgets.policy", APPS, budget)]);
    let told = condition(&api, "poddisruptionbudgets.policy", APPS, "never", "DisruptionAllowed");
    assert_eq!(told, "False InsufficientPods");
}

#[test]
fn owners_whose_selectors_overlap() {
    let labels = json!({"app": "both"});
    let set = |name: &str| {
        let mut body = deployment(name, APPS, 2, labels.clone(), json!({}));
        body["kind"] = "ReplicaSet".into();
        ("replicasets.apps", APPS, body)
    };
    let app = |name: &str, replicas: i64| {
        let labels = json!({"app": "twins"});
        ("deployments.apps", APPS, deployment(name, APPS, replicas, labels, json!({})))
    };
    let api = endure(&[set("one"), set("other"), app("three", 3), app("two", 2)]);
    assert_eq!((ready(&api, "both"), ready(&api, "twins")), (4, 5), "each has its own");
    assert_eq!(pods_ever(&api), 2 + 4 + 5, "and none was replaced");
}

#[test]
fn a_template_that_always_crashes() {
    let labels = json!({"app": "bad", "does": "crash"});
    let api = endure(&[("deployments.apps", APPS, deployment("bad", APPS, 2, labels, json!({})))]);
    let told = |type_| condition(&api, "deployments.apps", APPS, "bad", type_);
    assert_eq!(told("Available"), "False MinimumReplicasUnavailable");
    assert_eq!(told("Progressing"), "False ProgressDeadlineExceeded");
}

#[test]
fn pods_that_end_at_once() {
    let labels = |app: &str| json!({"app": app, "does": "fail"});
    let more = json!({"backoffLimit": 4});
    let mut daemons = deployment("daemon", APPS, 1, labels("daemon"), json!({}));
    let mut numbered = deployment("numbered", APPS, 2, labels("numbered"), json!({}));
    daemons["kind"] = "DaemonSet".into();
    numbered["kind"] = "StatefulSet".into();
    let api = endure(&[
        ("deployments.apps", APPS, deployment("bad", APPS, 2, labels("bad"), json!({}))),
        ("daemonsets.apps", APPS, daemons),
        ("statefulsets.apps", APPS, numbered),
        ("jobs.batch", APPS, job("work", labels("work"), more)),
    ]);
    assert_eq!(condition(&api, "jobs.batch", APPS, "work", "Failed"), "True BackoffLimitExceeded");
    assert!(has_event(&api, "daemon", "FailedDaemonPod"));
    assert!(has_event(&api, "numbered", "RecreatingFailedPod"));
    assert!(pods_ever(&api) < 100, "{} pods in twenty minutes", pods_ever(&api));
}

#[test]
fn an_image_that_never_comes() {
    let labels = json!({"app": "bad", "does": "never-come"});
    let work = json!({"app": "work", "does": "never-come"});
    let api = endure(&[
        ("deployments.apps", APPS, deployment("bad", APPS, 2, labels, json!({}))),
        ("jobs.batch", APPS, job("work", work, json!({"activeDeadlineSeconds": 600}))),
    ]);
    let told = condition(&api, "deployments.apps", APPS, "bad", "Progressing");
    assert_eq!(told, "False ProgressDeadlineExceeded");
    assert_eq!(condition(&api, "jobs.batch", APPS, "work", "Failed"), "True DeadlineExceeded");
}

#[test]
fn a_quota_of_zero() {
    let app = deployment("bad", POOR, 2, json!({"app": "bad"}), json!({}));
    let mut numbered = deployment("numbered", POOR, 2, json!({"app": "numbered"}), json!({}));
    numbered["kind"] = "StatefulSet".into();
    let mut work = job("work", json!({"app": "work"}), json!({}));
    work["metadata"]["namespace"] = POOR.into();
    let api = endure(&[
        ("deployments.apps", POOR, app),
        ("statefulsets.apps", POOR, numbered),
        ("jobs.batch", POOR, work),
    ]);
    let told = condition(&api, "deployments.apps", POOR, "bad", "ReplicaFailure");
    assert_eq!(told, "True FailedCreate");
    for name in ["numbered", "work"] {
        assert!(has_event(&api, name, "FailedCreate"), "{name}");
    }
}

#[test]
fn a_cron_job_of_the_thirtieth_of_february() {
    let template = job("", json!({"app": "tick"}), json!({}))["spec"].clone();
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": APPS},
        "spec": {"schedule": "0 0 30 2 *", "jobTemplate": {"spec": template}}});
    let api = endure(&[("cronjobs.batch", APPS, cron)]);
    assert!(has_event(&api, "tick", "UnsatisfiableSchedule"));
    assert!(api.values("jobs.batch").is_empty());
}

#[test]
fn a_surge_above_a_hundred_percent() {
    let rolling = json!({"maxSurge": "250%", "maxUnavailable": "100%"});
    let more = json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}});
    let body = deployment("wide", APPS, 3, json!({"app": "wide"}), more);
    let (mut run, _) = live(&[("deployments.apps", APPS, body)]);
    let key = Key::new("deployments.apps", APPS, "wide");
    let containers = json!([{"name": "c", "image": "y"}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    user::perform(&run.api, Op::Patch { key, subresource: String::new(), patch });
    let before = run.engines[0].rounds();
    run.live(60);
    assert_eq!(ready(&run.api, "wide"), 3);
    let told = condition(&run.api, "deployments.apps", APPS, "wide", "Progressing");
    assert_eq!(told, "True NewReplicaSetAvailable");
    assert!(run.engines[0].rounds() - before < ROUNDS_MAX);
}

#[test]
fn a_budget_that_allows_nothing() {
    let spec = json!({"maxUnavailable": 0, "selector": {"matchLabels": {"app": "good"}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "none", "namespace": APPS}, "spec": spec});
    let api = endure(&[("poddisruptionbudgets.policy", APPS, budget)]);
    let told = condition(&api, "poddisruptionbudgets.policy", APPS, "none", "DisruptionAllowed");
    assert_eq!(told, "False InsufficientPods");
    let pods = api.values("pods");
    let (pod, _) = pods.iter().find(|(key, _)| key.name.starts_with("good-")).unwrap();
    let error = api.perform(&Op::Evict { pod: pod.clone(), uid: None }, None).unwrap_err();
    assert_eq!(error.code(), 429);
}

#[test]
fn a_job_of_ten_thousand_indexes() {
    let labels = json!({"app": "many", "ends": "true"});
    let more = json!({"completionMode": "Indexed", "completions": 10_000, "parallelism": 3});
    let mut run = Run::quiet();
    let key = Key::new("jobs.batch", APPS, "many");
    user::perform(&run.api, Op::Create { key, body: job("many", labels, more) });
    run.work(4000);
    let rounds = run.engines[0].rounds();
    let job = run.api.value(&Key::new("jobs.batch", APPS, "many")).unwrap();
    let done = job["status"]["succeeded"].as_u64().unwrap_or(0);
    assert!(done > 10 && !job["status"]["completedIndexes"].as_str().unwrap().contains(",0"));
    // A few plans for each pod: none looks at all indexes again and again.
    let pods = pods_ever(&run.api) as u64;
    assert!(rounds < 60 * pods, "{rounds} plans for {pods} pods");
}

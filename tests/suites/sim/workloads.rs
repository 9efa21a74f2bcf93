//! Somebody who runs StatefulSets, DaemonSets, Jobs and CronJobs beside the apps, and what must come
//! of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object::Key;
use serde_json::{Value, json};

use crate::{
    agent,
    api::Api,
    requests::Op,
    user::{self, perform},
    watcher::is_finished,
};

const NAMESPACE: &str = "apps";
/// Of each sort so many at the same time.
const EACH_MAX: usize = 2;
const SETS: &str = "statefulsets.apps";
const DAEMONS: &str = "daemonsets.apps";
const JOBS: &str = "jobs.batch";
const CRONS: &str = "cronjobs.batch";

#[derive(Default)]
pub(crate) struct Workloads {
    /// By key: how many pods or completions, and the image.
    asked: BTreeMap<Key, (i64, String)>,
    created: usize,
    images: usize,
}

impl Workloads {
    pub(crate) fn step(&mut self, api: &Arc<Api>, is_calm: bool) {
        let all: Vec<Key> = self.asked.keys().cloned().collect();
        match (api.below(9), api.pick(&all).cloned()) {
            (8, _) => self.create_cron(api),
            (0, _) => self.create(api, SETS, "StatefulSet", "apps/v1"),
            (1, _) => self.create(api, DAEMONS, "DaemonSet", "apps/v1"),
            (2, _) => self.create(api, JOBS, "Job", "batch/v1"),
            (3..=4, Some(key)) if [SETS, DAEMONS].contains(&&*key.kind) => {
                self.set_image(api, &key)
            }
            (5, Some(key)) if *key.kind == *SETS => self.scale(api, &key),
            (6, Some(key)) if [JOBS, CRONS].contains(&&*key.kind) => {
                self.suspend(api, &key, api.happens(500))
            }
            (7, Some(key)) if !is_calm && api.happens(200) => self.remove(api, &key),
            _ => {}
        }
    }

    fn create_cron(&mut self, api: &Arc<Api>) {
        if self.asked.keys().any(|key| *key.kind == *CRONS) {
            return;
        }
        self.created += 1;
        let name = format!("cron-{}", self.created);
        let key = Key::new(CRONS, NAMESPACE, &name);
        let mut template = template(&name, "image-0");
        template["metadata"]["labels"]["ends"] = "true".into();
        template["spec"]["restartPolicy"] = "Never".into();
        let policy = ["Allow", "Forbid", "Replace"][api.below(3)];
        let job = json!({"spec": {"template": template, "backoffLimit": 1000}});
        let spec = json!({"schedule": "* * * * *", "concurrencyPolicy": policy, "jobTemplate": job,
            "successfulJobsHistoryLimit": api.below(3)});
        let body = json!({"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec});
        perform(api, Op::Create { key: key.clone(), body });
        self.asked.insert(key, (0, "image-0".to_owned()));
    }

    fn create(&mut self, api: &Arc<Api>, plural: &str, kind: &str, api_version: &str) {
        if self.asked.keys().filter(|key| *key.kind == *plural).count() >= EACH_MAX {
            return;
        }
        self.created += 1;
        let name = format!("{}-{}", kind.to_lowercase(), self.created);
        let key = Key::new(plural, NAMESPACE, &name);
        let count = 1 + api.below(4);
        let mut spec = json!({"selector": {"matchLabels": {"set": name}},
            "template": template(&name, "image-0")});
        match plural {
            SETS => {
                let policy = if api.happens(500) { "OrderedReady" } else { "Parallel" };
                spec["podManagementPolicy"] = policy.into();
                spec["replicas"] = count.into();
                spec["revisionHistoryLimit"] = 1.into();
            }
            DAEMONS => {
                spec["revisionHistoryLimit"] = 1.into();
                if api.happens(500) {
                    spec["updateStrategy"] = json!({"type": "RollingUpdate",
                        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
                }
            }
            _ => {
                let mode = if api.happens(500) { "Indexed" } else { "NonIndexed" };
                let more = json!({"completions": count, "parallelism": 1 + api.below(3),
                    "completionMode": mode, "backoffLimit": 1000});
                object::patch::merge::apply(&mut spec, more);
                spec["template"]["metadata"]["labels"]["ends"] = "true".into();
            }
        }
        let metadata = json!({"name": name, "namespace": NAMESPACE});
        let body =
            json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
        perform(api, Op::Create { key: key.clone(), body });
        self.asked.insert(key, (i64::try_from(count).unwrap(), "image-0".to_owned()));
    }

    fn set_image(&mut self, api: &Arc<Api>, key: &Key) {
        self.images += 1;
        // Now and then an old one: a rollback.
        let number = if api.happens(300) { api.below(self.images) } else { self.images };
        let image = format!("image-{number}");
        let patch = json!({"spec": {"template": template(&key.name, &image)}});
        self.asked.get_mut(key).unwrap().1 = image;
        self.patch(api, key, patch);
    }

    fn scale(&mut self, api: &Arc<Api>, key: &Key) {
        let replicas = api.below(5) as i64;
        self.asked.get_mut(key).unwrap().0 = replicas;
        self.patch(api, key, json!({"spec": {"replicas": replicas}}));
    }

    fn suspend(&self, api: &Arc<Api>, key: &Key, suspends: bool) {
        self.patch(api, key, json!({"spec": {"suspend": suspends}}));
    }

    fn patch(&self, api: &Arc<Api>, key: &Key, patch: Value) {
        perform(api, Op::Patch { key: key.clone(), subresource: String::new(), patch });
    }

    fn remove(&mut self, api: &Arc<Api>, key: &Key) {
        self.asked.remove(key);
        let (key, propagation) = (key.clone(), user::propagation(api));
        perform(api, Op::Delete { key, uid: None, grace: None, propagation });
    }

    /// Nothing stays suspended in the end.
    pub(crate) fn settle(&self, api: &Arc<Api>) {
        for key in self.asked.keys() {
            match &*key.kind {
                JOBS => self.suspend(api, key, false),
                // What it has started comes to an end, and nothing more begins.
                CRONS => self.suspend(api, key, true),
                _ => {}
            }
        }
    }

    /// What is wrong once everything should have come to rest.
    pub(crate) fn unrest(&self, api: &Api, nodes: &BTreeSet<String>) -> Vec<String> {
        let mut wrong = Vec::new();
        let pods = api.values("pods");
        for (key, (count, image)) in &self.asked {
            let Some(object) = api.value(key) else {
                wrong.push(format!("{key} is gone"));
                continue;
            };
            let own: Vec<_> = pods
                .iter()
                .filter(|(_, pod)| pod["metadata"]["labels"]["set"] == *key.name)
                .collect();
            match &*key.kind {
                JOBS => {
                    check_job(key, &object, *count, &mut wrong);
                    continue;
                }
                CRONS => {
                    check_cron(api, key, &object, &mut wrong);
                    continue;
                }
                _ => {}
            }
            let is_old = |pod: &Value| pod["spec"]["containers"][0]["image"] != **image;
            if own.iter().any(|(_, pod)| is_old(pod) || !agent::is_ready(pod)) {
                wrong.push(format!("{key} has pods that are old or not ready"));
            }
            if *key.kind == *SETS {
                let names: BTreeSet<String> =
                    own.iter().map(|(pod, _)| pod.name.to_string()).collect();
                let expected: BTreeSet<String> =
                    (0..*count).map(|ordinal| format!("{}-{ordinal}", key.name)).collect();
                if names != expected {
                    wrong.push(format!("{key} has {names:?}, not {expected:?}"));
                }
            } else {
                let on: BTreeSet<String> = own
                    .iter()
                    .map(|(_, pod)| pod["spec"]["nodeName"].as_str().unwrap_or("-").to_owned())
                    .collect();
                if own.len() != nodes.len() || on != *nodes {
                    wrong.push(format!("{key} has {} pods on {on:?}", own.len()));
                }
            }
            if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
                wrong.push(format!("{key} was not looked at since its last change"));
            }
        }
        wrong
    }
}

fn check_job(key: &Key, job: &Value, completions: i64, wrong: &mut Vec<String>) {
    let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is_complete = conditions.iter().any(|c| c["type"] == "Complete" && c["status"] == "True");
    if !is_complete || job["status"]["succeeded"].as_i64() != Some(completions) {
        wrong.push(format!("{key} is to have {completions} completions: {}", job["status"]));
    }
}

fn check_cron(api: &Api, key: &Key, cron: &Value, wrong: &mut Vec<String>) {
    let uid = &cron["metadata"]["uid"];
    let jobs = api.values(JOBS);
    let own = jobs.iter().filter(|(_, job)| job["metadata"]["ownerReferences"][0]["uid"] == *uid);
    let (ended, running): (Vec<_>, Vec<_>) = own.partition(|(_, job)| is_finished(job));
    let limit = cron["spec"]["successfulJobsHistoryLimit"].as_u64().unwrap_or(0);
    let is_right = running.is_empty()
        && ended.len() as u64 <= limit
        && cron["status"]["active"].as_array().is_none_or(Vec::is_empty);
    if !is_right {
        let (running, ended) = (running.len(), ended.len());
        wrong.push(format!("{key} has {running} Jobs, {ended} ended: {}", cron["status"]));
    }
}

fn template(name: &str, image: &str) -> Value {
    let container = json!({"name": "c", "image": image,
        "resources": {"requests": {"cpu": "10m"}}});
    json!({"metadata": {"labels": {"set": name}}, "spec": {"containers": [container]}})
}

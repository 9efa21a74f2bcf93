//! Somebody who runs StatefulSets, DaemonSets and Jobs beside the apps, and what must come of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object::Key;
use serde_json::{Value, json};

use crate::{
    agent,
    api::{Api, Op, is_deleting},
};

const NAMESPACE: &str = "apps";
/// Of each sort so many at the same time.
const EACH_MAX: usize = 2;
const SETS: &str = "statefulsets.apps";
const DAEMONS: &str = "daemonsets.apps";
const JOBS: &str = "jobs.batch";

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
        match (api.below(8), api.pick(&all).cloned()) {
            (0, _) => self.create(api, SETS, "StatefulSet", "apps/v1"),
            (1, _) => self.create(api, DAEMONS, "DaemonSet", "apps/v1"),
            (2, _) => self.create(api, JOBS, "Job", "batch/v1"),
            (3..=4, Some(key)) if *key.kind != *JOBS => self.set_image(api, &key),
            (5, Some(key)) if *key.kind == *SETS => self.scale(api, &key),
            (6, Some(key)) if *key.kind == *JOBS => self.suspend(api, &key, api.happens(500)),
            (7, Some(key)) if !is_calm && api.happens(200) => self.remove(api, &key),
            _ => {}
        }
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
        let propagation = if api.happens(500) { "Foreground" } else { "Background" };
        let (key, propagation) = (key.clone(), Some(propagation));
        perform(api, Op::Delete { key, uid: None, grace: None, propagation });
    }

    /// Nothing stays suspended in the end.
    pub(crate) fn settle(&self, api: &Arc<Api>) {
        for key in self.asked.keys().filter(|key| *key.kind == *JOBS) {
            self.suspend(api, key, false);
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
            if *key.kind == *JOBS {
                check_job(key, &object, *count, &mut wrong);
                continue;
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

fn template(name: &str, image: &str) -> Value {
    let container = json!({"name": "c", "image": image,
        "resources": {"requests": {"cpu": "10m"}}});
    json!({"metadata": {"labels": {"set": name}}, "spec": {"containers": [container]}})
}

fn perform(api: &Arc<Api>, op: Op) {
    api.tell(|| format!("user: {op:?}"));
    let result = api.perform(&op, None);
    assert!(result.is_ok() || matches!(op, Op::Delete { .. }), "{op:?}: {:?}", result.err());
}

/// What must hold of workloads with every write.
#[derive(Default)]
pub(crate) struct Watcher {
    /// Pods that have ended, by the uid of their owner.
    ended: BTreeMap<String, BTreeSet<String>>,
    /// Active pods of DaemonSets, by set, node and template.
    daemons: BTreeMap<Key, (String, String, String)>,
}

impl Watcher {
    pub(crate) fn observe(&mut self, key: &Key, after: Option<&Value>) -> Option<String> {
        match (&*key.kind, after) {
            ("pods", after) => self.observe_pod(key, after),
            (JOBS, Some(job)) => self.check_counts(key, job),
            _ => None,
        }
    }

    fn observe_pod(&mut self, key: &Key, after: Option<&Value>) -> Option<String> {
        self.daemons.remove(key);
        let pod = after?;
        let owner = &pod["metadata"]["ownerReferences"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if owner["kind"] == "Job" && (is_over || is_deleting(pod)) {
            let uids = self.ended.entry(text(&owner["uid"])).or_default();
            uids.insert(text(&pod["metadata"]["uid"]));
        }
        if owner["kind"] != "DaemonSet" || is_deleting(pod) || is_over {
            return None;
        }
        let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            ["nodeSelectorTerms"];
        let node = text(&terms[0]["matchFields"][0]["values"][0]);
        let hash = text(&pod["metadata"]["labels"]["controller-revision-hash"]);
        let place = (text(&owner["uid"]), node, hash);
        let double = self.daemons.values().any(|other| *other == place);
        let told = format!("{key} is the second pod of {place:?}");
        self.daemons.insert(key.clone(), place);
        double.then_some(told)
    }

    /// Never more completions than asked for, and none that did not happen.
    fn check_counts(&self, key: &Key, job: &Value) -> Option<String> {
        let status = &job["status"];
        let count = |name: &str| status[name].as_u64().unwrap_or(0);
        let asked = job["spec"]["completions"].as_u64().unwrap_or(0);
        let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
        let ended = self.ended.get(uid).map_or(0, BTreeSet::len) as u64;
        if count("succeeded") > asked {
            return Some(format!("{key} counts {} completions of {asked}", count("succeeded")));
        }
        let counted = count("succeeded") + count("failed");
        (counted > ended).then(|| format!("{key} counts {counted} ends of {ended}: {status}"))
    }
}

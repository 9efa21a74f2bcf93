//! What must hold with every write, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use object::Key;
use serde_json::Value;

use crate::{
    agent::{self, CPUS, is_over},
    api::{Api, is_deleting, text},
    user::Asked,
    watcher::Watcher,
};

#[derive(Default)]
pub(crate) struct Checks {
    pods: BTreeMap<Key, Pod>,
    /// Deployments whose availability is watched over, with the least that must be available.
    guarded: BTreeMap<String, usize>,
    pub(crate) workloads: Watcher,
    /// Pods that somebody has forced away, by uid.
    pub(crate) forced: BTreeSet<String>,
    /// Pods that had no owner for a while, by uid: who takes them has not made them.
    loose: BTreeSet<String>,
    pub(crate) violations: Vec<String>,
}

struct Pod {
    node: String,
    cpu: i64,
    is_active: bool,
    is_available: bool,
    slot: Option<(String, String)>,
    app: String,
}

impl Checks {
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        key: &Key,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let broken = self.workloads.observe(key, before, after);
        self.violations.extend(broken.map(|text| format!("{now}: {text}")));
        if &*key.kind != "pods" {
            return;
        }
        if let Some(after) = after.filter(|pod| pod["metadata"]["ownerReferences"].is_null()) {
            self.loose.insert(text(&after["metadata"]["uid"]));
        }
        let before = before.map(|before| before["spec"]["nodeName"].clone());
        if let (Some(Value::String(before)), Some(after)) = (before, after)
            && after["spec"]["nodeName"] != before
        {
            self.violations.push(format!("{now}: {key} was bound twice, first to {before}"));
        }
        let old = self.pods.remove(key);
        if let Some(after) = after {
            let mut pod = pod(after);
            if self.loose.contains(&text(&after["metadata"]["uid"])) {
                pod.slot = None;
            }
            self.pods.insert(key.clone(), pod);
        }
        self.check_room(now, key);
        self.check_slots(now, key);
        if let Some(old) = old {
            self.check_available(now, &old.app);
        }
    }

    fn check_room(&mut self, now: Timestamp, key: &Key) {
        let Some(changed) = self.pods.get(key).filter(|pod| !pod.node.is_empty()) else { return };
        let on_node = self.pods.values().filter(|pod| pod.node == changed.node && !pod.is_over());
        let cpu: i64 = on_node.map(|pod| pod.cpu).sum();
        if cpu > CPUS * 1000 {
            let node = &changed.node;
            self.violations.push(format!("{now}: {node} was given {cpu}m of {CPUS} CPUs"));
        }
    }

    /// A slot of a ReplicaSet holds one pod that runs.
    fn check_slots(&mut self, now: Timestamp, key: &Key) {
        let Some(slot) =
            self.pods.get(key).filter(|pod| pod.is_active).and_then(|p| p.slot.clone())
        else {
            return;
        };
        let same = |pod: &&Pod| pod.is_active && pod.slot.as_ref() == Some(&slot);
        if self.pods.values().filter(same).count() > 1 {
            self.violations.push(format!("{now}: slot {slot:?} has more than one pod"));
        }
    }

    fn check_available(&mut self, now: Timestamp, app: &str) {
        let Some(least) = self.guarded.get(app).copied() else { return };
        let available = self.available(app);
        if available < least {
            let text = format!("{now}: {app} has {available} available pods, not {least}");
            self.violations.push(text);
        }
    }

    pub(crate) fn available(&self, app: &str) -> usize {
        self.pods.values().filter(|pod| pod.app == app && pod.is_available).count()
    }

    /// From now on so many pods of an app must be available; `None` for any number.
    pub(crate) fn guard(&mut self, app: &str, least: Option<usize>) {
        match least {
            Some(least) => drop(self.guarded.insert(app.to_owned(), least)),
            None => drop(self.guarded.remove(app)),
        }
    }

    pub(crate) fn is_guarded(&self, app: &str) -> bool {
        self.guarded.contains_key(app)
    }
}

impl Pod {
    fn is_over(&self) -> bool {
        self.cpu == 0
    }
}

fn pod(value: &Value) -> Pod {
    let is_over = is_over(value);
    let request = &value["spec"]["containers"][0]["resources"]["requests"]["cpu"];
    let cpu: i64 =
        request.as_str().and_then(|cpu| cpu.strip_suffix('m')?.parse().ok()).unwrap_or(0);
    let slot = value["metadata"]["annotations"]["longshore.dev/slot"].as_str();
    let slot = slot
        .and_then(|slot| slot.split_once('.'))
        .map(|(slot, _)| (text(&value["metadata"]["ownerReferences"][0]["uid"]), slot.to_owned()));
    let is_active = !is_deleting(value) && !is_over;
    Pod {
        node: text(&value["spec"]["nodeName"]),
        cpu: if is_over { 0 } else { cpu },
        is_active,
        is_available: is_active && agent::is_ready(value),
        slot,
        app: text(&value["metadata"]["labels"]["app"]),
    }
}

/// What is wrong once everything should have come to rest.
pub(crate) fn unrest(api: &Api, asked: &BTreeMap<String, Asked>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (app, asked) in asked {
        check_app(api, app, asked, &mut wrong);
    }
    check_owners(api, &mut wrong);
    check_pods(api, &mut wrong);
    wrong
}

fn check_app(api: &Api, app: &str, asked: &Asked, wrong: &mut Vec<String>) {
    let key = Key::new("deployments.apps", &asked.namespace, app);
    let Some(deployment) = api.value(&key) else {
        wrong.push(format!("{key} is gone"));
        return;
    };
    let status = &deployment["status"];
    let count = |name: &str| status[name].as_i64().unwrap_or(0);
    for name in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        if count(name) != asked.replicas {
            wrong.push(format!("{key} has {name} {}, asked for {}", count(name), asked.replicas));
        }
    }
    if status["observedGeneration"] != deployment["metadata"]["generation"] {
        wrong.push(format!("{key} was not looked at since its last change"));
    }
    let ready: BTreeSet<String> = api
        .values("pods")
        .iter()
        .filter(|(pod, value)| {
            *pod.namespace == *asked.namespace && value["metadata"]["labels"]["app"] == app
        })
        .filter(|(_, value)| agent::is_ready(value) && !is_deleting(value))
        .filter_map(|(_, value)| Some(value["status"]["podIP"].as_str()?.to_owned()))
        .collect();
    let images: BTreeSet<String> = api
        .values("pods")
        .iter()
        .filter(|(_, value)| {
            value["metadata"]["labels"]["app"] == app && value["status"]["phase"] != "Failed"
        })
        .map(|(_, value)| value["spec"]["containers"][0]["image"].to_string())
        .collect();
    if asked.replicas > 0 && images != BTreeSet::from([format!("{:?}", asked.image)]) {
        wrong.push(format!("{key} runs {images:?}, asked for {}", asked.image));
    }
    let listed: BTreeSet<String> = api
        .values("endpointslices.discovery.k8s.io")
        .iter()
        .filter(|(_, slice)| slice["metadata"]["labels"]["kubernetes.io/service-name"] == app)
        .flat_map(|(_, slice)| slice["endpoints"].as_array().cloned().unwrap_or_default())
        .filter(|endpoint| endpoint["conditions"]["ready"] == true)
        .filter_map(|endpoint| Some(endpoint["addresses"][0].as_str()?.to_owned()))
        .collect();
    if listed != ready {
        wrong.push(format!("the slices of {app} list {listed:?}, ready are {ready:?}"));
    }
}

/// Nothing outlives its owners.
fn check_owners(api: &Api, wrong: &mut Vec<String>) {
    let all = api.all_values();
    let uids: BTreeSet<&str> =
        all.iter().filter_map(|(_, value)| value["metadata"]["uid"].as_str()).collect();
    for (key, value) in &all {
        let owners = value["metadata"]["ownerReferences"].as_array();
        let lost = |owner: &&Value| !uids.contains(owner["uid"].as_str().unwrap_or_default());
        if owners.into_iter().flatten().any(|owner| lost(&owner)) {
            wrong.push(format!("{key} has outlived its owner"));
        }
        if is_deleting(value) {
            wrong.push(format!("{key} is still being deleted"));
        }
    }
}

fn check_pods(api: &Api, wrong: &mut Vec<String>) {
    for (key, pod) in api.values("pods") {
        let phase = pod["status"]["phase"].as_str().unwrap_or_default();
        if !matches!(phase, "Running" | "Failed" | "Succeeded") {
            wrong.push(format!("{key} is {phase}"));
        }
    }
}

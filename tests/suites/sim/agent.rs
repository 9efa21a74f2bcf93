//! A node's agent, as far as the API sees it: a lease, a Node, pods that start and end.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use object::Key;
use planning::conditions;
use serde_json::{Value, json};

use crate::{
    api::{Api, is_deleting, text},
    requests::Op,
};

/// Somewhat rarer than in production, which allows for more silence still.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(6);
pub(crate) const CPUS: i64 = 2;

/// Whether its host is there, and hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Cut off: its containers run on.
    CutOff {
        until: SignedDuration,
    },
    /// Switched off: its containers are gone.
    Down {
        until: SignedDuration,
    },
    /// It never comes back under its own power.
    Lost,
}

/// A pod whose containers run.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) pod: Key,
    pub(crate) owner_kind: String,
}

pub(crate) struct Agent {
    pub(crate) node: String,
    number: usize,
    state: State,
    heard_at: Option<SignedDuration>,
    /// By uid.
    pub(crate) running: BTreeMap<String, Running>,
    addresses: usize,
    /// How much had happened to nodes and pods when there was nothing to do.
    idle_since: Option<usize>,
}

impl Agent {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            node: format!("node-{number}"),
            number,
            state: State::Up,
            heard_at: None,
            running: BTreeMap::new(),
            addresses: 0,
            idle_since: None,
        }
    }

    fn key(&self) -> Key {
        Key::new("nodes", "", &self.node)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    pub(crate) fn cut_off(&mut self, until: SignedDuration) {
        self.state = State::CutOff { until };
    }

    pub(crate) fn switch_off(&mut self, until: SignedDuration) {
        self.state = State::Down { until };
        self.idle_since = None;
        self.running.clear();
    }

    pub(crate) fn lose(&mut self) {
        self.state = State::Lost;
        self.running.clear();
    }

    /// Another machine takes the name of one that was lost, once nobody knows it any more.
    pub(crate) fn replace(&mut self, api: &Api) {
        if self.is_lost() && api.value(&self.key()).is_none() {
            self.state = State::Up;
            self.heard_at = None;
            self.idle_since = None;
        }
    }

    /// Somebody says that a lost node will not come back.
    pub(crate) fn forget(&self, api: &Api) {
        if self.is_lost() && api.value(&self.key()).is_some() {
            let op = Op::Delete { key: self.key(), uid: None, grace: None, propagation: None };
            api.tell(|| format!("user: {op:?}"));
            api.perform(&op, None).ok();
        }
    }

    fn look_up(&mut self, elapsed: SignedDuration) {
        if let State::CutOff { until } | State::Down { until } = self.state
            && elapsed >= until
        {
            self.state = State::Up;
            self.heard_at = None;
        }
    }

    /// Renews its lease if that is due.
    pub(crate) fn beat(&mut self, api: &Api) -> bool {
        let elapsed = api.elapsed();
        self.look_up(elapsed);
        let is_due = self.heard_at.is_none_or(|at| elapsed >= at + HEARTBEAT);
        if !self.is_up() || !is_due {
            return false;
        }
        self.heard_at = Some(elapsed);
        self.renew(api, api.now());
        true
    }

    /// Does what is due first; false if nothing is.
    pub(crate) fn step(&mut self, api: &Arc<Api>, may_fail: bool) -> bool {
        if self.beat(api) {
            return true;
        }
        let happened = api.happened(&["nodes", "pods"]);
        if !self.is_up() || self.idle_since == Some(happened) {
            return false;
        }
        let moved = self.report(api, api.now()) || self.tend_a_pod(api, api.now(), may_fail);
        self.idle_since = (!moved).then_some(happened);
        moved
    }

    /// When it has something to do though nothing changes.
    pub(crate) fn wake_at(&self) -> Option<SignedDuration> {
        match self.state {
            State::Up => self.heard_at.map(|at| at + HEARTBEAT),
            State::CutOff { until } | State::Down { until } => Some(until),
            State::Lost => None,
        }
    }

    fn renew(&self, api: &Api, now: Timestamp) {
        let key = Key::new("leases.coordination.k8s.io", "kube-node-lease", &self.node);
        let spec = json!({"renewTime": now.to_string()});
        let op = if api.value(&key).is_some() {
            Op::Patch { key, subresource: String::new(), patch: json!({"spec": spec}) }
        } else {
            let metadata = json!({"name": self.node, "namespace": "kube-node-lease"});
            let body = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": metadata, "spec": spec});
            Op::Create { key, body }
        };
        api.perform(&op, None).expect("nobody else writes a node's lease");
    }

    /// Keeps its Node there and ready.
    fn report(&self, api: &Api, now: Timestamp) -> bool {
        let key = self.key();
        let amounts = json!({"cpu": CPUS.to_string(), "memory": "64Gi", "pods": "110"});
        let status = json!({"allocatable": amounts, "capacity": amounts, "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": conditions::time(now)}]});
        let op = match api.value(&key) {
            None => Op::Create {
                key,
                body: json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node,
                    "labels": {"topology.kubernetes.io/zone": format!("zone-{}", self.number % 2)}},
                    "spec": {}, "status": status}),
            },
            Some(node) if is_ready(&node) => return false,
            Some(_) => Op::Patch {
                key,
                subresource: "status".to_owned(),
                patch: json!({"status": status}),
            },
        };
        api.perform(&op, None).ok();
        true
    }

    fn tend_a_pod(&mut self, api: &Arc<Api>, now: Timestamp, may_fail: bool) -> bool {
        let pods: Vec<_> = api
            .values("pods")
            .into_iter()
            .filter(|(_, pod)| pod["spec"]["nodeName"] == *self.node)
            .collect();
        let there: BTreeSet<&str> =
            pods.iter().filter_map(|(_, pod)| pod["metadata"]["uid"].as_str()).collect();
        self.running.retain(|uid, _| there.contains(&**uid));
        let runs = |pod: &Value| {
            self.running.contains_key(pod["metadata"]["uid"].as_str().unwrap_or_default())
        };
        let due: Vec<_> = pods
            .iter()
            .filter(|(_, pod)| match is_deleting(pod) {
                true => pod["metadata"]["deletionGracePeriodSeconds"] != 0,
                false => {
                    let is_done = is_ready(pod) || trouble(pod).is_some_and(|t| is_told(pod, &t));
                    !is_over(pod) && (!is_done || ends(pod) || !runs(pod))
                }
            })
            .collect();
        let Some((key, pod)) = api.pick(&due).copied() else { return false };
        let op = if is_deleting(pod) {
            self.stop(api, key, pod)
        } else {
            self.start(api, key, pod, now, may_fail)
        };
        api.tell(|| format!("agent {}: {op:?}", self.node));
        api.perform(&op, None).ok();
        true
    }

    /// Says how a pod ended, then that it is gone.
    fn stop(&mut self, api: &Api, key: &Key, pod: &Value) -> Op {
        let uid = text(&pod["metadata"]["uid"]);
        if !is_over(pod) && self.running.contains_key(&uid) && api.happens(500) {
            let phase = if ends(pod) && api.happens(300) { "Succeeded" } else { "Failed" };
            return status(key, json!({"phase": phase, "conditions": []}));
        }
        self.running.remove(&uid);
        Op::Delete { key: key.clone(), uid: Some(uid), grace: Some(0), propagation: None }
    }

    fn start(&mut self, api: &Api, key: &Key, pod: &Value, now: Timestamp, may_fail: bool) -> Op {
        let time = conditions::time(now);
        let uid = text(&pod["metadata"]["uid"]);
        if let Entry::Vacant(entry) = self.running.entry(uid) {
            let owner_kind = text(&pod["metadata"]["ownerReferences"][0]["kind"]);
            entry.insert(Running { pod: key.clone(), owner_kind });
            // What the host ran before it was switched off starts anew.
            if is_ready(pod) {
                let unready =
                    json!({"type": "Ready", "status": "False", "lastTransitionTime": time});
                return status(key, json!({"conditions": [unready]}));
            }
        }
        if let Some(trouble) = trouble(pod) {
            return status(key, trouble);
        }
        self.addresses += 1;
        let new_ip = || format!("10.42.{}.{}", self.number, self.addresses);
        let ip = pod["status"]["podIP"].as_str().map_or_else(new_ip, ToOwned::to_owned);
        let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": time});
        status(
            key,
            if may_fail && api.happens(30) {
                json!({"phase": "Failed", "conditions": []})
            } else if is_ready(pod) && ends(pod) {
                json!({"phase": "Succeeded", "conditions": []})
            } else {
                json!({"phase": "Running", "podIP": ip, "conditions": [ready]})
            },
        )
    }
}

fn status(key: &Key, status: Value) -> Op {
    let patch = json!({"status": status});
    Op::Patch { key: key.clone(), subresource: "status".to_owned(), patch }
}

/// What becomes of a pod whose label says that it does not work.
fn trouble(pod: &Value) -> Option<Value> {
    let waiting = |reason: &str, restarts: i32| {
        let phase = if restarts > 0 { "Running" } else { "Pending" };
        json!({"phase": phase, "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "c", "ready": false, "restartCount": restarts,
                "image": "", "imageID": "", "state": {"waiting": {"reason": reason}}}]})
    };
    match pod["metadata"]["labels"]["does"].as_str()? {
        "crash" => Some(waiting("CrashLoopBackOff", 5)),
        "never-come" => Some(waiting("ImagePullBackOff", 0)),
        "fail" => Some(json!({"phase": "Failed", "conditions": []})),
        _ => None,
    }
}

fn is_told(pod: &Value, trouble: &Value) -> bool {
    pod["status"]["containerStatuses"] == trouble["containerStatuses"]
}

/// Whether a pod does its work and ends.
fn ends(pod: &Value) -> bool {
    pod["metadata"]["labels"]["ends"] == "true"
}

pub(crate) fn is_over(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"))
}

pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

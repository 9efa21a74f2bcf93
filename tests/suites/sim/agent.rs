//! A node's agent, as far as the API sees it: a lease, a Node, pods that start and end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use object::Key;
use planning::conditions;
use serde_json::{Value, json};

use crate::api::{Api, Op, is_deleting};

const HEARTBEAT: SignedDuration = SignedDuration::from_secs(4);
pub(crate) const CPUS: i64 = 2;

pub(crate) struct Agent {
    pub(crate) node: String,
    number: usize,
    /// Not before then does it do anything: the host is down or cut off.
    pub(crate) silent_until: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    /// Pods whose containers run: their names by uid.
    pub(crate) running: BTreeMap<String, String>,
    addresses: usize,
}

impl Agent {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            node: format!("node-{number}"),
            number,
            silent_until: None,
            heard_at: None,
            running: BTreeMap::new(),
            addresses: 0,
        }
    }

    pub(crate) fn is_silent(&self, now: Timestamp) -> bool {
        self.silent_until.is_some_and(|until| now < until)
    }

    /// Does what is due first; false if nothing is.
    pub(crate) fn step(&mut self, api: &Arc<Api>, may_fail: bool) -> bool {
        let now = api.now();
        if self.is_silent(now) {
            return false;
        }
        if self.heard_at.is_none_or(|at| now >= at + HEARTBEAT) {
            self.heard_at = Some(now);
            self.renew(api, now);
            return true;
        }
        self.report(api, now) || self.tend_a_pod(api, now, may_fail)
    }

    /// When it has something to do though nothing changes.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.silent_until.into_iter().chain(self.heard_at.map(|at| at + HEARTBEAT)).max()
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
        let key = Key::new("nodes", "", &self.node);
        let amounts = json!({"cpu": CPUS.to_string(), "memory": "64Gi", "pods": "110"});
        let status = json!({"allocatable": amounts, "capacity": amounts, "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": conditions::time(now)}]});
        let op = match api.value(&key) {
            None => Op::Create {
                key,
                body: json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node},
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
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let there: BTreeSet<String> = pods.iter().map(|(_, pod)| uid(pod)).collect();
        self.running.retain(|uid, _| there.contains(uid));
        let is_over =
            |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
        let due: Vec<_> = pods
            .into_iter()
            .filter(|(_, pod)| match is_deleting(pod) {
                true => pod["metadata"]["deletionGracePeriodSeconds"] != 0,
                false => !is_over(pod) && (!is_ready(pod) || ends(pod)),
            })
            .collect();
        let Some((key, pod)) = api.pick(&due).cloned() else { return false };
        let uid = uid(&pod);
        let op = if is_deleting(&pod) {
            self.running.remove(&uid);
            Op::Delete { key, uid: Some(uid), grace: Some(0), propagation: None }
        } else {
            let fails = may_fail && api.happens(30);
            self.running.insert(uid, key.name.to_string());
            self.addresses += 1;
            let ip = pod["status"]["podIP"].as_str().map_or_else(
                || format!("10.42.{}.{}", self.number, self.addresses),
                ToOwned::to_owned,
            );
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": conditions::time(now)});
            let status = if fails {
                json!({"phase": "Failed", "conditions": []})
            } else if is_ready(&pod) {
                json!({"phase": "Succeeded", "conditions": []})
            } else {
                json!({"phase": "Running", "podIP": ip, "conditions": [ready]})
            };
            Op::Patch { key, subresource: "status".to_owned(), patch: json!({"status": status}) }
        };
        api.tell(|| format!("agent {}: {op:?}", self.node));
        api.perform(&op, None).ok();
        true
    }
}

/// Whether a pod does its work and ends.
fn ends(pod: &Value) -> bool {
    pod["metadata"]["labels"]["ends"] == "true"
}

pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

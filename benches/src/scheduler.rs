//! The pure scheduler on one core: how many decisions a second, and how long one takes, in clusters
//! of several sizes. Changes are told to it as the engine tells them: a pod that waits, then the
//! same pod bound.

use std::time::{Duration, Instant};

use object::Key;
use planning::{
    Change, World,
    scheduler::{Scheduler, Verdict},
};
use serde_json::{Value, json};

const SIZES: [(usize, usize); 6] =
    [(100, 10_000), (1000, 10_000), (5000, 10_000), (100, 50_000), (1000, 50_000), (5000, 50_000)];
/// So many pods come at once, as when a Deployment is scaled.
const BATCH: usize = 1000;
/// Pods of one app.
const REPLICAS: usize = 50;

/// What pods say of each other.
#[derive(Clone, Copy)]
enum Rules {
    None,
    /// They belong to ReplicaSets, which are spread by default.
    Owners,
    /// No two of an app on one node, and near a zone's others if that can be.
    Affinity,
    /// Evenly over zones.
    Spread,
}

pub fn run() {
    println!(
        "\n{:<12}{:>8}{:>9}{:>14}{:>20}{:>12}{:>12}{:>9}",
        "scheduler",
        "nodes",
        "pods",
        "decisions /s",
        "with changes /s",
        "p50 us",
        "p99 us",
        "refused"
    );
    for (name, rules) in [
        ("plain", Rules::None),
        ("replicas", Rules::Owners),
        ("affinity", Rules::Affinity),
        ("spread", Rules::Spread),
    ] {
        for (nodes, pods) in SIZES {
            let mut run = Run::new(nodes);
            for first in (0..pods).step_by(BATCH) {
                run.batch(first..first + BATCH, rules);
            }
            run.print(name, nodes, pods);
        }
    }
}

struct Run {
    world: World,
    scheduler: Scheduler,
    revision: u64,
    times: Vec<Duration>,
    changes: Duration,
    refused: usize,
}

impl Run {
    fn new(nodes: usize) -> Self {
        let mut run = Self {
            world: World::default(),
            scheduler: Scheduler::default(),
            revision: 0,
            times: Vec::new(),
            changes: Duration::ZERO,
            refused: 0,
        };
        for at in 0..nodes {
            let name = format!("node-{at:04}");
            run.tell(Key::new("nodes", "", &name), &node(&name, at));
        }
        run
    }

    fn tell(&mut self, key: Key, object: &Value) {
        self.revision += 1;
        let body = object.to_string().into();
        let change: Change = self.world.apply(key, self.revision, Some(body)).expect("it is new");
        let begin = Instant::now();
        self.scheduler.apply(&change);
        self.changes += begin.elapsed();
    }

    fn batch(&mut self, numbers: std::ops::Range<usize>, rules: Rules) {
        for number in numbers {
            self.tell(key(number), &pod(number, rules, ""));
        }
        loop {
            let begin = Instant::now();
            let Some(decision) = self.scheduler.next(Duration::ZERO) else { break };
            self.times.push(begin.elapsed());
            match decision.verdict {
                Verdict::Bind { node } => {
                    let name = &*decision.pod.key.name;
                    let number = name.rsplit('-').next().and_then(|number| number.parse().ok());
                    let number = number.expect("names of pods end with their number");
                    self.tell(key(number), &pod(number, rules, &node));
                }
                Verdict::Unschedulable { .. } => self.refused += 1,
            }
        }
    }

    fn print(&mut self, name: &str, nodes: usize, pods: usize) {
        let total: Duration = self.times.iter().sum();
        let rate = |time: Duration| self.times.len() as f64 / time.as_secs_f64();
        let (alone, with_changes) = (rate(total), rate(total + self.changes));
        self.times.sort_unstable();
        let at =
            |share: f64| self.times[(self.times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        println!(
            "{name:<12}{nodes:>8}{pods:>9}{alone:>14.0}{with_changes:>20.0}{:>12.1}{:>12.1}{:>9}",
            at(0.5),
            at(0.99),
            self.refused
        );
    }
}

fn key(number: usize) -> Key {
    Key::new("pods", "bench", &format!("pod-{number}"))
}

fn node(name: &str, at: usize) -> Value {
    let room = json!({"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"});
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "uid": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": format!("zone-{}", at % 3)}},
        "spec": {},
        "status": {"allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(number: usize, rules: Rules, node: &str) -> Value {
    let app = format!("app-{}", number / REPLICAS);
    let name = format!("pod-{number}");
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "bench", "uid": name, "generation": 1,
            "labels": {"app": app, "pod-template-hash": "5d4f8c7b9d"}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/app:1",
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}],
            "priority": 0, "schedulerName": "default-scheduler", "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                    "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists",
                    "effect": "NoExecute", "tolerationSeconds": 300}]},
        "status": {"phase": "Pending"}});
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
    }
    let selector = json!({"matchLabels": {"app": app}});
    match rules {
        Rules::None => {}
        Rules::Owners => {
            pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1",
                "kind": "ReplicaSet", "name": app, "uid": app, "controller": true}]);
        }
        Rules::Affinity => {
            let term = |topology: &str| json!({"labelSelector": selector, "topologyKey": topology});
            pod["spec"]["affinity"] = json!({
                "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                    [term("kubernetes.io/hostname")]},
                "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 10, "podAffinityTerm": term("topology.kubernetes.io/zone")}]}});
        }
        Rules::Spread => {
            pod["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector}, {"maxSkew": 2,
                "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector}]);
        }
    }
    pod
}

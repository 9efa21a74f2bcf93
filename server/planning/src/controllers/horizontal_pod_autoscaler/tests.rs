//! Rounds of a HorizontalPodAutoscaler: pods and measures in, a size out.

use object::ApiError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Answer, pods::PODS, testing::Lab};

fn scaler(more: Value) -> Value {
    let metric = json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 50}}});
    let mut scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "d", "uid": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 20, "metrics": [metric]}});
    object::patch::merge::apply(&mut scaler, json!({"spec": more}));
    scaler
}

fn target(replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d", "uid": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {}}})
}

fn pod(at: usize, is_ready: bool) -> Value {
    let word = crate::conditions::word(is_ready);
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("p{at}"), "namespace": "d", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
        "status": {"phase": "Running", "startTime": "2025-12-31T00:00:00Z", "conditions":
            [{"type": "Ready", "status": word, "lastTransitionTime": "2025-12-31T00:00:01Z"}]}})
}

fn key() -> Key {
    Key::new(SCALERS, "d", "h")
}

/// What pods are measured at, in thousandths of a core.
fn usage(milli: &[i64]) -> Value {
    let item = |(at, milli): (usize, &i64)| {
        json!({"metadata": {"name": format!("p{at}")}, "timestamp": "2026-01-01T00:00:00Z",
            "window": "30s", "containers": [{"name": "c", "usage": {"cpu": format!("{milli}m")}}]})
    };
    json!({"items": milli.iter().enumerate().map(item).collect::<Vec<_>>()})
}

struct Bench {
    lab: Lab,
    memory: Value,
}

impl Bench {
    fn new(scaler: Value, replicas: i32, ready: usize) -> Self {
        let mut lab = Lab::with([scaler, target(replicas)]);
        for at in 0..usize::try_from(replicas).unwrap() {
            lab.put(pod(at, at < ready));
        }
        Self { lab, memory: Value::Null }
    }

    fn plan(&mut self, answers: &[Answer]) -> Plan {
        let plan = (CONTROLLER.plan)(&Round {
            key: &key(),
            world: &self.lab.world,
            now: self.lab.now,
            steady: self.lab.steady(),
            failures: &[],
            answers,
            memory: &self.memory,
        });
        self.memory = plan.memory.clone();
        self.lab.apply(&plan);
        plan
    }

    /// One period: asks, is answered the same everywhere, and decides.
    fn period(&mut self, answer: &Result<Value, ApiError>) -> i32 {
        self.lab.pass(15);
        let asked = self.plan(&[]);
        let answers: Vec<Answer> = asked
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Read { path } => {
                    Some(Answer { path: path.clone(), result: answer.clone() })
                }
                _ => None,
            })
            .collect();
        if !answers.is_empty() {
            self.plan(&answers);
        }
        // Pods come and go as the target says.
        let size = self.size();
        let count = i32::try_from(self.lab.world.of_kind(PODS).count()).unwrap();
        for at in count..size {
            self.lab.put(pod(usize::try_from(at).unwrap(), true));
        }
        for at in size..count {
            self.lab.remove(&Key::new(PODS, "d", &format!("p{at}")));
        }
        size
    }

    fn size(&self) -> i32 {
        let target = self.lab.value(&Key::new("deployments.apps", "d", "web"));
        i32::try_from(target["spec"]["replicas"].as_i64().unwrap()).unwrap()
    }

    fn condition(&self, type_: &str) -> String {
        let conditions = self.lab.value(&key())["status"]["conditions"].clone();
        let all = conditions.as_array().cloned().unwrap_or_default();
        let one = all.into_iter().find(|one| one["type"] == type_).unwrap_or_default();
        format!(
            "{} {}",
            one["status"].as_str().unwrap_or("-"),
            one["reason"].as_str().unwrap_or("-")
        )
    }
}

fn after_one(replicas: i32, ready: usize, milli: &[i64]) -> i32 {
    Bench::new(scaler(json!({})), replicas, ready).period(&Ok(usage(milli)))
}

#[test]
fn follows_utilization() {
    assert_eq!(after_one(2, 2, &[500, 500]), 2, "on target");
    assert_eq!(after_one(2, 2, &[540, 540]), 2, "within tolerance");
    assert_eq!(after_one(2, 2, &[1000, 1000]), 4);
    assert_eq!(after_one(4, 4, &[100, 100, 100, 100]), 4, "less waits for its window");
    assert_eq!(after_one(1, 1, &[9000]), 5, "four pods or twice as many at once");
}

#[test]
fn what_is_not_known_makes_it_careful() {
    assert_eq!(after_one(3, 3, &[1000, 1000]), 4, "a missing pod counts as idle: 2000 / 500");
    assert_eq!(after_one(3, 2, &[1000, 1000, 1000]), 4, "so does one that is not ready");
    let mut bench = Bench::new(scaler(json!({})), 2, 2);
    assert_eq!(bench.period(&Err(ApiError::unavailable("away"))), 2);
    assert_eq!(bench.condition("ScalingActive"), "False FailedGetResourceMetric");
}

#[test]
fn shrinks_when_less_was_wanted_for_a_while() {
    let mut bench = Bench::new(scaler(json!({})), 4, 4);
    bench.period(&Ok(usage(&[500; 4])));
    let mut sizes = Vec::new();
    for _ in 0..21 {
        let size = usize::try_from(bench.size()).unwrap();
        sizes.push(bench.period(&Ok(usage(&vec![100; size]))));
    }
    assert_eq!((sizes[0], sizes[18], sizes[20]), (4, 4, 1), "{sizes:?}");
    assert!(bench.condition("AbleToScale").starts_with("True"));
    assert!(bench.lab.value(&key())["status"]["lastScaleTime"].is_string());
}

#[test]
fn policies_bound_the_rate() {
    let up = json!({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]});
    let mut bench = Bench::new(scaler(json!({"behavior": {"scaleUp": up}})), 2, 2);
    assert_eq!(bench.period(&Ok(usage(&[2000, 2000]))), 3);
    assert_eq!(bench.condition("ScalingLimited"), "True ScaleUpLimit");
    assert_eq!(bench.period(&Ok(usage(&[2000, 2000, 2000]))), 3, "one each minute");
    let disabled = json!({"selectPolicy": "Disabled"});
    let mut bench = Bench::new(scaler(json!({"behavior": {"scaleUp": disabled}})), 2, 2);
    assert_eq!(bench.period(&Ok(usage(&[2000, 2000]))), 2);
}

#[test]
fn stays_within_its_bounds() {
    let mut bench = Bench::new(scaler(json!({"maxReplicas": 3})), 2, 2);
    assert_eq!(bench.period(&Ok(usage(&[2000, 2000]))), 3);
    assert_eq!(bench.condition("ScalingLimited"), "True TooManyReplicas");
    let mut bench = Bench::new(scaler(json!({"minReplicas": 4})), 2, 2);
    assert_eq!(bench.period(&Ok(usage(&[0, 0]))), 4);
    let mut bench = Bench::new(scaler(json!({})), 0, 0);
    assert_eq!(bench.period(&Ok(usage(&[]))), 0);
    assert_eq!(bench.condition("ScalingActive"), "False ScalingDisabled");
}

#[test]
fn a_target_that_is_not_there_is_told() {
    let mut bench = Bench::new(scaler(json!({"scaleTargetRef": {"name": "none"}})), 1, 1);
    bench.period(&Ok(json!({})));
    assert_eq!(bench.condition("AbleToScale"), "False FailedGetScale");
}

#[test]
fn other_metrics_count_too() {
    let of = |metric: Value| Bench::new(scaler(json!({"metrics": [metric]})), 2, 2);
    let external = json!({"type": "External", "external": {"metric": {"name": "queue"},
        "target": {"type": "AverageValue", "averageValue": "10"}}});
    let sum = Ok(json!({"items": [{"value": "35"}, {"value": "5"}]}));
    assert_eq!(of(external).period(&sum), 4);
    let object = json!({"type": "Object", "object": {"metric": {"name": "requests"},
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
        "target": {"type": "Value", "value": "20"}}});
    assert_eq!(of(object).period(&sum), 4);
    let pods = json!({"type": "Pods", "pods": {"metric": {"name": "packets"},
        "target": {"type": "AverageValue", "averageValue": "10"}}});
    let each = |name: &str| json!({"describedObject": {"name": name}, "value": "15"});
    assert_eq!(of(pods).period(&Ok(json!({"items": [each("p0"), each("p1")]}))), 3);
    let container = json!({"type": "ContainerResource", "containerResource": {"name": "cpu",
        "container": "c", "target": {"type": "AverageValue", "averageValue": "250m"}}});
    assert_eq!(of(container).period(&Ok(usage(&[500, 500]))), 4);
}

#[test]
fn between_periods_nothing_is_asked() {
    let mut bench = Bench::new(scaler(json!({})), 2, 2);
    bench.period(&Ok(usage(&[500, 500])));
    let plan = bench.plan(&[]);
    assert!(plan.actions.is_empty(), "{plan}");
    assert_eq!(plan.requeue_after, Some(PERIOD));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// With a load that stays, the size comes to rest within bounds.
    #[test]
    fn comes_to_rest(load in 0..20_000_i64, from in 1..10_i32) {
        let mut bench = Bench::new(scaler(json!({})), from, usize::try_from(from).unwrap());
        let mut sizes = Vec::new();
        for _ in 0..80 {
            let size = bench.size();
            let each = vec![load / i64::from(size); usize::try_from(size).unwrap()];
            sizes.push(bench.period(&Ok(usage(&each))));
        }
        let last = *sizes.last().unwrap();
        prop_assert!((1..=20).contains(&last));
        prop_assert!(sizes[70..].iter().all(|size| *size == last), "{:?}", sizes);
        prop_assert!(last == 20 || f64::from(last) * 500.0 * 1.1 >= load as f64 - 1.0 * f64::from(last));
    }
}

//! Somebody has one app scaled by a load that is measured outside of the cluster.

use std::sync::Arc;

use object::Key;
use serde_json::{Value, json};

use crate::{
    api::{Api, is_deleting},
    requests::Op,
    user,
};

const NAMESPACE: &str = "apps";
const NAME: &str = "scaled";
const LEAST: i64 = 1;
const MOST: i64 = 4;
/// So much of the load one pod bears.
const EACH: i64 = 10;

#[derive(Default)]
pub(crate) struct Scaler {
    is_there: bool,
}

impl Scaler {
    pub(crate) fn step(&mut self, api: &Arc<Api>) {
        if self.is_there {
            let load = 1 + api.below(60);
            api.state().load = i64::try_from(load).unwrap();
            return;
        }
        self.is_there = true;
        api.state().load = EACH;
        let metadata = json!({"name": NAME, "namespace": NAMESPACE});
        let template = user::template(json!({"app": NAME}), "image-0", "20m");
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": NAME}}, "template": template}});
        let metric = json!({"type": "External", "external": {"metric": {"name": "load"},
            "target": {"type": "AverageValue", "averageValue": EACH.to_string()}}});
        let rules = json!({"stabilizationWindowSeconds": 20});
        let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": metadata, "spec": {"minReplicas": LEAST, "maxReplicas": MOST,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
                "metrics": [metric], "behavior": {"scaleDown": rules}}});
        let scalers = "horizontalpodautoscalers.autoscaling";
        for (kind, body) in [("deployments.apps", deployment), (scalers, scaler)] {
            user::perform(api, Op::Create { key: Key::new(kind, NAMESPACE, NAME), body });
        }
    }

    /// What is wrong once everything should have come to rest.
    pub(crate) fn unrest(&self, api: &Api) -> Option<String> {
        if !self.is_there {
            return None;
        }
        let load = api.state().load;
        let wanted = ((load + EACH - 1) / EACH).clamp(LEAST, MOST);
        let object = api.value(&Key::new("deployments.apps", NAMESPACE, NAME))?;
        let asked = object["spec"]["replicas"].as_i64().unwrap_or(0);
        // Within a tenth of what is borne nothing is changed.
        let is_near = (load - asked * EACH).abs() * 10 <= asked * EACH;
        let pods = api.values("pods");
        let count = pods
            .iter()
            .filter(|(_, pod)| pod["metadata"]["labels"]["app"] == NAME && !is_deleting(pod))
            .filter(|(_, pod)| pod["status"]["phase"] == "Running")
            .count();
        let is_right = (asked == wanted || is_near) && i64::try_from(count).unwrap() == asked;
        (!is_right).then(|| format!("{NAME} has {count} of {asked} pods, {wanted} for {load}"))
    }
}

/// What the API of external metrics answers.
pub(crate) fn measures(api: &Api, path: &str) -> Value {
    assert!(path.starts_with("/apis/external.metrics.k8s.io/v1beta1/"), "{path} is asked for");
    let load = api.state().load;
    let now = api.now();
    json!({"items": [{"metricName": "load", "value": load.to_string(), "timestamp": now.to_string()}]})
}

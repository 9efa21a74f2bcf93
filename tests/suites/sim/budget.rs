//! An app whose pods may only be taken away as its disruption budget says, and somebody who tries.

use std::sync::Arc;

use object::Key;
use serde_json::json;

use crate::{api::Api, requests::Op, user};

const NAMESPACE: &str = "apps";
const APP: &str = "kept";
const BUDGETS: &str = "poddisruptionbudgets.policy";
const REPLICAS: usize = 3;
const LEAST: usize = 2;

#[derive(Default)]
pub(crate) struct Budget {
    is_there: bool,
    is_guarded: bool,
}

impl Budget {
    pub(crate) fn step(&mut self, api: &Arc<Api>) {
        if !self.is_there {
            return self.create(api);
        }
        let pods = api.values("pods");
        let own: Vec<_> = pods
            .iter()
            .filter(|(_, pod)| pod["metadata"]["labels"]["app"] == APP)
            .map(|(key, _)| key.clone())
            .collect();
        if let Some(pod) = api.pick(&own).cloned() {
            let op = Op::Evict { pod, uid: None };
            let result = api.perform(&op, None);
            api.tell(|| format!("user: {op:?} -> {:?}", result.map(|object| object.revision)));
        }
    }

    fn create(&mut self, api: &Arc<Api>) {
        self.is_there = true;
        let metadata = json!({"name": APP, "namespace": NAMESPACE});
        let selector = json!({"matchLabels": {"app": APP}});
        let template = user::template(json!({"app": APP}), "image-0", "20m");
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": REPLICAS, "selector": selector, "template": template}});
        let mut spec = json!({"selector": selector});
        match api.below(3) {
            0 => spec["minAvailable"] = LEAST.into(),
            1 => spec["maxUnavailable"] = 1.into(),
            _ => spec["minAvailable"] = "60%".into(),
        }
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": metadata, "spec": spec});
        for (kind, body) in [(BUDGETS, budget), ("deployments.apps", deployment)] {
            user::perform(api, Op::Create { key: Key::new(kind, NAMESPACE, APP), body });
        }
    }

    /// From when all pods are there on, never fewer than the budget says.
    pub(crate) fn guard(&mut self, api: &Arc<Api>) {
        if !self.is_there || self.is_guarded {
            return;
        }
        let mut state = api.state();
        if state.checks.available(APP) >= REPLICAS {
            state.checks.guard(APP, Some(LEAST));
            self.is_guarded = true;
        }
    }

    /// What is wrong once everything should have come to rest.
    pub(crate) fn unrest(&self, api: &Api) -> Option<String> {
        if !self.is_there {
            return None;
        }
        let available = api.state().checks.available(APP);
        let budget = api.value(&Key::new(BUDGETS, NAMESPACE, APP))?;
        let status = &budget["status"];
        let is_right = available == REPLICAS
            && status["currentHealthy"] == REPLICAS
            && status["disruptionsAllowed"] == 1
            && status["disruptedPods"].as_object().is_none_or(serde_json::Map::is_empty);
        (!is_right).then(|| format!("{APP} has {available} pods and the budget {status}"))
    }
}

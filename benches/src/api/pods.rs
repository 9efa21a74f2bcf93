//! Pods as the load writes them: 1 to 4 KB that no compression makes much smaller.

use rand::{Rng, distr::Alphanumeric};
use serde_json::{Value, json};

/// No scheduler of ours looks at them, so that a write is one write.
const NOBODY: &str = "benchmark";

pub fn pod(namespace: &str, name: &str) -> Value {
    let mut rng = rand::rng();
    let noise = rng.random_range(300..3300);
    let noise: String = rng.sample_iter(Alphanumeric).take(noise).map(char::from).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": {"app": "bench", "tier": "load"}, "annotations": {"example.com/noise": noise},
        },
        "spec": {
            "schedulerName": NOBODY,
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "main", "image": "registry.example.com/team/app:1.2.3",
                "ports": [{"containerPort": 8080}],
                "env": [{"name": "MODE", "value": "production"}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
            }],
        },
    })
}

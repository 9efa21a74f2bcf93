//! What a site consists of, as the operator applies it.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use crate::site::Site;

fn metadata(site: &Site) -> Value {
    json!({
        "name": site.name_any(), "namespace": site.namespace(),
        "labels": {"site": site.name_any()},
        "ownerReferences": [site.controller_owner_ref(&())],
    })
}

/// The page, by the name under which it is served.
#[must_use]
pub fn config_map(site: &Site) -> ConfigMap {
    let map = json!({
        "metadata": metadata(site), "data": {"index.html": format!("{}\n", site.spec.page)},
    });
    serde_json::from_value(map).expect("it is a ConfigMap")
}

/// The pods that serve it.
#[must_use]
pub fn deployment(site: &Site) -> Deployment {
    let labels = json!({"site": site.name_any()});
    let server = json!({
        "name": "httpd", "image": "busybox:1",
        "command": ["httpd", "-f", "-p", "8080", "-h", "/www"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"port": "http", "path": "/"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
    });
    let deployment = json!({
        "metadata": metadata(site),
        "spec": {
            "replicas": site.spec.replicas, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1, "containers": [server],
                    "volumes": [{"name": "www", "configMap": {"name": site.name_any()}}],
                },
            },
        },
    });
    serde_json::from_value(deployment).expect("it is a Deployment")
}

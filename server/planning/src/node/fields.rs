//! The downward API: values of the pod itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use object::quantity::Quantity;

use super::{containers::spec, qos::amounts};
use crate::resources::Resources;

/// What is known of a pod beyond its object.
#[derive(Clone, Debug, Default)]
pub struct FieldContext {
    pub pod_ip: String,
    pub host_ip: String,
    /// What the node has for pods: a limit that is not set.
    pub allocatable: Resources,
}

/// The value of a `fieldRef`, as it stands in a variable or a file. `None`: no such field.
pub fn field(pod: &Pod, path: &str, context: &FieldContext) -> Option<String> {
    let meta = &pod.metadata;
    let spec = spec(pod);
    let text = |field: &Option<String>| Some(field.clone().unwrap_or_default());
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return None,
        };
        return Some(map.and_then(|map| map.get(key)).cloned().unwrap_or_default());
    }
    match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => Some(meta.labels.as_ref().map(map_text).unwrap_or_default()),
        "metadata.annotations" => Some(meta.annotations.as_ref().map(map_text).unwrap_or_default()),
        "spec.nodeName" => text(&spec.node_name),
        "spec.serviceAccountName" => text(&spec.service_account_name),
        "status.hostIP" | "status.hostIPs" => Some(context.host_ip.clone()),
        "status.podIP" | "status.podIPs" => Some(context.pod_ip.clone()),
        _ => None,
    }
}

/// `metadata.labels['app']` as map and key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

/// A map as a file of the downward API shows it: one `key="value"` a line.
pub(super) fn map_text(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

/// The value of a `resourceFieldRef`: a container's request or limit, in units of the divisor.
pub fn resource(
    pod: &Pod,
    own: &Container,
    selector: &ResourceFieldSelector,
    context: &FieldContext,
) -> Option<String> {
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let spec = spec(pod);
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let container = match named {
        Some(name) => all.find(|container| container.name == name)?,
        None => own,
    };
    let (side, name) = selector.resource.split_once('.')?;
    let (requests, limits) = amounts(container);
    let limit = Some(limits.amount(name)).filter(|amount| *amount > 0);
    let amount = match side {
        "requests" => requests.amount(name),
        "limits" => limit.unwrap_or_else(|| context.allocatable.amount(name)),
        _ => return None,
    };
    let divisor: Quantity = match &selector.divisor {
        Some(divisor) => divisor.0.parse().ok()?,
        None => Quantity::default(),
    };
    let unit = if divisor.is_zero() { Quantity::new(1) } else { divisor };
    let unit = if name == "cpu" { unit.milli_value() } else { unit.value() }.max(1);
    Some(divide_up(amount, unit).to_string())
}

/// Division of amounts, rounded up.
fn divide_up(amount: i64, by: i64) -> i64 {
    amount / by + i64::from(amount % by > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_fields_and_resources() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "labels": {"app": "web", "q": "a\"b"}},
            "spec": {"nodeName": "one", "containers": [{"name": "c", "resources": {
                "limits": {"memory": "100Mi"}, "requests": {"cpu": "1500m"}}}]}}))
        .unwrap();
        let context = FieldContext {
            pod_ip: "10.42.0.2".into(),
            allocatable: Resources { cpu_milli: 4000, ..Resources::default() },
            ..FieldContext::default()
        };
        for (path, want) in [
            ("metadata.name", Some("a")),
            ("metadata.labels['app']", Some("web")),
            ("metadata.labels['none']", Some("")),
            ("metadata.labels", Some("app=\"web\"\nq=\"a\\\"b\"")),
            ("spec.nodeName", Some("one")),
            ("status.podIP", Some("10.42.0.2")),
            ("status.phase", None),
        ] {
            assert_eq!(field(&pod, path, &context).as_deref(), want, "{path}");
        }
        let own = &pod.spec.as_ref().unwrap().containers[0];
        for (name, divisor, want) in [
            ("requests.cpu", "", "2"),
            ("requests.cpu", "1m", "1500"),
            ("limits.cpu", "1", "4"),
            ("limits.memory", "1Mi", "100"),
            ("limits.memory", "1Ki", "102400"),
        ] {
            let mut selector = json!({"resource": name});
            if !divisor.is_empty() {
                selector["divisor"] = divisor.into();
            }
            let selector = serde_json::from_value(selector).unwrap();
            assert_eq!(resource(&pod, own, &selector, &context).as_deref(), Some(want), "{name}");
        }
    }
}

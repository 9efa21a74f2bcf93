//! HorizontalPodAutoscaler as `autoscaling/v1` serves it: one target of CPU, and what it has no
//! field for in an annotation.

use k8s_openapi::api::autoscaling::{
    v1::{self, HorizontalPodAutoscaler as Object},
    v2,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Column, Kind, Subresource, Version, column, horizontal_pod_autoscaler};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

pub struct HorizontalPodAutoscalerV1;

type Hub = horizontal_pod_autoscaler::HorizontalPodAutoscaler;

impl Kind for HorizontalPodAutoscalerV1 {
    type Object = Object;
    const SHORT_NAMES: &'static [&'static str] = Hub::SHORT_NAMES;
    const CATEGORIES: &'static [&'static str] = Hub::CATEGORIES;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut Object, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Reference", |scaler: &Object, now| hub_cell(scaler, now, "Reference")),
        column("Targets", |scaler: &Object, now| hub_cell(scaler, now, "Targets")),
        column("MinPods", |scaler: &Object, now| hub_cell(scaler, now, "MinPods")),
        column("MaxPods", |scaler: &Object, now| hub_cell(scaler, now, "MaxPods")).integer(),
        column("Replicas", |scaler: &Object, now| hub_cell(scaler, now, "Replicas")).integer(),
        column("Age", |scaler: &Object, now| hub_cell(scaler, now, "Age")),
    ];
    const GENERATION: bool = true;
}

/// A cell of the same name in the stored version's table.
fn hub_cell(scaler: &Object, now: jiff::Timestamp, name: &str) -> serde_json::Value {
    let column = Hub::COLUMNS.iter().find(|column| column.name == name);
    column.map_or(serde_json::Value::Null, |column| {
        (column.cell)(&HorizontalPodAutoscalerV1::to_hub(scaler.clone()), now)
    })
}

fn cpu(percent: i32) -> v2::MetricSpec {
    let target = v2::MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(percent),
        ..Default::default()
    };
    v2::MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(v2::ResourceMetricSource { name: "cpu".to_owned(), target }),
        ..Default::default()
    }
}

/// The percentage of CPU that a metric aims at.
fn percent_of(metric: &v2::MetricSpec) -> Option<i32> {
    let resource = metric.resource.as_ref().filter(|resource| resource.name == "cpu")?;
    resource.target.average_utilization
}

fn current_percent_of(metric: &v2::MetricStatus) -> Option<i32> {
    let resource = metric.resource.as_ref().filter(|resource| resource.name == "cpu")?;
    resource.current.average_utilization
}

/// Takes what an annotation holds; one that a person wrote wrongly holds nothing.
fn take<T: DeserializeOwned>(object: &mut Object, key: &str) -> Option<T> {
    let text = object.metadata.annotations.as_mut()?.remove(key)?;
    serde_json::from_str(&text).ok()
}

fn put<T: Serialize>(object: &mut Object, key: &str, value: Option<&T>) {
    if let Some(text) = value.and_then(|value| serde_json::to_string(value).ok()) {
        object.metadata.annotations.get_or_insert_default().insert(key.to_owned(), text);
    }
}

impl Version for HorizontalPodAutoscalerV1 {
    type Hub = Hub;

    fn to_hub(mut object: Object) -> v2::HorizontalPodAutoscaler {
        let mut metrics: Vec<v2::MetricSpec> = take(&mut object, METRICS).unwrap_or_default();
        let mut current: Vec<v2::MetricStatus> = take(&mut object, CURRENT).unwrap_or_default();
        let conditions = take(&mut object, CONDITIONS);
        let behavior = take(&mut object, BEHAVIOR);
        if object.metadata.annotations.as_ref().is_some_and(|all| all.is_empty()) {
            object.metadata.annotations = None;
        }
        let spec = object.spec;
        if let Some(percent) = spec.target_cpu_utilization_percentage {
            metrics.insert(0, cpu(percent));
        }
        let target = spec.scale_target_ref;
        let status = object.status.map(|status| {
            if let Some(percent) = status.current_cpu_utilization_percentage {
                current.insert(0, current_cpu(percent));
            }
            v2::HorizontalPodAutoscalerStatus {
                conditions,
                current_metrics: (!current.is_empty()).then_some(current),
                current_replicas: Some(status.current_replicas),
                desired_replicas: status.desired_replicas,
                last_scale_time: status.last_scale_time,
                observed_generation: status.observed_generation,
            }
        });
        v2::HorizontalPodAutoscaler {
            metadata: object.metadata,
            spec: v2::HorizontalPodAutoscalerSpec {
                behavior,
                max_replicas: spec.max_replicas,
                metrics: (!metrics.is_empty()).then_some(metrics),
                min_replicas: spec.min_replicas,
                scale_target_ref: v2::CrossVersionObjectReference {
                    api_version: target.api_version,
                    kind: target.kind,
                    name: target.name,
                },
            },
            status,
        }
    }

    fn from_hub(hub: v2::HorizontalPodAutoscaler) -> Object {
        let target = hub.spec.scale_target_ref;
        let mut metrics = hub.spec.metrics.unwrap_or_default();
        let first = metrics.iter().position(|metric| percent_of(metric).is_some());
        let percent = first.and_then(|at| percent_of(&metrics.remove(at)));
        let mut current = Vec::new();
        let mut conditions = None;
        let status = hub.status.map(|status| {
            current = status.current_metrics.unwrap_or_default();
            conditions = status.conditions;
            let first = current.iter().position(|metric| current_percent_of(metric).is_some());
            v1::HorizontalPodAutoscalerStatus {
                current_cpu_utilization_percentage: first
                    .and_then(|at| current_percent_of(&current.remove(at))),
                current_replicas: status.current_replicas.unwrap_or_default(),
                desired_replicas: status.desired_replicas,
                last_scale_time: status.last_scale_time,
                observed_generation: status.observed_generation,
            }
        });
        let mut object = Object {
            metadata: hub.metadata,
            spec: v1::HorizontalPodAutoscalerSpec {
                max_replicas: hub.spec.max_replicas,
                min_replicas: hub.spec.min_replicas,
                scale_target_ref: v1::CrossVersionObjectReference {
                    api_version: target.api_version,
                    kind: target.kind,
                    name: target.name,
                },
                target_cpu_utilization_percentage: percent,
            },
            status,
        };
        put(&mut object, METRICS, Some(&metrics).filter(|metrics| !metrics.is_empty()));
        put(&mut object, CURRENT, Some(&current).filter(|current| !current.is_empty()));
        put(&mut object, CONDITIONS, conditions.as_ref());
        put(&mut object, BEHAVIOR, hub.spec.behavior.as_ref());
        object
    }
}

fn current_cpu(percent: i32) -> v2::MetricStatus {
    let current =
        v2::MetricValueStatus { average_utilization: Some(percent), ..Default::default() };
    v2::MetricStatus {
        type_: "Resource".to_owned(),
        resource: Some(v2::ResourceMetricStatus { name: "cpu".to_owned(), current }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_lost_on_the_way_to_v1_and_back() {
        let hub: v2::HorizontalPodAutoscaler = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {
                "maxReplicas": 5, "minReplicas": 2,
                "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
                    {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}}},
                ],
            },
            "status": {"currentReplicas": 3, "desiredReplicas": 3,
                "conditions": [{"type": "AbleToScale", "status": "True"}]},
        }))
        .unwrap();
        let old = HorizontalPodAutoscalerV1::from_hub(hub.clone());
        assert_eq!(old.spec.target_cpu_utilization_percentage, Some(50));
        assert!(old.metadata.annotations.as_ref().unwrap()[METRICS].contains("rps"));
        assert_eq!(HorizontalPodAutoscalerV1::to_hub(old), hub);
    }
}

//! The column TARGETS: what is measured against what is wanted.

use k8s_openapi::{
    api::autoscaling::v2::{MetricSpec, MetricStatus, MetricTarget, MetricValueStatus},
    apimachinery::pkg::api::resource::Quantity,
};
use serde_json::Value;

use crate::parts::cells;

/// How many are shown.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

pub(super) fn cell(specs: &[MetricSpec], statuses: &[MetricStatus]) -> Value {
    if specs.is_empty() {
        return cells::NONE.into();
    }
    let texts = specs.iter().enumerate().map(|(index, spec)| one(spec, statuses.get(index)));
    let shown: Vec<String> = texts.take(SHOWN).collect();
    let shown = shown.join(", ");
    match specs.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} + {more} more...").into(),
        _ => shown.into(),
    }
}

fn one(spec: &MetricSpec, status: Option<&MetricStatus>) -> String {
    let is = |type_: &str| spec.type_ == type_;
    if let Some(external) = spec.external.as_ref().filter(|_| is("External")) {
        let current = status.and_then(|status| status.external.as_ref());
        return amount(&external.target, current.map(|status| &status.current));
    }
    if let Some(object) = spec.object.as_ref().filter(|_| is("Object")) {
        let current = status.and_then(|status| status.object.as_ref());
        return amount(&object.target, current.map(|status| &status.current));
    }
    if let Some(pods) = spec.pods.as_ref().filter(|_| is("Pods")) {
        let current = status.and_then(|status| status.pods.as_ref());
        let current = current.and_then(|status| status.current.average_value.as_ref());
        return format!("{}/{}", quantity(current), quantity(pods.target.average_value.as_ref()));
    }
    if let Some(resource) = spec.resource.as_ref().filter(|_| is("Resource")) {
        let current = status.and_then(|status| status.resource.as_ref());
        return usage(&resource.name, &resource.target, current.map(|status| &status.current));
    }
    if let Some(resource) = spec.container_resource.as_ref().filter(|_| is("ContainerResource")) {
        let current = status.and_then(|status| status.container_resource.as_ref());
        return usage(&resource.name, &resource.target, current.map(|status| &status.current));
    }
    "<unknown type>".to_owned()
}

fn quantity(quantity: Option<&Quantity>) -> &str {
    quantity.map_or(UNKNOWN, |quantity| &quantity.0)
}

fn amount(target: &MetricTarget, current: Option<&MetricValueStatus>) -> String {
    match &target.average_value {
        Some(wanted) => {
            let current = current.and_then(|current| current.average_value.as_ref());
            format!("{}/{} (avg)", quantity(current), wanted.0)
        }
        None => {
            let wanted = target.value.as_ref().map_or("0", |wanted| &wanted.0);
            format!("{}/{wanted}", quantity(current.and_then(|current| current.value.as_ref())))
        }
    }
}

fn usage(name: &str, target: &MetricTarget, current: Option<&MetricValueStatus>) -> String {
    if let Some(wanted) = &target.average_value {
        let current = current.and_then(|current| current.average_value.as_ref());
        return format!("{name}: {}/{}", quantity(current), wanted.0);
    }
    let percent = |value: Option<i32>, none: &str| {
        value.map_or_else(|| none.to_owned(), |value| format!("{value}%"))
    };
    let current = percent(current.and_then(|current| current.average_utilization), UNKNOWN);
    format!("{name}: {current}/{}", percent(target.average_utilization, "<auto>"))
}

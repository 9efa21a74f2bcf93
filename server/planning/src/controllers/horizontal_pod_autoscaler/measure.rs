//! What is asked of the APIs of metrics, and how their answers read.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, MetricIdentifier,
};
use object::{KindName, quantity::Quantity, selector::LabelSelector};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::pods_of::Target;
use crate::Answer;

/// For measures that do not say over which time they were taken.
const WINDOW_DEFAULT: SignedDuration = SignedDuration::from_secs(60);
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A measure of one pod.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) milli: i64,
    pub(super) at: Timestamp,
    pub(super) window: SignedDuration,
}

/// The answers of this round, by what was asked.
pub(super) struct Measured<'r>(&'r [Answer]);

/// Everything that a scaler's metrics need.
pub(super) fn wanted(target: &Target<'_>, scaler: &HorizontalPodAutoscaler) -> Vec<String> {
    let metrics = scaler.spec.metrics.iter().flatten();
    let mut paths: Vec<String> = metrics
        .filter_map(|metric| match metric.type_.as_str() {
            "Resource" | "ContainerResource" => Some(of_pods(target)),
            "Pods" => metric.pods.as_ref().map(|pods| custom_of_pods(target, &pods.metric)),
            "Object" => metric
                .object
                .as_ref()
                .map(|object| of_object(target, &object.described_object, &object.metric)),
            "External" => metric.external.as_ref().map(|one| external(target, &one.metric)),
            _ => None,
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

pub(super) fn of_pods(target: &Target<'_>) -> String {
    let selector = encode(&target.selector.to_string());
    let namespace = target.namespace();
    format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods?labelSelector={selector}")
}

fn selector_of(metric: &MetricIdentifier) -> String {
    let selector = metric.selector.as_ref().map(|selector| json!(selector));
    let selector = selector.and_then(|selector| LabelSelector::from_json(&selector).ok());
    selector.map(|selector| encode(&selector.to_string())).unwrap_or_default()
}

pub(super) fn custom_of_pods(target: &Target<'_>, metric: &MetricIdentifier) -> String {
    let (namespace, name) = (target.namespace(), encode(&metric.name));
    let (pods, labels) = (encode(&target.selector.to_string()), selector_of(metric));
    format!(
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/pods/*/{name}\
         ?labelSelector={pods}&metricLabelSelector={labels}"
    )
}

pub(super) fn of_object(
    target: &Target<'_>,
    described: &CrossVersionObjectReference,
    metric: &MetricIdentifier,
) -> String {
    let api_version = described.api_version.as_deref().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let def = kinds::Registry::builtin().find_stored(group, &described.kind);
    let guess = || KindName::new(&format!("{}s", described.kind.to_lowercase()), group);
    let resource = def.map_or_else(guess, |def| def.name.clone());
    let (namespace, name) = (target.namespace(), encode(&metric.name));
    let (object, labels) = (encode(&described.name), selector_of(metric));
    format!(
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/{resource}/{object}/{name}\
         ?metricLabelSelector={labels}"
    )
}

pub(super) fn external(target: &Target<'_>, metric: &MetricIdentifier) -> String {
    let (namespace, name) = (target.namespace(), encode(&metric.name));
    let labels = selector_of(metric);
    format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{name}?labelSelector={labels}"
    )
}

impl<'r> Measured<'r> {
    pub(super) fn new(answers: &'r [Answer]) -> Self {
        Self(answers)
    }

    fn items(&self, path: &str) -> Result<&'r [Value], String> {
        let answer = self.0.iter().find(|answer| answer.path == path);
        match answer.map(|answer| &answer.result) {
            Some(Ok(value)) => Ok(value["items"].as_array().map(Vec::as_slice).unwrap_or_default()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it was not asked for".to_owned()),
        }
    }

    /// A resource by pod: the sum of all containers, or one of them.
    pub(super) fn resource(
        &self,
        path: &str,
        resource: &str,
        container: Option<&str>,
    ) -> Result<BTreeMap<String, Measure>, String> {
        let read = |item: &Value| {
            let name = item["metadata"]["name"].as_str()?.to_owned();
            let containers = item["containers"].as_array()?;
            let mut own = containers
                .iter()
                .filter(|one| container.is_none_or(|name| one["name"] == name))
                .peekable();
            own.peek()?;
            let amounts: Option<Vec<i64>> =
                own.map(|one| Some(quantity(&one["usage"][resource])?.milli_value())).collect();
            Some((name, measure(item, amounts?.into_iter().sum())))
        };
        let found: BTreeMap<String, Measure> = self.items(path)?.iter().filter_map(read).collect();
        if found.is_empty() {
            return Err("no metrics returned from resource metrics API".to_owned());
        }
        Ok(found)
    }

    /// A custom metric by pod.
    pub(super) fn custom(&self, path: &str) -> Result<BTreeMap<String, Measure>, String> {
        let read = |item: &Value| {
            let name = item["describedObject"]["name"].as_str()?.to_owned();
            Some((name, measure(item, quantity(&item["value"])?.milli_value())))
        };
        let found: BTreeMap<String, Measure> = self.items(path)?.iter().filter_map(read).collect();
        if found.is_empty() {
            return Err("no metrics returned from custom metrics API".to_owned());
        }
        Ok(found)
    }

    /// The sum of all values.
    pub(super) fn sum(&self, path: &str) -> Result<i64, String> {
        let items = self.items(path)?;
        if items.is_empty() {
            return Err("no metrics returned from the metrics API".to_owned());
        }
        Ok(items.iter().filter_map(|item| quantity(&item["value"])).map(|q| q.milli_value()).sum())
    }
}

fn quantity(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

fn measure(item: &Value, milli: i64) -> Measure {
    let at = item["timestamp"].as_str().and_then(|text| text.parse().ok());
    let window = item["window"].as_str().and_then(|text| text.parse().ok());
    let seconds = item["windowSeconds"].as_i64().map(SignedDuration::from_secs);
    Measure {
        milli,
        at: at.unwrap_or(Timestamp::UNIX_EPOCH),
        window: window.or(seconds).unwrap_or(WINDOW_DEFAULT),
    }
}

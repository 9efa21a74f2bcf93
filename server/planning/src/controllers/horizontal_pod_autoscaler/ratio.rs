//! From measures to a size.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::autoscaling::v2::{
        ContainerResourceMetricStatus, ExternalMetricStatus, HorizontalPodAutoscaler, MetricSpec,
        MetricStatus, MetricTarget, MetricValueStatus, ObjectMetricStatus, PodsMetricStatus,
        ResourceMetricStatus,
    },
    apimachinery::pkg::api::resource::Quantity as Text,
};
use object::quantity::Quantity;

use super::{
    behavior::tolerance,
    measure::{self, Measure, Measured},
    pods_of::{Counts, Target, counts, request},
};

/// A size, what it is called, and what to show of it; or a reason and a message.
type Verdict = Result<(i32, String, MetricStatus), (&'static str, String)>;

pub(super) fn of_metric(
    measured: &Measured<'_>,
    target: &Target<'_>,
    scaler: &HorizontalPodAutoscaler,
    metric: &MetricSpec,
    now: Timestamp,
) -> Verdict {
    let around = Around { target, scaler, now };
    let mut shown = MetricStatus { type_: metric.type_.clone(), ..MetricStatus::default() };
    if let Some(source) = &metric.resource {
        let failed = |why: String| {
            ("FailedGetResourceMetric", format!("failed to get {} utilization: {why}", source.name))
        };
        let path = measure::of_pods(target);
        let found = measured.resource(&path, &source.name, None).map_err(failed)?;
        let (size, current) =
            around.of_resource(&found, &source.name, None, &source.target).map_err(failed)?;
        shown.resource = Some(ResourceMetricStatus { current, name: source.name.clone() });
        return Ok((size, name_of_resource(&source.name, &source.target), shown));
    }
    if let Some(source) = &metric.container_resource {
        let container = Some(source.container.as_str());
        let failed = |why: String| {
            (
                "FailedGetContainerResourceMetric",
                format!("failed to get {} utilization: {why}", source.name),
            )
        };
        let path = measure::of_pods(target);
        let found = measured.resource(&path, &source.name, container).map_err(failed)?;
        let (size, current) =
            around.of_resource(&found, &source.name, container, &source.target).map_err(failed)?;
        let (container, name) = (source.container.clone(), source.name.clone());
        shown.container_resource = Some(ContainerResourceMetricStatus { container, current, name });
        return Ok((size, name_of_resource(&source.name, &source.target), shown));
    }
    if let Some(source) = &metric.pods {
        let failed = |why: String| {
            ("FailedGetPodsMetric", format!("unable to get metric {}: {why}", source.metric.name))
        };
        let path = measure::custom_of_pods(target, &source.metric);
        let found = measured.custom(&path).map_err(failed)?;
        let (size, current) = around.of_average(&found, None, &source.target).map_err(failed)?;
        shown.pods = Some(PodsMetricStatus { current, metric: source.metric.clone() });
        return Ok((size, format!("pods metric {}", source.metric.name), shown));
    }
    if let Some(source) = &metric.object {
        let failed = |why: String| {
            ("FailedGetObjectMetric", format!("unable to get metric {}: {why}", source.metric.name))
        };
        let path = measure::of_object(target, &source.described_object, &source.metric);
        let sum = measured.sum(&path).map_err(failed)?;
        let (size, current) = around.of_sum(sum, &source.target).map_err(failed)?;
        let described_object = source.described_object.clone();
        let metric = source.metric.clone();
        shown.object = Some(ObjectMetricStatus { current, described_object, metric });
        return Ok((
            size,
            format!("{} metric {}", source.described_object.kind, source.metric.name),
            shown,
        ));
    }
    if let Some(source) = &metric.external {
        let failed = |why: String| {
            (
                "FailedGetExternalMetric",
                format!("unable to get external metric {}: {why}", source.metric.name),
            )
        };
        let path = measure::external(target, &source.metric);
        let sum = measured.sum(&path).map_err(failed)?;
        let (size, current) = around.of_sum(sum, &source.target).map_err(failed)?;
        shown.external = Some(ExternalMetricStatus { current, metric: source.metric.clone() });
        return Ok((size, format!("external metric {}", source.metric.name), shown));
    }
    Err(("InvalidMetricSourceType", format!("unknown metric source type {:?}", metric.type_)))
}

fn name_of_resource(resource: &str, target: &MetricTarget) -> String {
    if target.average_utilization.is_some() {
        return format!("{resource} resource utilization (percentage of request)");
    }
    format!("{resource} resource")
}

struct Around<'a> {
    target: &'a Target<'a>,
    scaler: &'a HorizontalPodAutoscaler,
    now: Timestamp,
}

impl Around<'_> {
    fn of_resource(
        &self,
        measures: &BTreeMap<String, Measure>,
        resource: &str,
        container: Option<&str>,
        wanted: &MetricTarget,
    ) -> Result<(i32, MetricValueStatus), String> {
        let Some(percent) = wanted.average_utilization else {
            return self.of_average(measures, Some(resource), wanted);
        };
        let mut requests = BTreeMap::new();
        for (entry, pod) in &self.target.pods {
            let name = entry.key.name.to_string();
            let request = request(pod, resource, container)
                .ok_or_else(|| format!("missing request for {resource} in Pod {name}"))?;
            requests.insert(name, request);
        }
        let percent = i64::from(percent.max(1));
        let goal = |name: &str| requests.get(name).copied().unwrap_or(0) * percent / 100;
        // Pods that are not measured count with their request or, if the goal is more, with that.
        let most = |name: &str| requests.get(name).copied().unwrap_or(0) * percent.max(100) / 100;
        let (size, sum, counted) = self.size(measures, Some(resource), &goal, &most)?;
        let asked: i64 = counted.iter().filter_map(|name| requests.get(name)).sum();
        let utilization = if asked > 0 { sum * 100 / asked } else { 0 };
        let average = sum / i64::try_from(counted.len().max(1)).unwrap_or(1);
        let current = MetricValueStatus {
            average_utilization: i32::try_from(utilization).ok(),
            average_value: Some(text(average)),
            value: None,
        };
        Ok((size, current))
    }

    fn of_average(
        &self,
        measures: &BTreeMap<String, Measure>,
        resource: Option<&str>,
        wanted: &MetricTarget,
    ) -> Result<(i32, MetricValueStatus), String> {
        let goal = milli(wanted.average_value.as_ref()).ok_or("it has no averageValue")?;
        let (size, sum, counted) = self.size(measures, resource, &|_| goal, &|_| goal)?;
        let average = sum / i64::try_from(counted.len().max(1)).unwrap_or(1);
        let current = MetricValueStatus {
            average_value: Some(text(average)),
            ..MetricValueStatus::default()
        };
        Ok((size, current))
    }

    /// The size at which pods would use what is wanted of each; the sum of what was measured, and
    /// of which pods.
    fn size(
        &self,
        measures: &BTreeMap<String, Measure>,
        resource: Option<&str>,
        goal: &dyn Fn(&str) -> i64,
        most: &dyn Fn(&str) -> i64,
    ) -> Result<(i32, i64, Vec<String>), String> {
        let (mut used, mut missing, mut unready) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (entry, pod) in &self.target.pods {
            let name = entry.key.name.to_string();
            let measure = measures.get(&name);
            let at = measure.map(|measure| (measure.at, measure.window));
            match (counts(entry, pod, resource, at, self.now), measure) {
                (Counts::Ignored, _) => {}
                (Counts::Unready, _) => unready.push(name),
                (Counts::Yes, Some(measure)) => drop(used.insert(name, measure.milli)),
                (Counts::Yes, None) => missing.push(name),
            }
        }
        if used.is_empty() {
            return Err(
                "did not receive metrics for targeted pods (pods might be unready)".to_owned()
            );
        }
        let sum: i64 = used.values().sum();
        let counted: Vec<String> = used.keys().cloned().collect();
        let first = ratio(&used, goal)?;
        let current = self.target.replicas;
        let grows_with_unready = !unready.is_empty() && first > 1.0;
        if missing.is_empty() && !grows_with_unready {
            let size = if self.is_within(first, current) {
                current
            } else {
                ceil(first * used.len() as f64)
            };
            return Ok((size, sum, counted));
        }
        // What is not known must not make the size go further than what is known.
        for name in missing {
            let amount = if first < 1.0 { most(&name) } else { 0 };
            used.insert(name, amount);
        }
        if grows_with_unready {
            used.extend(unready.into_iter().map(|name| (name, 0)));
        }
        let second = ratio(&used, goal)?;
        let turns = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
        if self.is_within(second, current) || turns {
            return Ok((current, sum, counted));
        }
        let size = ceil(second * used.len() as f64);
        let goes_back = (second < 1.0 && size > current) || (second > 1.0 && size < current);
        Ok((if goes_back { current } else { size }, sum, counted))
    }

    /// A value that is not one of pods: as a whole, or for each pod.
    fn of_sum(&self, sum: i64, wanted: &MetricTarget) -> Result<(i32, MetricValueStatus), String> {
        let current = self.target.replicas;
        if let Some(goal) = milli(wanted.average_value.as_ref()) {
            let share = sum as f64 / (goal.max(1) as f64 * f64::from(current.max(1)));
            let size = if self.is_within(share, current) {
                current
            } else {
                ceil(sum as f64 / goal.max(1) as f64)
            };
            let average = sum / i64::from(current.max(1));
            let shown = MetricValueStatus {
                average_value: Some(text(average)),
                ..MetricValueStatus::default()
            };
            return Ok((size, shown));
        }
        let goal = milli(wanted.value.as_ref()).ok_or("it has neither value nor averageValue")?;
        let ratio = sum as f64 / goal.max(1) as f64;
        let shown = MetricValueStatus { value: Some(text(sum)), ..MetricValueStatus::default() };
        if current == 0 {
            return Ok((ceil(ratio), shown));
        }
        let size = if self.is_within(ratio, current) {
            current
        } else {
            ceil(ratio * self.target.ready() as f64)
        };
        Ok((size, shown))
    }

    /// Whether a ratio is so near to one that nothing is to be done.
    fn is_within(&self, ratio: f64, _current: i32) -> bool {
        let allowed = tolerance(self.scaler, ratio > 1.0);
        (1.0 - ratio).abs() <= allowed
    }
}

/// Used to wanted, over all pods that count.
fn ratio(used: &BTreeMap<String, i64>, goal: &dyn Fn(&str) -> i64) -> Result<f64, String> {
    let wanted: i64 = used.keys().map(|name| goal(name)).sum();
    if wanted <= 0 {
        return Err("no pod requests anything of it".to_owned());
    }
    Ok(used.values().sum::<i64>() as f64 / wanted as f64)
}

fn ceil(size: f64) -> i32 {
    // What floating point adds to a whole number is no pod.
    let rounded = (size - 1e-9).ceil();
    if rounded >= f64::from(i32::MAX) { i32::MAX } else { rounded as i32 }
}

fn milli(quantity: Option<&Text>) -> Option<i64> {
    quantity?.0.parse::<Quantity>().ok().map(|quantity| quantity.milli_value())
}

fn text(milli: i64) -> Text {
    Text(Quantity::from_milli(milli).to_string())
}

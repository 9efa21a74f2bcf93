//! Sets the size of what a HorizontalPodAutoscaler targets by what its pods use.
//!
//! A round without fresh measures asks for them (`Action::Read`); the next has the answers and
//! decides. What was recommended and done of late is kept in the memory of the round; losing it
//! costs one window of caution.

mod behavior;
mod measure;
mod pods_of;
mod ratio;
mod status;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricStatus};
use object::Key;
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Plan, Round, Severity, World, owners, pods};
use behavior::Past;
use measure::Measured;
use pods_of::Target;
use status::Status;

pub const CONTROLLER: Controller =
    Controller { name: "horizontal-pod-autoscaler", watches: &[SCALERS], keys_for, plan };

const SCALERS: &str = "horizontalpodautoscalers.autoscaling";
const PERIOD: Duration = Duration::from_secs(15);

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    change.new.iter().map(|scaler| scaler.key.clone()).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(scaler) = entry.read::<HorizontalPodAutoscaler>() else { return Plan::default() };
    if entry.meta.is_deleting() {
        return Plan::default();
    }
    let asked: Option<Timestamp> = round.memory["asked"].as_str().and_then(|t| t.parse().ok());
    let since =
        asked.map(|at| Duration::try_from(round.steady.duration_since(at)).unwrap_or_default());
    let target = Target::of(round.world, entry, &scaler);
    let wanted =
        target.as_ref().map_or_else(|_| Vec::new(), |target| measure::wanted(target, &scaler));
    if round.answers.is_empty() {
        if let Some(since) = since.filter(|since| *since < PERIOD) {
            let memory = round.memory.clone();
            return Plan { requeue_after: Some(PERIOD - since), memory, ..Plan::default() };
        }
        let mut memory = if round.memory.is_object() { round.memory.clone() } else { json!({}) };
        memory["asked"] = json!(round.steady.to_string());
        if !wanted.is_empty() {
            let actions = wanted.into_iter().map(|path| Action::Read { path }).collect();
            return Plan { actions, memory, requeue_after: Some(PERIOD) };
        }
        return decide(round, entry, &scaler, target, memory);
    }
    decide(round, entry, &scaler, target, round.memory.clone())
}

fn decide(
    round: &Round<'_>,
    entry: &std::sync::Arc<crate::Entry>,
    scaler: &HorizontalPodAutoscaler,
    target: Result<Target<'_>, String>,
    mut memory: Value,
) -> Plan {
    let mut status = Status::of(entry, scaler, round.now);
    let mut past = Past::of(&memory, round.steady);
    let mut actions = Vec::new();
    match target {
        Err(why) => {
            status.condition("AbleToScale", false, "FailedGetScale", why.clone());
            actions.push(status.event(Severity::Warning, "FailedGetScale", why));
        }
        Ok(target) => {
            status.condition(
                "AbleToScale",
                true,
                "SucceededGetScale",
                "the HPA controller was able to get the target's current scale".to_owned(),
            );
            let found = size(round, scaler, &target, &mut status, &mut past, &mut actions);
            status.note_sizes(target.replicas, found.as_ref().map_or(target.replicas, |f| f.size));
            if let Some(found) = found.filter(|found| found.size != target.replicas) {
                past.note_change(round.steady, found.size - target.replicas);
                let message = format!("New size: {}; reason: {}", found.size, found.reason);
                actions.push(target.resize(found.size));
                actions.push(status.event(Severity::Normal, "SuccessfulRescale", message));
                let message = format!(
                    "the HPA controller was able to update the target scale to {}",
                    found.size
                );
                status.condition("AbleToScale", true, "SucceededRescale", message);
                status.note_rescale();
            }
        }
    }
    actions = pods::sort_events(actions);
    actions.extend(status.action());
    past.write(&mut memory);
    let asked: Option<Timestamp> = memory["asked"].as_str().and_then(|text| text.parse().ok());
    let since = asked.map_or(Duration::ZERO, |at| {
        Duration::try_from(round.steady.duration_since(at)).unwrap_or_default()
    });
    let left = PERIOD.saturating_sub(since).max(Duration::from_millis(1));
    Plan { actions, requeue_after: Some(left), memory }
}

/// A size, and why it is wanted.
struct Found {
    size: i32,
    reason: String,
}

fn size(
    round: &Round<'_>,
    scaler: &HorizontalPodAutoscaler,
    target: &Target<'_>,
    status: &mut Status<'_>,
    past: &mut Past,
    actions: &mut Vec<Action>,
) -> Option<Found> {
    let spec = &scaler.spec;
    let least = spec.min_replicas.unwrap_or(1);
    let current = target.replicas;
    if current == 0 && least != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        status.condition("ScalingActive", false, "ScalingDisabled", message.to_owned());
        return None;
    }
    if current > spec.max_replicas {
        let reason = "Current number of replicas above Spec.MaxReplicas".to_owned();
        return Some(Found { size: spec.max_replicas, reason });
    }
    if current < least {
        let reason = "Current number of replicas below Spec.MinReplicas".to_owned();
        return Some(Found { size: least, reason });
    }
    let (proposed, reason) = propose(round, scaler, target, status, actions)?;
    let bounded = behavior::bound(scaler, past, current, proposed, round.steady);
    let (type_, reason_of_limit, message) = bounded.limit;
    status.condition("ScalingLimited", type_, reason_of_limit, message.to_owned());
    if let Some((reason, message)) = bounded.held {
        status.condition("AbleToScale", true, reason, message.to_owned());
    }
    Some(Found { size: bounded.size, reason })
}

/// The largest size that a metric asks for. What can not be measured lets nothing shrink.
fn propose(
    round: &Round<'_>,
    scaler: &HorizontalPodAutoscaler,
    target: &Target<'_>,
    status: &mut Status<'_>,
    actions: &mut Vec<Action>,
) -> Option<(i32, String)> {
    let metrics = scaler.spec.metrics.clone().unwrap_or_default();
    let measured = Measured::new(round.answers);
    let mut best: Option<(i32, String)> = None;
    let mut shown: Vec<MetricStatus> = Vec::new();
    let mut trouble: Option<(&'static str, String)> = None;
    for metric in &metrics {
        match ratio::of_metric(&measured, target, scaler, metric, round.now) {
            Ok((size, name, value)) => {
                shown.push(value);
                if best.as_ref().is_none_or(|(most, _)| size > *most) {
                    best = Some((size, name));
                }
            }
            Err((reason, message)) => {
                actions.push(status.event(Severity::Warning, reason, message.clone()));
                trouble.get_or_insert((reason, message));
            }
        }
    }
    status.note_metrics(shown);
    match (best, trouble) {
        (Some((size, name)), None) => {
            let message =
                format!("the HPA was able to successfully calculate a replica count from {name}");
            status.condition("ScalingActive", true, "ValidMetricFound", message);
            let direction = if size > target.replicas { "above" } else { "below" };
            Some((size, format!("{name} {direction} target")))
        }
        (Some((size, name)), Some(_)) if size > target.replicas => {
            let message =
                format!("the HPA was able to successfully calculate a replica count from {name}");
            status.condition("ScalingActive", true, "ValidMetricFound", message);
            Some((size, format!("{name} above target")))
        }
        (_, Some((reason, message))) => {
            let message = format!("the HPA was unable to compute the replica count: {message}");
            status.condition("ScalingActive", false, reason, message);
            None
        }
        (None, None) => {
            let message = "the HPA has no metrics to compute the replica count from".to_owned();
            status.condition("ScalingActive", false, "InvalidMetricSourceType", message);
            None
        }
    }
}

/// The key of what is to be scaled.
fn target_key(scaler: &HorizontalPodAutoscaler, namespace: &str) -> Option<Key> {
    let reference = &scaler.spec.scale_target_ref;
    let owner = object::OwnerRef {
        api_version: reference.api_version.clone().unwrap_or_default(),
        kind: reference.kind.clone(),
        name: reference.name.as_str().into(),
        ..object::OwnerRef::default()
    };
    owners::owner_key(&owner, namespace)
}

#[cfg(test)]
mod tests;

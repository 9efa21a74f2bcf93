//! Counts how many pods of a PodDisruptionBudget may be taken away at once.
//!
//! What is read here is a promise to evictions, which lower it in the same write that lets a pod
//! go; that such a pod still runs is not held against the budget twice.

mod scale;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus},
    apimachinery::pkg::{
        apis::meta::v1::{Condition, Time},
        util::intstr::IntOrString,
    },
};
use object::Key;

use crate::{
    Action, Change, Controller, Entry, Plan, Round, Severity, World, conditions,
    pods::{self, PODS, count},
    portion,
};

pub const CONTROLLER: Controller = Controller {
    name: "controllermanager",
    watches: &[
        BUDGETS,
        PODS,
        scale::DEPLOYMENTS,
        scale::REPLICA_SETS,
        scale::STATEFUL_SETS,
        scale::REPLICATION_CONTROLLERS,
    ],
    keys_for,
    plan,
};

const BUDGETS: &str = "poddisruptionbudgets.policy";
const ALLOWED: &str = "DisruptionAllowed";
/// An evicted pod that is not being deleted by then stays.
const PATIENCE: SignedDuration = SignedDuration::from_secs(120);

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let namespace = &change.key.namespace;
    if &*change.key.kind == BUDGETS {
        return vec![change.key.clone()];
    }
    if world.in_namespace(BUDGETS, namespace).next().is_none() {
        return Vec::new();
    }
    let is_pod = &*change.key.kind == PODS;
    let labels = |entry: &Arc<Entry>| match is_pod {
        true => Some(entry.meta.labels.clone()),
        false => scale::template_labels(entry),
    };
    let all: Vec<BTreeMap<String, String>> = change.both().filter_map(labels).collect();
    let selecting = all.iter().flat_map(|labels| world.selecting(BUDGETS, namespace, labels));
    let mut keys: Vec<Key> = selecting.map(|budget| budget.key.clone()).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(budget) = entry.read::<PodDisruptionBudget>() else { return Plan::default() };
    let (Some(selector), false) = (entry.selector(), entry.meta.is_deleting()) else {
        return Plan::default();
    };
    let selected = round.world.selected(PODS, &entry.key.namespace, selector);
    let old = budget.status.clone().unwrap_or_default();
    let mut actions = Vec::new();
    let (disrupted, requeue_after) = disrupted(round, entry, &old, &mut actions);
    let is_healthy = |pod: &&&Arc<Entry>| {
        !pod.meta.is_deleting()
            && !disrupted.contains_key(&*pod.key.name)
            && pod.pod().is_some_and(crate::world::PodSummary::is_ready)
    };
    let healthy = count(selected.iter().filter(is_healthy));
    let mut status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        observed_generation: Some(entry.meta.generation),
        disrupted_pods: Some(disrupted).filter(|pods| !pods.is_empty()),
        ..old.clone()
    };
    let verdict = match wanted(round.world, &budget, &selected) {
        Ok((expected, desired)) => {
            status.expected_pods = Some(expected);
            status.desired_healthy = Some(desired);
            let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
            status.disruptions_allowed = Some(allowed);
            let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
            condition(allowed > 0, reason, String::new())
        }
        // What can not be counted allows nothing.
        Err(why) => {
            status.disruptions_allowed = Some(0);
            let source = CONTROLLER.name;
            let event = pods::record(
                entry,
                source,
                Severity::Warning,
                "CalculateExpectedPodCountFailed",
                format!("Failed to calculate the number of expected pods: {why}"),
            );
            actions.push(event);
            condition(false, "SyncFailed", why)
        }
    };
    set_condition(&mut status, verdict, entry.meta.generation, round.now);
    if budget.status.as_ref() != Some(&status) {
        actions.extend(pods::set_status(entry, &status));
    }
    Plan { actions, requeue_after, ..Plan::default() }
}

/// How many pods there should be, and how many of them must be healthy.
fn wanted(
    world: &World,
    budget: &PodDisruptionBudget,
    selected: &[&Arc<Entry>],
) -> Result<(i32, i32), String> {
    let spec = budget.spec.clone().unwrap_or_default();
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let expected = scale::expected(world, selected)?;
            Ok((expected, (expected - portion::up(most, expected)).max(0)))
        }
        (None, Some(IntOrString::Int(least))) => Ok((count(selected.iter()), (*least).max(0))),
        (None, Some(least)) => {
            let expected = scale::expected(world, selected)?;
            Ok((expected, portion::up(least, expected)))
        }
        (None, None) => Ok((count(selected.iter()), 1)),
    }
}

/// The evicted pods that are still to go, and when to look at them again.
fn disrupted(
    round: &Round<'_>,
    budget: &Entry,
    old: &PodDisruptionBudgetStatus,
    actions: &mut Vec<Action>,
) -> (BTreeMap<String, Time>, Option<Duration>) {
    let mut waiting = BTreeMap::new();
    let mut again: Option<Duration> = None;
    for (name, since) in old.disrupted_pods.iter().flatten() {
        let key = Key::new(PODS, &budget.key.namespace, name);
        let Some(pod) = round.world.entry(&key).filter(|pod| !pod.meta.is_deleting()) else {
            continue;
        };
        let until = since.0.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
        let left = Duration::try_from(until.duration_since(round.now)).unwrap_or_default();
        if left.is_zero() {
            let message = format!(
                "Pod was expected by PDB {}/{} to be deleted but it wasn't",
                budget.key.namespace, budget.key.name
            );
            let source = CONTROLLER.name;
            actions.push(pods::record(pod, source, Severity::Warning, "NotDeleted", message));
            continue;
        }
        again = Some(again.map_or(left, |again| again.min(left)));
        waiting.insert(name.clone(), since.clone());
    }
    (waiting, again)
}

fn condition(holds: bool, reason: &str, message: String) -> (bool, String, String) {
    (holds, reason.to_owned(), message)
}

fn set_condition(
    status: &mut PodDisruptionBudgetStatus,
    (holds, reason, message): (bool, String, String),
    generation: i64,
    now: Timestamp,
) {
    let all = status.conditions.get_or_insert_default();
    let word = conditions::word(holds);
    let at = all.iter().position(|condition| condition.type_ == ALLOWED);
    let before = at.map(|at| all.remove(at));
    let since = before.filter(|before| before.status == word);
    all.push(Condition {
        type_: ALLOWED.to_owned(),
        status: word.to_owned(),
        reason,
        message,
        observed_generation: Some(generation),
        last_transition_time: since
            .map_or_else(|| conditions::time(now), |since| since.last_transition_time),
    });
}

#[cfg(test)]
mod tests;

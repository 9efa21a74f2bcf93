//! What a round knows of a StatefulSet and its pods, and what it has decided so far.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet},
    core::v1::PodTemplateSpec,
};

use super::CONTROLLER;
use crate::{
    Action, Entry, Failure, Round, Severity, World, owners,
    pods::{self, PODS, is_running},
    revisions::{HASH_LABEL, History},
};

pub(super) struct Set<'w> {
    pub(super) world: &'w World,
    pub(super) now: Timestamp,
    pub(super) steady: Timestamp,
    pub(super) entry: &'w Arc<Entry>,
    pub(super) object: StatefulSet,
    pub(super) history: History<'w>,
    /// The revision that pods had before the update that is under way.
    pub(super) current: String,
    /// By number; several can not have the same.
    pub(super) pods: BTreeMap<i32, &'w Arc<Entry>>,
    pub(super) min_ready: Duration,
    pub(super) actions: Vec<Action>,
}

impl<'w> Set<'w> {
    pub(super) fn of(round: &Round<'w>) -> Option<Self> {
        let entry = round.world.entry(round.key)?;
        let object: StatefulSet = entry.read()?;
        let selector = entry.selector()?;
        let name = &*entry.key.name;
        let is_member = |pod: &Entry| is_running(pod) && ordinal_of(name, &pod.key.name).is_some();
        let claim = owners::claim(round.world, entry, PODS, selector, is_member);
        let mut actions = claim.actions;
        let status = object.status.clone().unwrap_or_default();
        let template = &object.spec.template;
        let history = History::of(round.world, entry, selector, template, status.collision_count);
        actions.extend(history.actions.iter().cloned());
        let current = status
            .current_revision
            .filter(|name| history.find(name).is_some())
            .unwrap_or_else(|| history.name.clone());
        let numbered = |pod: &'w Arc<Entry>| Some((ordinal_of(name, &pod.key.name)?, pod));
        Some(Self {
            world: round.world,
            now: round.now,
            steady: round.steady,
            entry,
            min_ready: pods::min_ready(object.spec.min_ready_seconds),
            pods: claim.owned.into_iter().filter_map(numbered).collect(),
            object,
            history,
            current,
            actions,
        })
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.object.spec.pod_management_policy.as_deref() != Some("Parallel")
    }

    pub(super) fn rolling(&self) -> Option<&RollingUpdateStatefulSetStrategy> {
        self.object.spec.update_strategy.as_ref()?.rolling_update.as_ref()
    }

    pub(super) fn is_rolling(&self) -> bool {
        let strategy = self.object.spec.update_strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete")
    }

    /// The numbers that pods should have.
    pub(super) fn ordinals(&self) -> Range<i32> {
        let spec = &self.object.spec;
        let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0).max(0);
        start..start.saturating_add(spec.replicas.unwrap_or(1).max(0))
    }

    /// The first number that an update concerns.
    pub(super) fn partition(&self) -> i32 {
        let partition = self.rolling().and_then(|rolling| rolling.partition).unwrap_or(0);
        self.ordinals().start.saturating_add(partition.max(0))
    }

    /// Pods with numbers that are not asked for, the lowest first.
    pub(super) fn condemned(&self) -> impl Iterator<Item = (i32, &'w Arc<Entry>)> {
        let wanted = self.ordinals();
        self.pods
            .iter()
            .filter(move |(ordinal, _)| !wanted.contains(ordinal))
            .map(|(ordinal, pod)| (*ordinal, *pod))
    }

    pub(super) fn is_available(&self, pod: &Entry) -> bool {
        is_healthy(pod)
            && pod.pod().is_some_and(|summary| summary.is_available(self.min_ready, self.now))
    }

    /// Which revision a new pod with this number has.
    pub(super) fn revision_of(&self, ordinal: i32) -> (&str, &PodTemplateSpec) {
        let newest = (self.history.name.as_str(), &self.object.spec.template);
        if !self.is_rolling() || ordinal >= self.partition() {
            return newest;
        }
        let current = self.history.find(&self.current);
        current.map_or(newest, |revision| (self.current.as_str(), &revision.template))
    }

    pub(super) fn delete(&mut self, pod: &Entry, why: Option<&'static str>) {
        self.actions.push(pods::delete(pod));
        let name = &pod.key.name;
        let set = &self.entry.key.name;
        let action = match why {
            Some(reason) => {
                let message = format!("StatefulSet {set} is recreating failed Pod {name}");
                self.event(Severity::Warning, reason, message)
            }
            None => {
                let message = format!("delete Pod {name} in StatefulSet {set} successful");
                self.event(Severity::Normal, "SuccessfulDelete", message)
            }
        };
        self.actions.push(action);
    }

    pub(super) fn event(
        &self,
        severity: Severity,
        reason: &'static str,
        message: String,
    ) -> Action {
        pods::record(self.entry, CONTROLLER.name, severity, reason, message)
    }

    pub(super) fn tell_refusals(&mut self, failures: &[Failure]) {
        if let Some(failure) = failures.first() {
            let set = &self.entry.key.name;
            let message =
                format!("{} in StatefulSet {set} failed error: {}", failure.action, failure.error);
            let reason =
                if failure.action.starts_with("delete") { "FailedDelete" } else { "FailedCreate" };
            let event = self.event(Severity::Warning, reason, message);
            self.actions.push(event);
        }
    }

    /// Drops old revisions that no pod has.
    pub(super) fn clean_up(&mut self) {
        let used: Vec<&str> = self.pods.values().filter_map(|pod| revision(pod)).collect();
        let limit = self.object.spec.revision_history_limit;
        let surplus = self.history.clean_up(limit, |revision| {
            revision.name() == self.current || used.contains(&revision.name())
        });
        self.actions.extend(surplus);
    }
}

/// Running, ready and not about to go.
pub(super) fn is_healthy(pod: &Entry) -> bool {
    let is_ready = pod
        .pod()
        .is_some_and(|summary| summary.phase == crate::world::Phase::Running && summary.is_ready());
    is_ready && !pod.meta.is_deleting()
}

/// The name of the revision that a pod was made from.
pub(super) fn revision(pod: &Entry) -> Option<&str> {
    pod.meta.labels.get(HASH_LABEL).map(String::as_str)
}

/// The number in `web-0`.
fn ordinal_of(set: &str, pod: &str) -> Option<i32> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    let ordinal: i32 = digits.parse().ok()?;
    (ordinal >= 0 && ordinal.to_string() == digits).then_some(ordinal)
}

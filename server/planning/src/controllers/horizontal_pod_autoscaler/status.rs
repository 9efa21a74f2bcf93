//! A HorizontalPodAutoscaler's status.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus,
    MetricStatus,
};

use super::CONTROLLER;
use crate::{Action, Entry, Severity, conditions, pods};

pub(super) struct Status<'e> {
    entry: &'e Arc<Entry>,
    old: HorizontalPodAutoscalerStatus,
    new: HorizontalPodAutoscalerStatus,
    now: Timestamp,
}

impl<'e> Status<'e> {
    pub(super) fn of(
        entry: &'e Arc<Entry>,
        scaler: &HorizontalPodAutoscaler,
        now: Timestamp,
    ) -> Self {
        let old = scaler.status.clone().unwrap_or_default();
        let mut new = old.clone();
        new.observed_generation = Some(entry.meta.generation);
        Self { entry, old, new, now }
    }

    pub(super) fn condition(
        &mut self,
        type_: &str,
        holds: bool,
        reason: &'static str,
        message: String,
    ) {
        let status = conditions::word(holds);
        let all = self.new.conditions.get_or_insert_default();
        let at = all.iter().position(|condition| condition.type_ == type_);
        let before = at.map(|at| &all[at]).filter(|before| before.status == status);
        let since = before.and_then(|before| before.last_transition_time.clone());
        let condition = HorizontalPodAutoscalerCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            observed_generation: None,
            last_transition_time: since.or_else(|| Some(conditions::time(self.now))),
        };
        match at {
            Some(at) => all[at] = condition,
            None => all.push(condition),
        }
    }

    pub(super) fn note_sizes(&mut self, current: i32, desired: i32) {
        self.new.current_replicas = Some(current);
        self.new.desired_replicas = desired;
    }

    pub(super) fn note_metrics(&mut self, metrics: Vec<MetricStatus>) {
        self.new.current_metrics = Some(metrics).filter(|metrics| !metrics.is_empty());
    }

    pub(super) fn note_rescale(&mut self) {
        self.new.last_scale_time = Some(conditions::time(self.now));
    }

    pub(super) fn event(
        &self,
        severity: Severity,
        reason: &'static str,
        message: String,
    ) -> Action {
        pods::record(self.entry, CONTROLLER.name, severity, reason, message)
    }

    /// The write of the status, if it changed.
    pub(super) fn action(&self) -> Option<Action> {
        if self.new == self.old {
            return None;
        }
        pods::set_status(self.entry, &self.new)
    }
}

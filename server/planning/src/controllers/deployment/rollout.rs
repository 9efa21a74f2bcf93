//! What a round knows of a Deployment and its ReplicaSets, and what it has decided so far.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::PodTemplateSpec,
};
use serde_json::json;

use super::{CONTROLLER, REPLICA_SETS, history, limits::Limits, progress::Note};
use crate::{Action, Entry, Event, Failure, Round, Severity, World, owners};

pub(super) const HASH_LABEL: &str = "pod-template-hash";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// One ReplicaSet of the Deployment.
pub(super) struct Set<'w> {
    pub(super) entry: &'w Arc<Entry>,
    pub(super) object: ReplicaSet,
    /// Its size, as this round leaves it.
    pub(super) replicas: i32,
}

impl Set<'_> {
    /// Pods that can be counted on: what the set reports, but no more than it will keep.
    pub(super) fn available(&self) -> i32 {
        let status = self.object.status.as_ref();
        status.and_then(|status| status.available_replicas).unwrap_or(0).min(self.replicas)
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.entry.meta.annotations.get(name).map(String::as_str)
    }
}

pub(super) struct Rollout<'w> {
    pub(super) world: &'w World,
    pub(super) now: Timestamp,
    pub(super) failures: &'w [Failure],
    pub(super) entry: &'w Arc<Entry>,
    pub(super) object: Deployment,
    pub(super) desired: i32,
    pub(super) limits: Limits,
    /// Oldest first.
    pub(super) sets: Vec<Set<'w>>,
    /// The set that has the Deployment's template.
    pub(super) new: Option<usize>,
    pub(super) actions: Vec<Action>,
    pub(super) records: Vec<Action>,
    /// What this round has to say of its progress.
    pub(super) note: Option<Note>,
    pub(super) collision_count: Option<i32>,
}

impl<'w> Rollout<'w> {
    pub(super) fn of(round: &Round<'w>) -> Option<Self> {
        let entry = round.world.entry(round.key)?;
        let object = entry.decode::<kinds::deployment::Deployment>()?;
        let claim = owners::claim(round.world, entry, REPLICA_SETS, entry.selector()?, |_| true);
        let mut sets: Vec<Set<'w>> = claim
            .owned
            .into_iter()
            .filter_map(|entry| {
                let object = entry.decode::<kinds::replica_set::ReplicaSet>()?;
                let replicas = object.spec.replicas.unwrap_or(1);
                Some(Set { entry, object, replicas })
            })
            .collect();
        let age = |set: &Set<'_>| (set.entry.meta.creation_timestamp, set.entry.key.clone());
        sets.sort_by_key(age);
        let new = sets.iter().position(|set| has_template(set, &object.spec.template));
        let desired = object.spec.replicas.unwrap_or(1).max(0);
        Some(Self {
            world: round.world,
            now: round.now,
            failures: round.failures,
            entry,
            limits: Limits::of(&object.spec, desired),
            desired,
            collision_count: object.status.as_ref().and_then(|status| status.collision_count),
            object,
            sets,
            new,
            actions: claim.actions,
            records: Vec::new(),
            note: None,
        })
    }

    pub(super) fn is_paused(&self) -> bool {
        self.object.spec.paused == Some(true)
    }

    pub(super) fn recreates(&self) -> bool {
        let strategy = self.object.spec.strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
    }

    /// The sets with other templates.
    pub(super) fn old(&self) -> impl Iterator<Item = usize> + use<> {
        let new = self.new;
        (0..self.sets.len()).filter(move |at| Some(*at) != new)
    }

    pub(super) fn old_active(&self) -> impl Iterator<Item = usize> {
        self.old().filter(|at| self.sets[*at].replicas > 0)
    }

    /// All pods that the sets are told to keep.
    pub(super) fn total(&self) -> i32 {
        self.sets.iter().map(|set| set.replicas).sum()
    }

    pub(super) fn total_max(&self) -> i32 {
        self.desired + self.limits.surge
    }

    /// Sets a ReplicaSet's size, and on it the Deployment's, by which a later round sees that the
    /// Deployment was scaled.
    pub(super) fn scale(&mut self, at: usize, size: i32) {
        let (desired, maximum) = (self.desired.to_string(), self.total_max().to_string());
        let set = &mut self.sets[at];
        let is_noted =
            set.annotation(DESIRED) == Some(&desired) && set.annotation(MAXIMUM) == Some(&maximum);
        if set.replicas == size && is_noted {
            return;
        }
        self.actions.push(Action::Patch {
            key: set.entry.key.clone(),
            subresource: "",
            patch: json!({
                "metadata": {
                    "uid": set.entry.meta.uid,
                    "resourceVersion": set.entry.revision.to_string(),
                    "annotations": {DESIRED: desired, MAXIMUM: maximum},
                },
                "spec": {"replicas": size},
            }),
        });
        let before = std::mem::replace(&mut set.replicas, size);
        if before == size {
            return;
        }
        let direction = if size > before { "up" } else { "down" };
        let name = set.entry.key.name.clone();
        self.record(format!("Scaled {direction} replica set {name} from {before} to {size}"));
    }

    pub(super) fn record(&mut self, message: String) {
        self.records.push(Action::Record(Event {
            regarding: self.entry.key.clone(),
            regarding_uid: self.entry.meta.uid.clone(),
            severity: Severity::Normal,
            reason: "ScalingReplicaSet",
            message,
            source: CONTROLLER.name,
        }));
    }

    /// The highest revision among the old sets.
    pub(super) fn revision_max(&self) -> i64 {
        self.old().map(|at| history::revision(&self.sets[at])).max().unwrap_or(0)
    }
}

/// Whether a set was made from this template; only the label that tells sets apart differs.
fn has_template(set: &Set<'_>, template: &PodTemplateSpec) -> bool {
    let Some(own) = &set.object.spec.template else { return false };
    if own.spec != template.spec {
        return false;
    }
    let without_hash = |template: &PodTemplateSpec| {
        let mut metadata = template.metadata.clone().unwrap_or_default();
        if let Some(labels) = &mut metadata.labels {
            labels.remove(HASH_LABEL);
        }
        metadata.labels = metadata.labels.filter(|labels| !labels.is_empty());
        metadata
    };
    without_hash(own) == without_hash(template)
}

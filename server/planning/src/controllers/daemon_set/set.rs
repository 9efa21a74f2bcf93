//! What a round knows of a DaemonSet, its nodes and its pods, and what it has decided so far.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{Pod, PodSpec},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{CONTROLLER, NODES, node};
use crate::{
    Action, Entry, Failure, Round, Severity, World, owners,
    pods::{self, PODS, is_running},
    portion,
    revisions::{HASH_LABEL, History},
};

/// One node with the pods that are, or are to be, on it: the oldest first.
pub(super) struct OnNode<'w> {
    pub(super) name: String,
    pub(super) should_run: bool,
    pub(super) should_continue: bool,
    pub(super) pods: Vec<&'w Arc<Entry>>,
}

impl<'w> OnNode<'w> {
    pub(super) fn running(&self) -> impl Iterator<Item = &'w Arc<Entry>> {
        self.pods.iter().copied().filter(|pod| is_running(pod))
    }

    /// Not yet told to go.
    pub(super) fn staying(&self) -> impl Iterator<Item = &'w Arc<Entry>> {
        self.pods.iter().copied().filter(|pod| !pod.meta.is_deleting())
    }

    pub(super) fn finished(&self) -> impl Iterator<Item = &'w Arc<Entry>> {
        self.staying().filter(|pod| !is_running(pod))
    }
}

pub(super) struct Set<'w> {
    pub(super) world: &'w World,
    pub(super) now: Timestamp,
    pub(super) steady: Timestamp,
    pub(super) entry: &'w Arc<Entry>,
    pub(super) object: DaemonSet,
    pub(super) history: History<'w>,
    pub(super) nodes: Vec<OnNode<'w>>,
    /// Pods whose node is gone.
    pub(super) lost: Vec<&'w Arc<Entry>>,
    pub(super) min_ready: Duration,
    pub(super) surge_max: i32,
    pub(super) unavailable_max: i32,
    pub(super) actions: Vec<Action>,
}

impl<'w> Set<'w> {
    pub(super) fn of(round: &Round<'w>) -> Option<Self> {
        let entry = round.world.entry(round.key)?;
        let object: DaemonSet = entry.read()?;
        let selector = entry.selector()?;
        let claim = owners::claim(round.world, entry, PODS, selector, is_running);
        let mut actions = claim.actions;
        let collisions = object.status.as_ref().and_then(|status| status.collision_count);
        let template = &object.spec.template;
        let history = History::of(round.world, entry, selector, template, collisions);
        actions.extend(history.actions.iter().cloned());
        let mut by_node: BTreeMap<String, Vec<&'w Arc<Entry>>> = BTreeMap::new();
        for pod in claim.owned {
            by_node.entry(node_of(pod)).or_default().push(pod);
        }
        let mut spec = object.spec.template.spec.clone().unwrap_or_default();
        node::add_tolerations(&mut spec);
        let nodes: Vec<OnNode<'w>> = round
            .world
            .of_kind(NODES)
            .filter(|node| !node.meta.is_deleting())
            .map(|node| on_node(node, &spec, &mut by_node))
            .collect();
        let desired = pods::count(nodes.iter().filter(|on| on.should_run));
        let (surge_max, unavailable_max) = limits(&object, desired);
        let lost = by_node.into_values().flatten().filter(|pod| !pod.meta.is_deleting());
        Some(Self {
            world: round.world,
            now: round.now,
            steady: round.steady,
            entry,
            min_ready: pods::min_ready(object.spec.min_ready_seconds),
            object,
            history,
            lost: lost.collect(),
            nodes,
            surge_max,
            unavailable_max,
            actions,
        })
    }

    pub(super) fn is_new(&self, pod: &Entry) -> bool {
        pod.meta.labels.get(HASH_LABEL) == Some(&self.history.hash)
    }

    pub(super) fn is_available(&self, pod: &Entry) -> bool {
        is_running(pod)
            && pod.pod().is_some_and(|summary| summary.is_available(self.min_ready, self.now))
    }

    pub(super) fn delete(&mut self, pod: &Entry) {
        self.actions.push(pods::delete(pod));
        let message = format!("Deleted pod: {}", pod.key.name);
        let event = pods::record(
            self.entry,
            CONTROLLER.name,
            Severity::Normal,
            "SuccessfulDelete",
            message,
        );
        self.actions.push(event);
    }

    pub(super) fn tell_refusals(&mut self, failures: &[Failure]) {
        if let Some(failure) = pods::refusal(failures, "create pods") {
            let message = format!("Error creating: {}", failure.error);
            let source = CONTROLLER.name;
            let event =
                pods::record(self.entry, source, Severity::Warning, "FailedCreate", message);
            self.actions.push(event);
        }
    }

    /// Drops old revisions that no pod has.
    pub(super) fn clean_up(&mut self) {
        let pods = self.nodes.iter().flat_map(|on| &on.pods).chain(&self.lost);
        let used: Vec<&str> =
            pods.filter_map(|pod| pod.meta.labels.get(HASH_LABEL).map(String::as_str)).collect();
        let limit = self.object.spec.revision_history_limit;
        let surplus = self.history.clean_up(limit, |revision| used.contains(&revision.hash()));
        self.actions.extend(surplus);
    }
}

fn on_node<'w>(
    node: &'w Arc<Entry>,
    spec: &PodSpec,
    by_node: &mut BTreeMap<String, Vec<&'w Arc<Entry>>>,
) -> OnNode<'w> {
    let mut pods = by_node.remove(&*node.key.name).unwrap_or_default();
    pods.sort_by_key(|pod| (pod.meta.creation_timestamp, pod.key.clone()));
    let (should_run, should_continue) = node::verdict(spec, node);
    OnNode { name: node.key.name.to_string(), should_run, should_continue, pods }
}

/// The node that a pod is on, or was made for.
fn node_of(pod: &Entry) -> String {
    let node = pod.pod().map_or("", |pod| &*pod.node);
    if !node.is_empty() {
        return node.to_owned();
    }
    let asked = || {
        let spec = pod.read::<Pod>()?.spec?;
        let affinity = spec.affinity?.node_affinity?;
        let required = affinity.required_during_scheduling_ignored_during_execution?;
        let fields = required.node_selector_terms.into_iter().flat_map(|term| term.match_fields);
        fields.flatten().find_map(|field| field.values?.into_iter().next())
    };
    asked().unwrap_or_default()
}

/// Surge and unavailability that an update may cause; both round up.
fn limits(object: &DaemonSet, desired: i32) -> (i32, i32) {
    let strategy = object.spec.update_strategy.as_ref();
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let surge = surge.map_or(0, |surge| portion::up(surge, desired));
    let unavailable = portion::up(unavailable.unwrap_or(&IntOrString::Int(1)), desired);
    (surge, if surge == 0 { unavailable.max(1) } else { unavailable })
}

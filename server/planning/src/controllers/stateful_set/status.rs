//! A StatefulSet's status, and the end of its round.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSetStatus;

use super::set::{Set, is_healthy, revision};
use crate::{
    Entry, Plan,
    backoff::Backoff,
    pods::{self, count, some},
};

pub(super) fn finish(mut set: Set<'_>, backoff: Backoff) -> Plan {
    set.actions = pods::sort_events(set.actions);
    let status = status(&set);
    let old = set.object.status.clone();
    let is_known = !set.history.name.is_empty();
    if is_known && old.as_ref() != Some(&status) {
        set.actions.extend(pods::set_status(set.entry, &status));
    }
    let waits = set
        .pods
        .values()
        .filter_map(|pod| pod.pod()?.available_in(set.min_ready, set.now))
        .filter(|wait| !wait.is_zero());
    let requeue_after = waits.chain(backoff.wait()).min();
    Plan { actions: set.actions, requeue_after, memory: backoff.into_memory() }
}

fn status(set: &Set<'_>) -> StatefulSetStatus {
    let old = set.object.status.clone().unwrap_or_default();
    let pods = || set.pods.values();
    let of = |name: &str| {
        let has = |pod: &&&Arc<Entry>| !pod.meta.is_deleting() && revision(pod) == Some(name);
        count(pods().filter(has))
    };
    let mut status = StatefulSetStatus {
        observed_generation: Some(set.entry.meta.generation),
        replicas: count(pods()),
        ready_replicas: some(count(pods().filter(|pod| is_healthy(pod)))),
        available_replicas: Some(count(pods().filter(|pod| set.is_available(pod)))),
        current_replicas: some(of(&set.current)),
        updated_replicas: some(of(&set.history.name)),
        current_revision: Some(set.current.clone()),
        update_revision: Some(set.history.name.clone()),
        collision_count: Some(set.history.collision_count.unwrap_or(0)),
        conditions: old.conditions,
    };
    let is_complete = set.is_rolling()
        && status.updated_replicas.unwrap_or(0) == status.replicas
        && status.ready_replicas.unwrap_or(0) == status.replicas;
    if is_complete {
        status.current_revision.clone_from(&status.update_revision);
        status.current_replicas = status.updated_replicas;
    }
    status
}

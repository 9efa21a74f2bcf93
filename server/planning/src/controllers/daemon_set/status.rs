//! A DaemonSet's status.

use k8s_openapi::api::apps::v1::DaemonSetStatus;

use super::set::{OnNode, Set};
use crate::{
    Action,
    pods::{self, count, some},
};

/// The write of the status, if it changed.
pub(super) fn action(set: &Set<'_>) -> Option<Action> {
    let old = set.object.status.clone();
    let wanted = || set.nodes.iter().filter(|on| on.should_run);
    let of = |is: &dyn Fn(&OnNode<'_>) -> bool| count(wanted().filter(|on| is(on)));
    let desired = count(wanted());
    let available = of(&|on| on.running().any(|pod| set.is_available(pod)));
    let is_misplaced = |on: &&OnNode<'_>| !on.should_run && on.running().next().is_some();
    let status = DaemonSetStatus {
        desired_number_scheduled: desired,
        current_number_scheduled: of(&|on| on.running().next().is_some()),
        number_misscheduled: count(set.nodes.iter().filter(is_misplaced)),
        number_ready: of(&|on| {
            on.running().any(|pod| pod.pod().is_some_and(crate::world::PodSummary::is_ready))
        }),
        updated_number_scheduled: some(of(&|on| on.running().any(|pod| set.is_new(pod)))),
        number_available: some(available),
        number_unavailable: some(desired - available),
        observed_generation: Some(set.entry.meta.generation),
        collision_count: set.history.collision_count,
        conditions: old.as_ref().and_then(|old| old.conditions.clone()),
    };
    if old.as_ref() == Some(&status) || set.history.name.is_empty() {
        return None;
    }
    pods::set_status(set.entry, &status)
}

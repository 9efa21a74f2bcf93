//! A node that has just come takes no pods until it has said that it is ready.

use kinds::{AnyObject, cast_mut, node::Node};
use object::ApiError;

use super::Request;
use crate::{World, taints};

pub(super) fn add(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    if !request.is_create() {
        return Ok(());
    }
    let Some(node) = cast_mut::<Node>(object) else { return Ok(()) };
    let all = node.spec.get_or_insert_default().taints.get_or_insert_default();
    let ours = taints::taint(taints::NOT_READY, taints::NO_SCHEDULE);
    if !all.iter().any(|taint| taint.key == ours.key && taint.effect == ours.effect) {
        all.push(ours);
    }
    Ok(())
}

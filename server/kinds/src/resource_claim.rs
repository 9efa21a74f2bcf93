//! ResourceClaim.

use jiff::Timestamp;
use k8s_openapi::api::resource::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check, devices},
};

pub struct ResourceClaim;

impl Kind for ResourceClaim {
    type Object = v1::ResourceClaim;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::ResourceClaim, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("State", state)
            .described("A summary of the current state (allocated, pending, reserved, etc.)."),
        cells::age(),
    ];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(claim: &mut v1::ResourceClaim) {
        devices::set_defaults(claim.spec.get_or_insert_default());
    }

    fn prepare_create(claim: &mut v1::ResourceClaim) {
        claim.status = Some(v1::ResourceClaimStatus::default());
    }

    fn validate(claim: &v1::ResourceClaim, errors: &mut FieldErrors) {
        if let Some(spec) = &claim.spec {
            devices::validate_claim(spec, "spec", errors);
        }
    }

    fn validate_update(new: &v1::ResourceClaim, old: &v1::ResourceClaim, errors: &mut FieldErrors) {
        check::immutable(&new.spec, &old.spec, "spec", errors);
    }
}

fn state(claim: &v1::ResourceClaim, _: Timestamp) -> Value {
    let mut states = Vec::new();
    if claim.metadata.deletion_timestamp.is_some() {
        states.push("deleted");
    }
    let status = claim.status.as_ref();
    match status.is_some_and(|status| status.allocation.is_some()) {
        true => states.push("allocated"),
        false if claim.metadata.deletion_timestamp.is_none() => states.push("pending"),
        false => {}
    }
    let users = status.and_then(|status| status.reserved_for.as_ref());
    if users.is_some_and(|users| !users.is_empty()) {
        states.push("reserved");
    }
    states.join(",").into()
}

//! Lease.

use k8s_openapi::api::coordination::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

pub struct Lease;

impl Kind for Lease {
    type Object = v1::Lease;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Holder", |lease: &v1::Lease, _| {
            let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
            holder.unwrap_or_default().into()
        }),
        cells::age(),
    ];

    fn validate(lease: &v1::Lease, errors: &mut FieldErrors) {
        let Some(spec) = &lease.spec else { return };
        if let Some(seconds) = spec.lease_duration_seconds.filter(|seconds| *seconds <= 0) {
            errors.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
        }
        check::nonnegative(spec.lease_transitions, "spec.leaseTransitions", errors);
    }
}

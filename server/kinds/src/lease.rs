//! Lease.

use k8s_openapi::api::coordination::v1;

use crate::{Column, Kind, column, parts::cells};

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
}

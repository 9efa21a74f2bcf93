//! ServiceCIDR: a range that services' IPs are taken from.

use k8s_openapi::api::networking::v1;

use crate::{Column, Kind, Subresource, column, parts::cells};

pub struct ServiceCIDR;

impl Kind for ServiceCIDR {
    type Object = v1::ServiceCIDR;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::ServiceCIDR, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("CIDRs", |range: &v1::ServiceCIDR, _| {
            let cidrs = range.spec.as_ref().and_then(|spec| spec.cidrs.clone());
            cidrs.unwrap_or_default().join(",").into()
        }),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(range: &mut v1::ServiceCIDR) {
        range.status = None;
    }
}

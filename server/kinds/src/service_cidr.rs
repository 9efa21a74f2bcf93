//! ServiceCIDR: a range that services' IPs are taken from.

use k8s_openapi::api::networking::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{
        cells, check,
        network::{CIDR, Cidr},
    },
};

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

    fn validate(range: &v1::ServiceCIDR, errors: &mut FieldErrors) {
        let cidrs = range.spec.as_ref().and_then(|spec| spec.cidrs.as_deref()).unwrap_or_default();
        if cidrs.is_empty() {
            errors.required("spec.cidrs", "at least one CIDR required");
        }
        for (index, cidr) in cidrs.iter().enumerate() {
            if Cidr::parse(cidr).is_none() {
                errors.invalid(format!("spec.cidrs[{index}]"), cidr.as_str(), CIDR);
            }
        }
    }

    fn validate_update(new: &v1::ServiceCIDR, old: &v1::ServiceCIDR, errors: &mut FieldErrors) {
        if new.spec != old.spec {
            errors.invalid("spec.cidrs", check::shown(&new.spec), check::IMMUTABLE);
        }
    }
}

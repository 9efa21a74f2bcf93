//! ServiceCIDR: a range that services' IPs are taken from.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check},
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
            if !is_cidr(cidr) {
                errors.invalid(
                    format!("spec.cidrs[{index}]"),
                    cidr.as_str(),
                    "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                );
            }
        }
    }

    fn validate_update(new: &v1::ServiceCIDR, old: &v1::ServiceCIDR, errors: &mut FieldErrors) {
        if new.spec != old.spec {
            errors.invalid("spec.cidrs", check::shown(&new.spec), check::IMMUTABLE);
        }
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let bits = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    prefix.parse::<u8>().is_ok_and(|prefix| prefix <= bits)
}

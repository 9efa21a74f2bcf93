//! ResourceQuota.

use jiff::Timestamp;
use k8s_openapi::{api::core::v1, apimachinery::pkg::api::resource::Quantity};
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check, quota},
};

pub struct ResourceQuota;

impl Kind for ResourceQuota {
    type Object = v1::ResourceQuota;
    const SHORT_NAMES: &'static [&'static str] = &["quota"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::ResourceQuota, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Request", |quota, now| used(quota, now, false))
            .described("Request represents a minimum amount of cpu/memory that a container may consume."),
        column("Limit", |quota, now| used(quota, now, true))
            .described("Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."),
        cells::age(),
    ];
    const RETURNS_DELETED: bool = true;

    fn set_defaults(quota: &mut v1::ResourceQuota) {
        let spec = quota.spec.as_mut().and_then(|spec| spec.hard.as_mut());
        let status = quota.status.as_mut();
        let [hard, used] = status.map_or([None, None], |s| [s.hard.as_mut(), s.used.as_mut()]);
        for list in [spec, hard, used].into_iter().flatten() {
            check::canonicalize(list);
        }
    }

    fn prepare_create(quota: &mut v1::ResourceQuota) {
        quota.status = Some(v1::ResourceQuotaStatus::default());
    }

    fn validate(quota: &v1::ResourceQuota, errors: &mut FieldErrors) {
        if let Some(spec) = &quota.spec {
            quota::validate(spec, errors);
        }
        if let Some(status) = &quota.status {
            quota::validate_list(status.hard.as_ref(), "status.hard", errors);
            quota::validate_list(status.used.as_ref(), "status.used", errors);
        }
    }

    fn validate_update(new: &v1::ResourceQuota, old: &v1::ResourceQuota, errors: &mut FieldErrors) {
        let scopes = |quota: &v1::ResourceQuota| {
            let mut scopes =
                quota.spec.as_ref().and_then(|spec| spec.scopes.clone()).unwrap_or_default();
            scopes.sort();
            scopes
        };
        if scopes(new) != scopes(old) {
            errors.invalid("spec.scopes", check::shown(&scopes(new)), check::IMMUTABLE);
        }
    }
}

/// `cpu: 1/2, memory: 1Gi/4Gi`: of limits, or of all but limits.
fn used(quota: &v1::ResourceQuota, _: Timestamp, of_limits: bool) -> Value {
    let status = quota.status.as_ref();
    let hard = status.and_then(|status| status.hard.as_ref());
    let used = status.and_then(|status| status.used.as_ref());
    let zero = Quantity("0".to_owned());
    let of = |name: &String| used.and_then(|used| used.get(name)).unwrap_or(&zero).0.clone();
    let lines: Vec<String> = hard
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("limits.") == of_limits)
        .map(|(name, hard)| format!("{name}: {}/{}", of(name), hard.0))
        .collect();
    lines.join(", ").into()
}

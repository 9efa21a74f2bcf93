//! The items of a LimitRange.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{api::core::v1::LimitRangeItem, apimachinery::pkg::api::resource};
use object::{FieldErrors, name, quantity::Quantity};

use super::{
    check::{self, Once},
    quota,
};

const TYPES: [&str; 3] = ["Container", "PersistentVolumeClaim", "Pod"];
type List = BTreeMap<String, resource::Quantity>;

/// A container that asks for nothing gets the most, or the least, that it may have.
pub(crate) fn set_defaults(item: &mut LimitRangeItem) {
    let max = item.max.clone().unwrap_or_default();
    let min = item.min.clone().unwrap_or_default();
    if item.type_ == "Container" {
        let limits = item.default.get_or_insert_default();
        fill(limits, &max);
        let requests = item.default_request.get_or_insert_default();
        fill(requests, limits);
        fill(requests, &min);
    }
    let lists = [
        &mut item.max,
        &mut item.min,
        &mut item.default,
        &mut item.default_request,
        &mut item.max_limit_request_ratio,
    ];
    lists.into_iter().flatten().for_each(check::canonicalize);
}

fn fill(list: &mut List, from: &List) {
    for (name, quantity) in from {
        list.entry(name.clone()).or_insert_with(|| quantity.clone());
    }
}

pub(crate) fn validate(items: &[LimitRangeItem], errors: &mut FieldErrors) {
    let mut types = Once::default();
    for (index, item) in items.iter().enumerate() {
        let path = format!("spec.limits[{index}]");
        validate_type(&item.type_, &format!("{path}.type"), errors);
        types.check(&item.type_, &format!("{path}.type"), errors);
        validate_names(item, &path, errors);
        for name in names(item) {
            validate_order(item, name, &path, errors);
        }
    }
}

fn validate_type(type_: &str, path: &str, errors: &mut FieldErrors) {
    if let Err(why) = name::qualified(type_) {
        errors.invalid(path, type_, why);
    } else if !type_.contains('/') && !TYPES.contains(&type_) {
        errors.invalid(path, type_, "must be a standard limit type or fully qualified");
    }
}

fn lists(item: &LimitRangeItem) -> [(&'static str, Option<&List>); 5] {
    [
        ("max", item.max.as_ref()),
        ("min", item.min.as_ref()),
        ("default", item.default.as_ref()),
        ("defaultRequest", item.default_request.as_ref()),
        ("maxLimitRequestRatio", item.max_limit_request_ratio.as_ref()),
    ]
}

fn names(item: &LimitRangeItem) -> BTreeSet<&str> {
    lists(item).into_iter().filter_map(|(_, list)| list).flatten().map(|(n, _)| &**n).collect()
}

fn validate_names(item: &LimitRangeItem, path: &str, errors: &mut FieldErrors) {
    let of_containers = matches!(item.type_.as_str(), "Container" | "Pod");
    for (field, list) in lists(item) {
        let at = format!("{path}.{field}");
        let Some(list) = list.filter(|list| !list.is_empty()) else { continue };
        if item.type_ == "Pod" && field.starts_with("default") {
            errors.forbidden(at, "may not be specified when `type` is 'Pod'");
            continue;
        }
        for (name, quantity) in list {
            let at = format!("{at}[{name}]");
            quota::validate_resource(name, &at, errors);
            if of_containers && quota::is_not_of_containers(name) {
                errors.invalid(&*at, name.as_str(), "must be a standard resource for containers");
            }
            check::quantity(quantity, &at, errors);
        }
    }
    let has = |list: Option<&List>| list.is_some_and(|list| list.contains_key("storage"));
    if item.type_ == "PersistentVolumeClaim" && !has(item.min.as_ref()) && !has(item.max.as_ref()) {
        errors.required(
            format!("{path}.limits"),
            "either minimum or maximum storage value is required, but neither was provided",
        );
    }
}

/// min <= default request <= default <= max, of one resource.
fn validate_order(item: &LimitRangeItem, name: &str, path: &str, errors: &mut FieldErrors) {
    let read =
        |list: &Option<List>| -> Option<Quantity> { list.as_ref()?.get(name)?.0.parse().ok() };
    let (min, max) = (read(&item.min), read(&item.max));
    let (limit, request) = (read(&item.default), read(&item.default_request));
    let at = |field: &str| format!("{path}.{field}[{name}]");
    for (small, large, field, shown, what) in [
        (min, max, "min", min, ["min value", "max value"]),
        (min, request, "defaultRequest", request, ["min value", "default request value"]),
        (request, max, "defaultRequest", request, ["default request value", "max value"]),
        (
            request,
            limit,
            "defaultRequest",
            request,
            ["default request value", "default limit value"],
        ),
        (min, limit, "default", min, ["min value", "default value"]),
        (limit, max, "default", max, ["default value", "max value"]),
    ] {
        let (Some(small), Some(large), Some(shown)) = (small, large, shown) else { continue };
        if small > large {
            let why = format!("{} {small} is greater than {} {large}", what[0], what[1]);
            errors.invalid(at(field), shown.to_string(), why);
        }
    }
    validate_ratio(
        read(&item.max_limit_request_ratio),
        min,
        max,
        &at("maxLimitRequestRatio"),
        errors,
    );
    if let (Some(limit), Some(request)) = (limit, request)
        && !quota::may_overcommit(name)
        && limit != request
    {
        let why =
            format!("default value {limit} must equal to defaultRequest value {request} in {name}");
        errors.invalid(at("defaultRequest"), request.to_string(), why);
    }
}

fn validate_ratio(
    ratio: Option<Quantity>,
    min: Option<Quantity>,
    max: Option<Quantity>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let Some(ratio) = ratio else { return };
    if ratio < Quantity::new(1) {
        errors.invalid(path, ratio.to_string(), format!("ratio {ratio} is less than 1"));
    }
    if let (Some(min), Some(max)) = (min, max) {
        let most = max.as_f64() / min.as_f64();
        if ratio.as_f64() > most {
            let why = format!("ratio {ratio} is greater than max/min = {most:.6}");
            errors.invalid(path, ratio.to_string(), why);
        }
    }
}

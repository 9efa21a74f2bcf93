//! What volumes and claims share: access modes, modes of volumes, and how tables show them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::TopologySelectorTerm, apimachinery::pkg::api::resource::Quantity,
};
use object::{FieldErrors, name};
use serde_json::Value;

use super::check;

const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
/// The order in which tables show them.
const SHORT_MODES: [(&str, &str); 4] = [
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
];

/// The storage of a list of resources.
pub(crate) fn size_cell(list: Option<&BTreeMap<String, Quantity>>) -> Value {
    list.and_then(|list| list.get("storage")).map_or("0", |size| &size.0).into()
}

/// `RWO,ROX`.
pub(crate) fn modes_cell(modes: Option<&[String]>) -> Value {
    let has = |mode: &str| modes.unwrap_or_default().iter().any(|one| one == mode);
    let shown = SHORT_MODES.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short);
    shown.collect::<Vec<_>>().join(",").into()
}

pub(crate) fn validate_access_modes(modes: &[String], path: &str, errors: &mut FieldErrors) {
    for mode in modes {
        if !ACCESS_MODES.contains(&mode.as_str()) {
            errors.not_supported(path, mode.as_str(), &ACCESS_MODES);
        }
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

pub(crate) fn validate_volume_mode(mode: Option<&str>, path: &str, errors: &mut FieldErrors) {
    if let Some(mode) = mode.filter(|mode| !VOLUME_MODES.contains(mode)) {
        errors.not_supported(path, mode, &VOLUME_MODES);
    }
}

/// The name of a class, if there is one.
pub(crate) fn validate_class(class: Option<&str>, path: &str, errors: &mut FieldErrors) {
    if let Some(class) = class.filter(|class| !class.is_empty()) {
        check::name(class, path, name::subdomain, errors);
    }
}

/// The name of a CSI driver.
pub(crate) fn validate_driver(driver: &str, path: &str, errors: &mut FieldErrors) {
    if driver.len() > 63 {
        errors.push(path, object::error::Problem::TooLong, "may not be more than 63 bytes");
    }
    check::name(&driver.to_lowercase(), path, name::subdomain, errors);
}

/// Where volumes of a class may be.
pub(crate) fn validate_topologies(
    terms: &[TopologySelectorTerm],
    path: &str,
    errors: &mut FieldErrors,
) {
    let mut seen: Vec<&TopologySelectorTerm> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut keys = check::Once::default();
        for (at, one) in term.match_label_expressions.iter().flatten().enumerate() {
            let path = format!("{path}.matchLabelExpressions[{at}]");
            if one.values.is_empty() {
                errors.required(format!("{path}.values"), "");
            }
            let mut values = check::Once::default();
            for (n, value) in one.values.iter().enumerate() {
                values.check(value, &format!("{path}.values[{n}]"), errors);
            }
            if let Err(why) = name::qualified(&one.key) {
                errors.invalid(format!("{path}.key"), one.key.as_str(), why);
            }
            keys.check(&one.key, &format!("{path}.key"), errors);
        }
        if seen.contains(&term) {
            errors.duplicate(format!("{path}.matchLabelExpressions"), "");
        }
        seen.push(term);
    }
}

//! What ConfigMaps and Secrets share: keys, sizes, and that an immutable one stays.

use std::collections::BTreeMap;

use object::{FieldErrors, error::Problem};

use super::check;

/// 1 MiB.
const BYTES_MAX: usize = 1 << 20;

pub(crate) fn validate_key(field: &str, key: &str, errors: &mut FieldErrors) {
    if let Err(why) = check::config_key(key) {
        errors.invalid(format!("{field}[{key}]"), key, why);
    }
}

pub(crate) fn validate_size(path: &str, bytes: usize, errors: &mut FieldErrors) {
    if bytes > BYTES_MAX {
        errors.push(path, Problem::TooLong, format!("may not be more than {BYTES_MAX} bytes"));
    }
}

/// An absent map is an empty one.
pub(crate) fn same<V: PartialEq>(
    new: Option<&BTreeMap<String, V>>,
    old: Option<&BTreeMap<String, V>>,
) -> bool {
    let none = BTreeMap::new();
    new.unwrap_or(&none) == old.unwrap_or(&none)
}

/// Refuses a change of what was set immutable.
pub(crate) fn keep(field: &str, is_same: bool, errors: &mut FieldErrors) {
    if !is_same {
        errors.forbidden(field, "field is immutable when `immutable` is set");
    }
}

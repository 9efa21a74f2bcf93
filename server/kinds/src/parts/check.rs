//! Checks that many kinds make, in Kubernetes' words.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString};
use object::{FieldErrors, error::Problem, name};
use serde::Serialize;
use serde_json::Value;

pub(crate) const IMMUTABLE: &str = "field is immutable";
const POSITIVE: &str = "must be greater than zero";
pub(crate) const NEGATIVE: &str = "must be greater than or equal to 0";
const PORT: &str = "must be between 1 and 65535, inclusive";
const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/// A value as an error shows it.
pub(crate) fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(crate) fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// Sets a field that is absent or empty.
pub(crate) fn default_text(field: &mut Option<String>, text: &str) {
    if is_blank(field.as_deref()) {
        *field = Some(text.to_owned());
    }
}

/// Writes quantities in their canonical form; what is none is validation's to refuse.
pub(crate) fn canonicalize(list: &mut BTreeMap<String, Quantity>) {
    list.values_mut().for_each(canonicalize_one);
}

pub(crate) fn canonicalize_one(quantity: &mut Quantity) {
    if let Ok(parsed) = quantity.0.parse::<object::quantity::Quantity>() {
        quantity.0 = parsed.to_string();
    }
}

/// What a quantity is worth, unless it is none: that is said of it.
pub(crate) fn quantity(
    quantity: &Quantity,
    path: &str,
    errors: &mut FieldErrors,
) -> Option<object::quantity::Quantity> {
    match quantity.0.parse::<object::quantity::Quantity>() {
        Ok(parsed) => Some(parsed),
        Err(why) => {
            errors.invalid(path, quantity.0.as_str(), why.to_string());
            None
        }
    }
}

/// A quantity above zero.
pub(crate) fn positive_quantity(given: &Quantity, path: &str, errors: &mut FieldErrors) {
    let parsed = quantity(given, path, errors);
    if parsed.is_some_and(|quantity| quantity.is_zero() || quantity.is_negative()) {
        errors.invalid(path, given.0.as_str(), POSITIVE);
    }
}

/// A quantity that is not below zero.
pub(crate) fn nonnegative_quantity(given: &Quantity, path: &str, errors: &mut FieldErrors) {
    if quantity(given, path, errors).is_some_and(object::quantity::Quantity::is_negative) {
        errors.invalid(path, given.0.as_str(), NEGATIVE);
    }
}

pub(crate) fn nonnegative<N: Into<i64> + Copy>(
    value: Option<N>,
    path: &str,
    errors: &mut FieldErrors,
) {
    if let Some(value) = value.map(Into::into).filter(|value| *value < 0) {
        errors.invalid(path, value, NEGATIVE);
    }
}

/// A text that must be there and pass.
pub(crate) fn name(
    value: &str,
    path: &str,
    check: fn(&str) -> Result<(), String>,
    errors: &mut FieldErrors,
) {
    if value.is_empty() {
        errors.required(path, "");
    } else if let Err(why) = check(value) {
        errors.invalid(path, value, why);
    }
}

/// One of a few words, which must be there.
pub(crate) fn one_of(value: Option<&str>, path: &str, words: &[&str], errors: &mut FieldErrors) {
    match value.unwrap_or_default() {
        "" => errors.required(path, ""),
        value if words.contains(&value) => {}
        value => errors.not_supported(path, value, words),
    }
}

/// As [`one_of`], but it may be absent.
pub(crate) fn maybe_one_of(
    value: Option<&str>,
    path: &str,
    words: &[&str],
    errors: &mut FieldErrors,
) {
    if !is_blank(value) {
        one_of(value, path, words, errors);
    }
}

pub(crate) fn port(number: i32, path: &str, errors: &mut FieldErrors) {
    if !(1..=65535).contains(&number) {
        errors.invalid(path, number, PORT);
    }
}

/// A port by its number or by a container port's name.
pub(crate) fn port_or_name(value: &IntOrString, path: &str, errors: &mut FieldErrors) {
    match value {
        IntOrString::Int(number) => port(*number, path, errors),
        IntOrString::String(name) => {
            for why in port_name(name) {
                errors.invalid(path, name.as_str(), why);
            }
        }
    }
}

/// What is wrong with the name of a port (RFC 6335).
pub(crate) fn port_name(name: &str) -> Vec<&'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let checks = [
        (name.len() > 15, "must be no more than 15 characters"),
        (
            !name.bytes().all(allowed),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (!name.bytes().any(|b| b.is_ascii_lowercase()), "must contain at least one letter (a-z)"),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (name.starts_with('-') || name.ends_with('-'), "must not begin or end with a hyphen"),
    ];
    checks.into_iter().filter_map(|(wrong, why)| wrong.then_some(why)).collect()
}

/// A key of a ConfigMap or Secret.
pub(crate) fn config_key(key: &str) -> Result<(), String> {
    if key.len() > 253 {
        return Err("must be no more than 253 characters".to_owned());
    }
    match key {
        "." => return Err("must not be '.'".to_owned()),
        ".." => return Err("must not be '..'".to_owned()),
        _ if key.starts_with("..") => return Err("must not start with '..'".to_owned()),
        _ => {}
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if !key.is_empty() && key.bytes().all(allowed) { Ok(()) } else { Err(CONFIG_KEY.to_owned()) }
}

pub(crate) fn ip(address: &str, path: &str, errors: &mut FieldErrors) {
    if address.parse::<IpAddr>().is_err() {
        errors.invalid(path, address, IP);
    }
}

/// `acme.io/foo`, or nothing.
pub(crate) fn domain_path(text: &str, path: &str, errors: &mut FieldErrors) {
    if text.is_empty() {
        return;
    }
    match text.split_once('/') {
        Some((domain, rest)) if !domain.is_empty() && !rest.is_empty() => {
            if let Err(why) = name::subdomain(domain) {
                errors.invalid(path, domain, why);
            }
        }
        _ => errors.invalid(path, text, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

/// A path without `..` that does not begin at the root.
pub(crate) fn relative_path(path: &str, at: &str, errors: &mut FieldErrors) {
    if path.starts_with('/') {
        errors.invalid(at, path, "must be a relative path");
    }
    no_backsteps(path, at, errors);
}

pub(crate) fn no_backsteps(path: &str, at: &str, errors: &mut FieldErrors) {
    if path.split('/').any(|part| part == "..") {
        errors.invalid(at, path, "must not contain '..'");
    }
}

pub(crate) fn labels(
    labels: Option<&BTreeMap<String, String>>,
    path: &str,
    errors: &mut FieldErrors,
) {
    for (key, value) in labels.into_iter().flatten() {
        if let Err(why) = name::qualified(key) {
            errors.invalid(path, key.as_str(), why);
        }
        if let Err(why) = name::label_value(value) {
            errors.invalid(path, value.as_str(), why);
        }
    }
}

pub(crate) fn annotations(
    annotations: Option<&BTreeMap<String, String>>,
    path: &str,
    errors: &mut FieldErrors,
) {
    const BYTES_MAX: usize = 256 * 1024;
    let mut bytes = 0;
    for (key, value) in annotations.into_iter().flatten() {
        bytes += key.len() + value.len();
        if let Err(why) = name::qualified(&key.to_lowercase()) {
            errors.invalid(path, key.as_str(), why);
        }
    }
    if bytes > BYTES_MAX {
        errors.push(path, Problem::TooLong, format!("may not be more than {BYTES_MAX} bytes"));
    }
}

/// A number or a percentage, neither below zero.
pub(crate) fn int_or_percent(value: &IntOrString, path: &str, errors: &mut FieldErrors) {
    match value {
        IntOrString::Int(number) => nonnegative(Some(*number), path, errors),
        IntOrString::String(text) if percent(text).is_none() => {
            errors.invalid(path, text.as_str(), PERCENT);
        }
        IntOrString::String(_) => {}
    }
}

/// The number before `%`.
pub(crate) fn percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// The number, or the percentage.
pub(crate) fn amount(value: &IntOrString) -> u64 {
    match value {
        IntOrString::Int(number) => number.unsigned_abs().into(),
        IntOrString::String(text) => percent(text).unwrap_or_default(),
    }
}

/// No more than there are.
pub(crate) fn at_most_all(value: &IntOrString, path: &str, errors: &mut FieldErrors) {
    if matches!(value, IntOrString::String(text) if percent(text).is_some_and(|p| p > 100)) {
        errors.invalid(path, shown(value), "must not be greater than 100%");
    }
}

/// Refuses a field that is not what it was.
pub(crate) fn immutable<T: PartialEq + Serialize>(
    new: &T,
    old: &T,
    path: &str,
    errors: &mut FieldErrors,
) {
    if new != old {
        errors.invalid(path, shown(new), IMMUTABLE);
    }
}

/// A name that may stand once in a list.
#[derive(Default)]
pub(crate) struct Once<'a>(Vec<&'a str>);

impl<'a> Once<'a> {
    pub(crate) fn check(&mut self, name: &'a str, path: &str, errors: &mut FieldErrors) {
        if self.0.contains(&name) {
            errors.duplicate(path, name);
        } else {
            self.0.push(name);
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_wrong_with_names() {
        assert!(port_name("http").is_empty());
        assert_eq!(port_name("1-1").len(), 1);
        assert_eq!(port_name("-A--").len(), 4);
        for good in ["a", ".hidden", "A_b-c.d"] {
            assert!(config_key(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "..a", "a/b", "a b"] {
            assert!(config_key(bad).is_err(), "{bad}");
        }
        assert_eq!(
            (percent("25%"), percent("-1%"), percent("%"), percent("1")),
            (Some(25), None, None, None)
        );
    }
}

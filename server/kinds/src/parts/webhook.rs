//! Where a webhook is, whoever calls it: an address or a service.

use object::{FieldErrors, name};

use super::check::{self, Once};

pub(crate) fn validate_url(url: &str, path: &str, errors: &mut FieldErrors) {
    const FORM: &str = "; desired format: https://host[/path]";
    let Some((scheme, rest)) = url.split_once("://") else {
        let why = format!("'https' is the only allowed URL scheme{FORM}");
        return errors.invalid(path, "", why);
    };
    if scheme != "https" {
        errors.invalid(path, scheme, format!("'https' is the only allowed URL scheme{FORM}"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = &rest[..end];
    if host.is_empty() {
        errors.invalid(path, host, format!("host must be specified{FORM}"));
    }
    if host.contains('@') {
        errors.invalid(path, url, "user information is not permitted in the URL");
    }
    if let Some((_, fragment)) = rest.split_once('#') {
        errors.invalid(path, fragment, "fragments are not permitted in the URL");
    }
    if let Some((_, query)) = rest.split_once('?') {
        errors.invalid(path, query, "query parameters are not permitted in the URL");
    }
}

pub(crate) fn validate_service(
    name: &str,
    namespace: &str,
    url_path: Option<&str>,
    port: i32,
    path: &str,
    errors: &mut FieldErrors,
) {
    for (field, text) in [("name", name), ("namespace", namespace)] {
        if text.is_empty() {
            errors.required(format!("{path}.{field}"), format!("service {field} is required"));
        }
    }
    if !(1..=65535).contains(&port) {
        let why = "port is not valid: must be between 1 and 65535, inclusive";
        errors.invalid(format!("{path}.port"), port, why);
    }
    let Some(url_path) = url_path.filter(|url_path| *url_path != "/") else { return };
    let at = format!("{path}.path");
    if url_path.is_empty() || !url_path.starts_with('/') {
        return errors.invalid(at, url_path, "must start with a '/'");
    }
    let steps = url_path[1..].split('/').collect::<Vec<_>>();
    let last = steps.len() - 1;
    for (index, step) in steps.into_iter().enumerate() {
        if step.is_empty() && index < last {
            let why = format!("segment[{index}] may not be empty");
            errors.invalid(&*at, url_path, why);
        } else if !step.is_empty()
            && let Err(why) = name::subdomain(step)
        {
            errors.invalid(&*at, url_path, format!("segment[{index}]: {why}"));
        }
    }
}

/// The versions of reviews that a webhook understands, one of ours among them.
pub(crate) fn validate_review_versions(
    versions: &[String],
    path: &str,
    known: &[&str],
    errors: &mut FieldErrors,
) {
    if versions.is_empty() {
        return errors.required(path, format!("must specify one of {}", known.join(", ")));
    }
    let mut seen = Once::default();
    for (index, version) in versions.iter().enumerate() {
        let at = format!("{path}[{index}]");
        seen.check(version, &at, errors);
        if let Err(why) = name::label(version) {
            errors.invalid(at, version.as_str(), why);
        }
    }
    if !versions.iter().any(|version| known.contains(&version.as_str())) {
        let why = format!("must include at least one of {}", known.join(", "));
        errors.invalid(path, check::shown(&versions), why);
    }
}

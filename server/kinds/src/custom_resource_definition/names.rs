//! The names by which a custom kind goes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionNames;
use object::{FieldErrors, name};

pub(super) fn set_defaults(names: &mut CustomResourceDefinitionNames) {
    let is_empty = |name: &Option<String>| name.as_ref().is_none_or(String::is_empty);
    if is_empty(&names.singular) {
        names.singular = Some(names.kind.to_lowercase());
    }
    if is_empty(&names.list_kind) && !names.kind.is_empty() {
        names.list_kind = Some(format!("{}List", names.kind));
    }
}

pub(super) fn validate(names: &CustomResourceDefinitionNames, at: &str, errors: &mut FieldErrors) {
    for (field, value) in [("plural", &names.plural), ("kind", &names.kind)] {
        if value.is_empty() {
            errors.required(format!("{at}.{field}"), "");
        }
    }
    let singular = names.singular.clone().unwrap_or_default();
    for (field, value) in [("plural", &names.plural), ("singular", &singular)] {
        if let Err(why) = label(value) {
            errors.invalid(format!("{at}.{field}"), value.as_str(), why);
        }
    }
    let list_kind = names.list_kind.clone().unwrap_or_default();
    for (field, value) in [("kind", &names.kind), ("listKind", &list_kind)] {
        if let Err(why) = label(&value.to_lowercase()) {
            let why = format!("may have mixed case, but should otherwise match: {why}");
            errors.invalid(format!("{at}.{field}"), value.as_str(), why);
        }
    }
    for (field, values) in [("shortNames", &names.short_names), ("categories", &names.categories)] {
        for (index, value) in values.iter().flatten().enumerate() {
            if let Err(why) = label(value) {
                errors.invalid(format!("{at}.{field}[{index}]"), value.as_str(), why);
            }
        }
    }
    if !names.kind.is_empty() && names.kind == list_kind {
        let detail = "kind and listKind may not be the same";
        errors.invalid(format!("{at}.listKind"), list_kind, detail);
    }
}

/// A DNS label that begins with a letter; an absent one is told elsewhere.
fn label(text: &str) -> Result<(), String> {
    const WHY: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    if text.is_empty() {
        return Ok(());
    }
    if name::label(text).is_err() || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(WHY.to_owned());
    }
    Ok(())
}

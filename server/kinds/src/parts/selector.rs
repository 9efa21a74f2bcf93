//! Label selectors in specs, and whether a template's labels match them.

use k8s_openapi::{
    api::core::v1::PodTemplateSpec, apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use object::{FieldErrors, name, selector};

use super::check;

/// A selector's keys, operators and values.
pub(crate) fn validate(selector: &LabelSelector, path: &str, errors: &mut FieldErrors) {
    check::labels(selector.match_labels.as_ref(), &format!("{path}.matchLabels"), errors);
    for (index, one) in selector.match_expressions.iter().flatten().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        let empty = one.values.as_ref().is_none_or(Vec::is_empty);
        match one.operator.as_str() {
            "In" | "NotIn" if empty => errors.required(
                format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "Exists" | "DoesNotExist" if !empty => errors.forbidden(
                format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                errors.invalid(format!("{path}.operator"), other, "not a valid selector operator")
            }
        }
        if let Err(why) = name::qualified(&one.key) {
            errors.invalid(format!("{path}.key"), one.key.as_str(), why);
        }
        for (at, value) in one.values.iter().flatten().enumerate() {
            if let Err(why) = name::label_value(value) {
                errors.invalid(format!("{path}.values[{at}]"), value.as_str(), why);
            }
        }
    }
}

/// A workload's selector: it selects something, and its own template's pods.
pub(crate) fn validate_owner(
    selector: &LabelSelector,
    template: Option<&PodTemplateSpec>,
    workload: &str,
    errors: &mut FieldErrors,
) {
    let path = "spec.selector";
    if *selector == LabelSelector::default() {
        errors.required(path, "");
        return;
    }
    let found = errors.0.len();
    validate(selector, path, errors);
    let labels = selector.match_labels.as_ref().map_or(0, |labels| labels.len());
    if labels + selector.match_expressions.as_ref().map_or(0, Vec::len) == 0 {
        let why = format!("empty selector is invalid for {workload}");
        errors.invalid(path, check::shown(selector), why);
    }
    let Some(template) = template.filter(|_| errors.0.len() == found) else { return };
    let labels =
        template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
    let parsed = selector::LabelSelector::from_json(&check::shown(selector));
    if parsed.is_ok_and(|selector| !selector.matches(&labels)) {
        let why = "`selector` does not match template `labels`";
        errors.invalid("spec.template.metadata.labels", check::shown(&labels), why);
    }
}

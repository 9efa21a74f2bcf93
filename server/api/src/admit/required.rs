//! Required fields that were not sent: told beside what the kind itself finds wrong, but neither
//! twice nor where a default filled them.

use kinds::AnyObject;
use object::{FieldErrors, error::Problem};
use serde_json::Value;

/// The errors whose field has no value after defaulting either.
pub(crate) fn without_defaulted(missing: FieldErrors, object: &dyn AnyObject) -> FieldErrors {
    if missing.is_empty() {
        return missing;
    }
    let value = object.to_value();
    let lacks = |path: &str| find(&value, path).is_none_or(is_empty);
    FieldErrors(missing.0.into_iter().filter(|error| lacks(&error.path)).collect())
}

/// Adds errors; a field that is already known to be missing is told once.
pub(crate) fn merge(errors: &mut FieldErrors, more: FieldErrors) {
    for error in more.0 {
        let known = errors
            .0
            .iter_mut()
            .find(|known| known.path == error.path && known.problem == Problem::Required);
        match known {
            // The kind's own words are the better ones.
            Some(known) if error.problem == Problem::Required => *known = error,
            Some(_) => {}
            None => errors.0.push(error),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(_) => false,
    }
}

/// The value at `spec.containers[0].name`.
fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| {
        let (name, indexes) = step.split_once('[').unwrap_or((step, ""));
        let value = if name.is_empty() { value } else { value.get(name)? };
        indexes.split('[').filter(|index| !index.is_empty()).try_fold(value, |value, index| {
            value.get(index.trim_end_matches(']').parse::<usize>().ok()?)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_fields() {
        let value = json!({"a": {"b": [{"c": 1}, {"c": 2}]}});
        assert_eq!(find(&value, "a.b[1].c"), Some(&json!(2)));
        assert_eq!(find(&value, "a.x"), None);
    }

    #[test]
    fn tells_a_missing_field_once() {
        let mut errors = FieldErrors::default();
        errors.required("spec.a", "");
        let mut own = FieldErrors::default();
        own.required("spec.a", "name it");
        own.invalid("spec.a", "", "must be a name");
        own.invalid("spec.b", "x", "no");
        merge(&mut errors, own);
        assert_eq!(
            errors.to_string(),
            "[spec.a: Required value: name it, spec.b: Invalid value: \"x\": no]"
        );
    }
}

//! Holds a custom object against its schema, in the words of Kubernetes.

use object::{FieldErrors, error::Problem, schema::ListKind};
use serde_json::{Map, Value};

use super::{
    formats,
    structure::{Limits, Structure, Type},
};

/// What is wrong with an object, whose metadata is not looked at.
pub(super) fn check(value: &Value, structure: &Structure, errors: &mut FieldErrors) {
    let mut check = Check { path: String::new(), errors, is_plain: false };
    check.value(value, structure);
}

struct Check<'e> {
    path: String,
    errors: &'e mut FieldErrors,
    /// Whether only values are judged: within `anyOf` and its like.
    is_plain: bool,
}

impl Check<'_> {
    fn value(&mut self, value: &Value, structure: &Structure) {
        if value.is_null() && (structure.nullable || (self.is_plain && structure.ty.is_none())) {
            return;
        }
        if !self.has_type(value, structure) {
            return;
        }
        self.limits(value, &structure.limits);
        match value {
            Value::Object(fields) => self.object(fields, structure),
            Value::Array(items) => self.array(items, structure),
            _ => {}
        }
        self.alternatives(value, &structure.limits);
    }

    fn within(&mut self, step: &str, value: &Value, structure: &Structure) {
        let length = self.path.len();
        if length > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        self.value(value, structure);
        self.path.truncate(length);
    }

    fn object(&mut self, fields: &Map<String, Value>, structure: &Structure) {
        for name in &structure.limits.required {
            let is_meta =
                self.path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
            if !fields.contains_key(name) && !is_meta {
                let path = self.below(name);
                self.errors.required(path, "");
            }
        }
        if structure.embedded && !self.is_plain {
            self.embedded(fields);
        }
        for (name, value) in fields {
            if let Some(child) = structure.child(name) {
                self.within(name, value, child);
            }
        }
    }

    /// An object of the API within another one says what it is.
    fn embedded(&mut self, fields: &Map<String, Value>) {
        for name in ["apiVersion", "kind"] {
            if fields.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                let path = self.below(name);
                self.errors.required(path, "must not be empty");
            }
        }
    }

    fn array(&mut self, items: &[Value], structure: &Structure) {
        if let Some(child) = &structure.items {
            for (index, item) in items.iter().enumerate() {
                self.within(&format!("[{index}]"), item, child);
            }
        }
        match &structure.list {
            Some(ListKind::Set) => self.duplicates(items, Clone::clone),
            Some(ListKind::Map(keys)) => {
                let child = structure.items.as_deref();
                self.duplicates(items, |item| {
                    let key = |name: &str| {
                        let default = || child?.properties.get(name)?.default.clone();
                        item.get(name).cloned().or_else(default)
                    };
                    keys.iter().filter_map(|name| Some((name.to_string(), key(name)?))).collect()
                });
            }
            _ => {}
        }
    }

    fn duplicates(&mut self, items: &[Value], key: impl Fn(&Value) -> Value) {
        let mut seen = std::collections::BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let key = key(item);
            if !seen.insert(key.to_string()) {
                self.errors.duplicate(format!("{}[{index}]", self.path), key);
            }
        }
    }

    fn has_type(&mut self, value: &Value, structure: &Structure) -> bool {
        let fits = match (structure.ty, value) {
            (_, Value::Number(_)) if structure.int_or_string => is_whole(value),
            (_, Value::String(_)) if structure.int_or_string => true,
            (_, _) if structure.int_or_string => false,
            (None, Value::Null) => self.path.is_empty() || structure.preserves,
            (None, _)
            | (Some(Type::Object), Value::Object(_))
            | (Some(Type::Array), Value::Array(_))
            | (Some(Type::String), Value::String(_))
            | (Some(Type::Number), Value::Number(_))
            | (Some(Type::Boolean), Value::Bool(_)) => true,
            (Some(Type::Integer), Value::Number(_)) => is_whole(value),
            _ => false,
        };
        if !fits {
            let wanted = match structure.ty {
                _ if structure.int_or_string => "integer,string",
                Some(ty) => ty.name(),
                None => "object",
            };
            let found = type_name(value);
            let detail = format!("{} in body must be of type {wanted}: {found:?}", self.name());
            self.tell(Problem::TypeInvalid(found.into()), detail);
        }
        fits
    }

    fn limits(&mut self, value: &Value, limits: &Limits) {
        if let Some(allowed) = &limits.allowed
            && !allowed.contains(value)
        {
            let listed: Vec<String> = allowed
                .iter()
                .map(|value| match value {
                    Value::String(text) => format!("{text:?}"),
                    other => format!("{:?}", other.to_string()),
                })
                .collect();
            let detail = format!("supported values: {}", listed.join(", "));
            self.tell(Problem::NotSupported(value.clone()), detail);
        }
        match value {
            Value::String(text) => self.text(text, limits),
            Value::Number(number) => {
                self.number(number.as_f64().unwrap_or_default(), value, limits)
            }
            Value::Array(items) => {
                self.count("items", items.len(), limits.items, value);
                let is_again = |(index, item)| items[..index].contains(item);
                if limits.is_unique && items.iter().enumerate().any(is_again) {
                    self.invalid(value, "shouldn't contain duplicates");
                }
            }
            Value::Object(fields) => {
                self.count("properties", fields.len(), limits.properties, value);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, limits: &Limits) {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let (min, max) = limits.length;
        if let Some(max) = max.filter(|max| length > *max) {
            self.tell(Problem::TooLong, format!("may not be more than {max} bytes"));
        }
        if let Some(min) = min.filter(|min| length < *min) {
            self.invalid(&text.into(), &format!("should be at least {min} chars long"));
        }
        if let Some((pattern, regex)) = &limits.pattern
            && regex.as_ref().is_some_and(|regex| !regex.is_match(text))
        {
            self.invalid(&text.into(), &format!("should match '{pattern}'"));
        }
        if let Some(format) = &limits.format
            && !formats::fits(format, text)
        {
            self.invalid(&text.into(), &format!("must be of type {format}: {text:?}"));
        }
    }

    fn number(&mut self, number: f64, value: &Value, limits: &Limits) {
        if let Some((bound, excluded)) = limits.maximum
            && (number > bound || (excluded && number >= bound))
        {
            let or_equal = if excluded { "" } else { " or equal to" };
            self.invalid(value, &format!("should be less than{or_equal} {bound}"));
        }
        if let Some((bound, excluded)) = limits.minimum
            && (number < bound || (excluded && number <= bound))
        {
            let or_equal = if excluded { "" } else { " or equal to" };
            self.invalid(value, &format!("should be greater than{or_equal} {bound}"));
        }
        if let Some(step) = limits.multiple_of.filter(|step| *step > 0.0)
            && ((number / step).round() * step - number).abs() > 1e-9 * step
        {
            self.invalid(value, &format!("should be a multiple of {step}"));
        }
        if limits.format.as_deref() == Some("int32")
            && value.as_i64().is_none_or(|number| i32::try_from(number).is_err())
        {
            self.invalid(value, "must be of type integer with format int32");
        }
    }

    fn count(
        &mut self,
        what: &str,
        found: usize,
        bounds: (Option<i64>, Option<i64>),
        value: &Value,
    ) {
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        if let Some(max) = bounds.1.filter(|max| found > *max) {
            self.tell(Problem::TooMany, format!("{found}: must have at most {max} items"));
        }
        if let Some(min) = bounds.0.filter(|min| found < *min) {
            self.invalid(value, &format!("should have at least {min} {what}"));
        }
    }

    fn alternatives(&mut self, value: &Value, limits: &Limits) {
        for one in &limits.all_of {
            let was = std::mem::replace(&mut self.is_plain, true);
            self.value(value, one);
            self.is_plain = was;
        }
        if !limits.any_of.is_empty() && self.count_fitting(value, &limits.any_of) == 0 {
            self.alternative("must validate at least one schema (anyOf)");
        }
        if !limits.one_of.is_empty() {
            match self.count_fitting(value, &limits.one_of) {
                1 => {}
                0 => self.alternative("must validate one and only one schema (oneOf). Found none valid"),
                found => self.alternative(&format!(
                    "must validate one and only one schema (oneOf). Found {found} valid alternatives"
                )),
            }
        }
        if let Some(not) = &limits.not
            && self.fits(value, not)
        {
            self.alternative("must not validate the schema (not)");
        }
    }

    fn alternative(&mut self, what: &str) {
        let detail = format!("{:?} {what}", self.path);
        self.tell(Problem::Invalid("".into()), detail);
    }

    fn count_fitting(&self, value: &Value, alternatives: &[Structure]) -> usize {
        alternatives.iter().filter(|one| self.fits(value, one)).count()
    }

    fn fits(&self, value: &Value, structure: &Structure) -> bool {
        let mut errors = FieldErrors::default();
        let path = self.path.clone();
        Check { path, errors: &mut errors, is_plain: true }.value(value, structure);
        errors.is_empty()
    }

    fn invalid(&mut self, value: &Value, what: &str) {
        let detail = format!("{} in body {what}", self.name());
        self.tell(Problem::Invalid(value.clone()), detail);
    }

    fn tell(&mut self, problem: Problem, detail: String) {
        let path = if self.path.is_empty() { "<nil>".to_owned() } else { self.path.clone() };
        self.errors.push(path, problem, detail);
    }

    fn name(&self) -> &str {
        &self.path
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(_) if is_whole(value) => "integer",
        Value::Number(_) => "number",
    }
}

/// The value at the path of an error: `spec.list[0].name`.
pub(super) fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| {
        let (name, indexes) = step.split_once('[').unwrap_or((step, ""));
        let value = if name.is_empty() { value } else { value.get(name)? };
        indexes.split('[').filter(|index| !index.is_empty()).try_fold(value, |value, index| {
            value.get(index.trim_end_matches(']').parse::<usize>().ok()?)
        })
    })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

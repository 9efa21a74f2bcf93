//! Label selectors: `app=web,tier in (a,b),!old`, and `metav1.LabelSelector`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use super::parser;
use crate::{ApiError, name};

/// How a requirement compares a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

impl Requirement {
    /// A condition that holds what Kubernetes demands of it.
    ///
    /// # Errors
    /// Kubernetes' wording of what is wrong with the key or the values.
    pub fn new(
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = String>,
    ) -> Result<Self, String> {
        check_key(key)?;
        let values: BTreeSet<String> = values.into_iter().collect();
        check_count(operator, &values)?;
        for (index, value) in values.iter().enumerate() {
            name::label_value(value).map_err(|why| {
                format!("values[{index}][{key}]: Invalid value: {value:?}: {why}")
            })?;
        }
        Ok(Self { key: key.to_owned(), operator, values })
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn operator(&self) -> Operator {
        self.operator
    }

    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        match self.operator {
            Operator::Equals | Operator::In => label.is_some_and(|l| self.values.contains(l)),
            Operator::NotEquals | Operator::NotIn => label.is_none_or(|l| !self.values.contains(l)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label).is_some_and(|(l, bound)| l > bound),
            Operator::LessThan => self.compare(label).is_some_and(|(l, bound)| l < bound),
        }
    }

    fn compare(&self, label: Option<&String>) -> Option<(i64, i64)> {
        Some((label?.parse().ok()?, self.values.first()?.parse().ok()?))
    }
}

pub(super) fn check_key(key: &str) -> Result<(), String> {
    name::qualified(key).map_err(|why| format!("<nil>: Invalid value: {key:?}: {why}"))
}

fn check_count(operator: Operator, values: &BTreeSet<String>) -> Result<(), String> {
    let why = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Equals | Operator::NotEquals if values.len() != 1 => {
            "exact-match compatibility requires one single value"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values set must be empty for exists and does not exist"
        }
        Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        Operator::GreaterThan | Operator::LessThan
            if values.iter().any(|value| value.parse::<i64>().is_err()) =>
        {
            "for 'Gt', 'Lt' operators, the value must be an integer"
        }
        _ => return Ok(()),
    };
    let listed: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    Err(format!("values: Invalid value: [{}]: {why}", listed.join(",")))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let joined = || self.values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match self.operator {
            Operator::Equals => write!(f, "{key}={}", joined()),
            Operator::NotEquals => write!(f, "{key}!={}", joined()),
            Operator::In => write!(f, "{key} in ({})", joined()),
            Operator::NotIn => write!(f, "{key} notin ({})", joined()),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{}", joined()),
            Operator::LessThan => write!(f, "{key}<{}", joined()),
        }
    }
}

/// Conditions on labels that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl LabelSelector {
    /// Matches every object.
    pub fn everything() -> Self {
        Self { requirements: Vec::new(), nothing: false }
    }

    /// Matches no object, as an absent `metav1.LabelSelector` does.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort();
        Self { requirements, nothing: false }
    }

    /// Matches objects that have all these labels, as a Service's selector.
    ///
    /// # Errors
    /// Kubernetes' wording of what is wrong with a label.
    pub fn of_labels<'a>(
        labels: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, String> {
        labels
            .into_iter()
            .map(|(key, value)| Requirement::new(key, Operator::Equals, [value.clone()]))
            .collect::<Result<_, _>>()
            .map(Self::new)
    }

    /// Reads the query's form: `app=web,tier in (a,b),!old`.
    ///
    /// # Errors
    /// 400 with Kubernetes' wording.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        parser::parse(text).map(Self::new).map_err(ApiError::bad_request)
    }

    /// Reads `metav1.LabelSelector`: an absent one (`null`) matches nothing, an empty one
    /// everything.
    ///
    /// # Errors
    /// Kubernetes' wording of what is wrong.
    pub fn from_json(selector: &Value) -> Result<Self, String> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::new(key, Operator::Equals, [value])?);
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            requirements.push(from_expression(expression)?);
        }
        Ok(Self::new(requirements))
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.nothing && self.requirements.iter().all(|one| one.matches(labels))
    }

    /// Whether every object matches.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

fn from_expression(expression: &Value) -> Result<Requirement, String> {
    let operator = match expression["operator"].as_str().unwrap_or_default() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(format!("{other:?} is not a valid label selector operator")),
    };
    let values = expression["values"].as_array().into_iter().flatten();
    let values = values.map(|value| value.as_str().unwrap_or_default().to_owned());
    Requirement::new(expression["key"].as_str().unwrap_or_default(), operator, values)
}

impl Default for LabelSelector {
    fn default() -> Self {
        Self::everything()
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        text.split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn matches_as_kubernetes_does() {
        for (selector, object, expected) in [
            ("", "", true),
            ("x=y", "x=y", true),
            ("x==y,z=w", "x=y,z=w", true),
            ("x=y", "x=z", false),
            ("x!=y", "", true),
            ("x!=y", "x=y", false),
            ("x in (a, b),!c", "x=b", true),
            ("x in (a,b)", "", false),
            ("x notin (a,b)", "", true),
            ("x notin (a,b)", "x=a", false),
            ("x", "x=", true),
            ("!x", "x=", false),
            ("x=", "x=", true),
            ("x in (,a)", "x=", true),
            ("x>1", "x=2", true),
            ("x<1", "x=2", false),
            ("x>1", "x=a", false),
            ("in in (in,notin)", "in=notin", true),
            ("app.kubernetes.io/name=a.b_c", "app.kubernetes.io/name=a.b_c", true),
        ] {
            let parsed = LabelSelector::parse(selector).unwrap();
            assert_eq!(parsed.matches(&labels(object)), expected, "{selector} on {object}");
        }
    }

    #[test]
    fn words_errors_as_kubernetes_does() {
        for (selector, message) in [
            ("x=y z", "found 'z', expected: ',' or 'end of string'"),
            ("x,", "found '', expected: identifier after ','"),
            (
                "x=a$",
                "unable to parse requirement: values[0][x]: Invalid value: \"a$\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
            ("x in a", "unable to parse requirement: found 'a' expected: '('"),
            ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            (
                "x ~ y",
                "unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt",
            ),
            ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap_err().message, message, "{selector}");
        }
        let long = LabelSelector::parse("/a=b").unwrap_err().message;
        assert!(
            long.starts_with("unable to parse requirement: <nil>: Invalid value: \"/a\": prefix part must be non-empty"),
            "{long}"
        );
    }

    #[test]
    fn reads_the_object_form() {
        let selector = LabelSelector::from_json(&json!({
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "c", "operator": "In", "values": ["e", "d"]}],
        }))
        .unwrap();
        assert_eq!(selector.to_string(), "a=b,c in (d,e)");
        assert!(!LabelSelector::from_json(&Value::Null).unwrap().matches(&BTreeMap::new()));
        assert!(LabelSelector::from_json(&json!({})).unwrap().is_everything());
        let error = LabelSelector::from_json(
            &json!({"matchExpressions": [{"key": "c", "operator": "Near"}]}),
        );
        assert_eq!(error.unwrap_err(), "\"Near\" is not a valid label selector operator");
    }

    fn requirement() -> impl Strategy<Value = Requirement> {
        let value = "([a-z0-9]([a-z0-9._-]{0,5}[a-z0-9])?)?";
        (
            "([a-z]{1,4}/)?[a-z]([a-z._-]{0,4}[a-z])?",
            0..8_usize,
            proptest::collection::btree_set(value, 1..4),
            any::<i64>(),
        )
            .prop_map(|(key, operator, values, number)| {
                let one = || values.iter().take(1).cloned().collect::<Vec<_>>();
                let number = number.unsigned_abs() / 2;
                let (operator, values) = match operator {
                    0 => (Operator::Equals, one()),
                    1 => (Operator::NotEquals, one()),
                    2 => (Operator::In, values.into_iter().collect()),
                    3 => (Operator::NotIn, values.into_iter().collect()),
                    4 => (Operator::Exists, vec![]),
                    5 => (Operator::DoesNotExist, vec![]),
                    6 => (Operator::GreaterThan, vec![number.to_string()]),
                    _ => (Operator::LessThan, vec![number.to_string()]),
                };
                Requirement::new(&key, operator, values).unwrap()
            })
    }

    proptest! {
        #[test]
        fn display_parses_back(requirements in proptest::collection::vec(requirement(), 0..5)) {
            let selector = LabelSelector::new(requirements);
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
        }

        #[test]
        fn parse_never_panics(text in "[a-z=!<>(), $/]{0,20}") {
            drop(LabelSelector::parse(&text));
        }
    }
}

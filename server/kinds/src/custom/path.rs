//! The simple JSON paths of definitions: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
//! `.metadata.labels['a\.b']`, `.spec.hosts[*]`.

use serde_json::{Map, Value};

/// A path through an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// Counted from the end when negative.
    Index(i64),
    Every,
    /// Items in which the value at the path is this text or number.
    Where(Vec<Step>, Value),
}

impl Path {
    /// Reads a path; what can not be read finds nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        Self(read(text).unwrap_or_else(|| vec![Step::Index(i64::MIN)]))
    }

    /// Whether the text is a path.
    pub(crate) fn is_valid(text: &str) -> bool {
        read(text.trim().trim_start_matches('{').trim_end_matches('}')).is_some()
    }

    /// Whether the path names fields alone, as `.spec.replicas` does.
    pub(crate) fn is_simple(text: &str) -> bool {
        read(text).is_some_and(|steps| {
            !steps.is_empty() && steps.iter().all(|step| matches!(step, Step::Field(_)))
        })
    }

    /// The first value that the path leads to.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        find(value, &self.0)
    }

    /// Sets the value at a path of fields, making the objects on the way.
    pub(crate) fn set(&self, value: &mut Value, new: Value) {
        let mut at = value;
        for step in &self.0 {
            let Step::Field(name) = step else { return };
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = &mut at[name.as_str()];
        }
        *at = new;
    }

    /// The names of the fields on the way.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn find<'v>(value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => find(value.get(name)?, rest),
        Step::Index(index) => {
            let items = value.as_array()?;
            let length = i64::try_from(items.len()).ok()?;
            let at = if *index < 0 { length.checked_add(*index)? } else { *index };
            find(items.get(usize::try_from(at).ok()?)?, rest)
        }
        Step::Every => match value {
            Value::Array(items) => items.iter().find_map(|item| find(item, rest)),
            Value::Object(fields) => fields.values().find_map(|item| find(item, rest)),
            _ => None,
        },
        Step::Where(path, wanted) => {
            let items = value.as_array()?.iter();
            items.filter(|item| find(item, path) == Some(wanted)).find_map(|item| find(item, rest))
        }
    }
}

fn read(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after)?;
            steps.push(read_bracket(&after[..end])?);
            rest = &after[end + 1..];
        } else {
            rest = rest.strip_prefix('.').or_else(|| steps.is_empty().then_some(rest))?;
            if rest.is_empty() && steps.is_empty() {
                break;
            }
            if rest.starts_with('[') {
                continue;
            }
            let (name, after) = read_name(rest)?;
            steps.push(if name == "*" { Step::Every } else { Step::Field(name) });
            rest = after;
        }
    }
    Some(steps)
}

/// Where a bracket ends that has begun; brackets within quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// A name up to the next dot or bracket; a backslash takes the next letter as it is.
fn read_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => name.push(letters.next()?.1),
            '.' | '[' => return (!name.is_empty()).then_some((name, &text[at..])),
            _ => name.push(c),
        }
    }
    (!name.is_empty()).then_some((name, ""))
}

fn read_bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Every);
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Field(name.replace('\\', "")));
    }
    if let Some(condition) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let (path, value) = condition.split_once("==")?;
        let path = read(path.trim().strip_prefix('@')?)?;
        let value = value.trim();
        let value = match quoted(value) {
            Some(text) => text.into(),
            None => serde_json::from_str(value).ok()?,
        };
        return Some(Step::Where(path, value));
    }
    text.parse().ok().map(Step::Index)
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_what_columns_name() {
        let value = json!({
            "metadata": {"labels": {"a.b/c": "x"}},
            "spec": {"hosts": ["one", "two"], "ports": [{"name": "a", "port": 1}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Odd", "status": "False"}]},
        });
        for (path, expected) in [
            (".spec.hosts[0]", json!("one")),
            (".spec.hosts[-1]", json!("two")),
            (".spec.hosts[*]", json!("one")),
            ("spec.ports[*].port", json!(1)),
            (".metadata.labels['a\\.b/c']", json!("x")),
            (".metadata.labels.a\\.b/c", json!("x")),
            (".status.conditions[?(@.type==\"Odd\")].status", json!("False")),
            ("{.status.conditions[?(@.type=='Ready')].status}", json!("True")),
        ] {
            assert_eq!(Path::parse(path).find(&value), Some(&expected), "{path}");
        }
        for path in [".spec.nope", ".spec.hosts[7]", ".spec[", ".spec..hosts", ".spec.hosts[?(x)]"]
        {
            assert_eq!(Path::parse(path).find(&value), None, "{path}");
        }
        assert!(Path::is_simple(".spec.replicas") && !Path::is_simple(".spec.a[0]"));
    }

    #[test]
    fn sets_what_is_not_there_yet() {
        let mut value = json!({});
        Path::parse(".spec.replicas").set(&mut value, 3.into());
        assert_eq!(value, json!({"spec": {"replicas": 3}}));
    }
}

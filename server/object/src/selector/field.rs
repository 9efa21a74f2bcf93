//! Field selectors: `metadata.name=web,status.phase!=Running`.

use std::fmt;

use crate::ApiError;

/// Conditions on fields that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

/// One condition: the field has this value, or it has not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    path: String,
    value: String,
    negated: bool,
}

impl FieldSelector {
    /// Matches every object.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Reads the query's form.
    ///
    /// # Errors
    /// 400 with Kubernetes' wording.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut terms = split_terms(text)
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| parse_term(text, part))
            .collect::<Result<Vec<_>, _>>()
            .map_err(ApiError::bad_request)?;
        terms.sort();
        Ok(Self { terms })
    }

    /// Whether all conditions hold for an object whose fields `read` gives; an absent field
    /// reads as the empty string.
    pub fn matches(&self, read: impl Fn(&str) -> Option<String>) -> bool {
        self.terms
            .iter()
            .all(|term| (read(&term.path).unwrap_or_default() == term.value) != term.negated)
    }

    /// Looks for a field that the kind can't be selected by.
    ///
    /// # Errors
    /// That field.
    pub fn check(&self, is_supported: impl Fn(&str) -> bool) -> Result<(), &str> {
        match self.terms.iter().find(|term| !is_supported(&term.path)) {
            Some(term) => Err(&term.path),
            None => Ok(()),
        }
    }

    /// The value that a field must have, if the selector demands exactly one.
    pub fn exact(&self, path: &str) -> Option<&str> {
        let term = self.terms.iter().find(|term| term.path == path && !term.negated)?;
        Some(&term.value)
    }

    /// The fields that it reads.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.path.as_str())
    }

    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }
}

/// The parts between commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_term(text: &str, part: &str) -> Result<Term, String> {
    let operators = [("!=", true), ("==", false), ("=", false)];
    let found = part.char_indices().find_map(|(at, _)| {
        let (operator, negated) =
            operators.into_iter().find(|(operator, _)| part[at..].starts_with(operator))?;
        Some((&part[..at], &part[at + operator.len()..], negated))
    });
    let Some((path, value, negated)) = found else {
        return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
    };
    Ok(Term { path: path.to_owned(), value: unescape(value)?, negated })
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                other => {
                    let sequence = other.map_or(String::new(), String::from);
                    return Err(format!(
                        "invalid field selector: invalid escape sequence: \\{sequence}"
                    ));
                }
            },
            ',' | '=' => {
                return Err(format!("invalid field selector: unescaped character in value: {c}"));
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if term.negated { "!=" } else { "=" };
            let value = term.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{comma}{}{operator}{value}", term.path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_kubernetes_does() {
        let read = |path: &str| match path {
            "metadata.name" => Some("web".to_owned()),
            "status.phase" => Some("Running".to_owned()),
            "odd" => Some("a,b=c".to_owned()),
            _ => None,
        };
        for (selector, expected) in [
            ("", true),
            ("metadata.name=web", true),
            ("metadata.name==web,status.phase!=Failed", true),
            ("metadata.name!=web", false),
            ("spec.nodeName=", true),
            ("spec.nodeName!=", false),
            ("odd=a\\,b\\=c", true),
        ] {
            assert_eq!(
                FieldSelector::parse(selector).unwrap().matches(read),
                expected,
                "{selector}"
            );
        }
    }

    #[test]
    fn words_errors_as_kubernetes_does() {
        for (selector, message) in [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("a=b=c", "invalid field selector: unescaped character in value: ="),
            ("a=\\n", "invalid field selector: invalid escape sequence: \\n"),
        ] {
            assert_eq!(FieldSelector::parse(selector).unwrap_err().message, message);
        }
        let selector = FieldSelector::parse("spec.x=y").unwrap();
        assert_eq!(selector.check(|path| path == "metadata.name"), Err("spec.x"));
    }

    proptest! {
        #[test]
        fn display_parses_back(path in "[a-z.]{1,8}", value in "[a-z,=\\\\]{0,8}") {
            let term = Term { path: path.clone(), value: value.clone(), negated: false };
            let selector = FieldSelector { terms: vec![term] };
            let parsed = FieldSelector::parse(&selector.to_string()).unwrap();
            prop_assert_eq!(parsed.exact(&path), Some(value.as_str()));
            prop_assert_eq!(parsed, selector);
        }
    }
}

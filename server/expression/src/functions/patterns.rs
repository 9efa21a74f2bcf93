//! Regular expressions, in time that grows with the text only.

use regex::{Regex, RegexBuilder};

use super::{Row, failed, mismatch};
use crate::{
    budget::Meter,
    error::EvaluationError,
    value::Value::{self, Bool, Int, String},
};

/// A pattern that stands in the expression, and is compiled once, may take this much memory.
const LITERAL_BYTES_MAX: usize = 1 << 22;
/// One that is made at run time.
const DYNAMIC_BYTES_MAX: usize = 1 << 18;
/// What making one at run time costs, beside its length.
const COMPILE_COST: usize = 10_000;
const COMPILE_COST_PER_BYTE: usize = 100;

pub(super) const ROWS: &[Row] = &[
    ("string::matches(string) -> bool", |meter, args| match args {
        [String(text), String(pattern)] => {
            with(meter, text, pattern, |regex| Bool(regex.is_match(text)))
        }
        _ => mismatch(),
    }),
    ("matches(string, string) -> bool", |meter, args| match args {
        [String(text), String(pattern)] => {
            with(meter, text, pattern, |regex| Bool(regex.is_match(text)))
        }
        _ => mismatch(),
    }),
    ("string::find(string) -> string", |meter, args| match args {
        [String(text), String(pattern)] => with(meter, text, pattern, |regex| {
            Value::string(regex.find(text).map_or("", |found| found.as_str()))
        }),
        _ => mismatch(),
    }),
    ("string::findAll(string) -> list(string)", |meter, args| match args {
        [String(text), String(pattern)] => find_all(meter, text, pattern, -1),
        _ => mismatch(),
    }),
    ("string::findAll(string, int) -> list(string)", |meter, args| match args {
        [String(text), String(pattern), Int(count)] => find_all(meter, text, pattern, *count),
        _ => mismatch(),
    }),
];

/// Compiles a pattern that stands in an expression.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    compile_within(pattern, LITERAL_BYTES_MAX)
}

fn compile_within(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(bytes_max)
        .dfa_size_limit(bytes_max)
        .nest_limit(50)
        .build()
}

fn with(
    meter: &mut Meter<'_>,
    text: &str,
    pattern: &str,
    look: impl FnOnce(&Regex) -> Value,
) -> Result<Value, EvaluationError> {
    meter.pay((text.len() / 10 + 1).saturating_mul(pattern.len() / 4 + 1))?;
    let patterns = meter.patterns;
    if let Some(regex) = patterns.get(pattern) {
        return Ok(look(regex));
    }
    meter.pay(pattern.len().saturating_mul(COMPILE_COST_PER_BYTE).saturating_add(COMPILE_COST))?;
    match compile_within(pattern, DYNAMIC_BYTES_MAX) {
        Ok(regex) => Ok(look(&regex)),
        Err(error) => failed(format!("Illegal regex: {error}")),
    }
}

fn find_all(
    meter: &mut Meter<'_>,
    text: &str,
    pattern: &str,
    count: i64,
) -> Result<Value, EvaluationError> {
    meter.pay(text.len())?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    with(meter, text, pattern, |regex| {
        let found = regex.find_iter(text).take(count);
        Value::list(found.map(|found| Value::string(found.as_str())).collect())
    })
}

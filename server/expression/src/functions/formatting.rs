//! `'%s has %d'.format([a, b])`.

use std::fmt::Write as _;

use super::{Row, failed, mismatch, times};
use crate::{
    budget::Meter,
    error::EvaluationError,
    value::Value::{self, List, String},
};

pub(super) const ROWS: &[Row] =
    &[("string::format(list(dyn)) -> string", |meter, args| match args {
        [String(text), List(items)] => format(meter, text, items).map(Value::string),
        _ => mismatch(),
    })];

type Text = Result<std::string::String, EvaluationError>;

/// Digits after the point where the clause names none.
const PRECISION: usize = 6;
const PRECISION_MAX: usize = 100;

fn format(meter: &mut Meter<'_>, text: &str, items: &[Value]) -> Text {
    let mut written = std::string::String::new();
    let mut items = items.iter();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        written.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            written.push('%');
            rest = after;
            continue;
        }
        let mut precision = None;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            precision = after[..end].parse::<usize>().ok().filter(|p| *p <= PRECISION_MAX);
            if precision.is_none() {
                return failed("could not parse formatting clause: precision not a number");
            }
            rest = &after[end..];
        }
        let Some(verb) = rest.chars().next() else {
            return failed("could not parse formatting clause: unexpected end of string");
        };
        rest = &rest[verb.len_utf8()..];
        let Some(item) = items.next() else {
            return failed("index out of range: format string has more clauses than arguments");
        };
        let shown = clause(meter, verb, precision, item)?;
        meter.pay_text(shown.len())?;
        written.push_str(&shown);
    }
    written.push_str(rest);
    Ok(written)
}

fn clause(meter: &mut Meter<'_>, verb: char, precision: Option<usize>, item: &Value) -> Text {
    let digits = precision.unwrap_or(PRECISION);
    let number = match item {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    };
    let sign = if number.is_some_and(|number| number < 0) { "-" } else { "" };
    let magnitude = number.map(i128::unsigned_abs);
    Ok(match (verb, item, magnitude) {
        ('s', item, _) => show(meter, item)?,
        ('d', _, Some(magnitude)) => format!("{sign}{magnitude}"),
        ('d', Value::Double(number), _) if !number.is_finite() => show(meter, item)?,
        ('b', Value::Bool(b), _) => u8::from(*b).to_string(),
        ('b', _, Some(magnitude)) => format!("{sign}{magnitude:b}"),
        ('o', _, Some(magnitude)) => format!("{sign}{magnitude:o}"),
        ('x', _, Some(magnitude)) => format!("{sign}{magnitude:x}"),
        ('X', _, Some(magnitude)) => format!("{sign}{magnitude:X}"),
        ('x', String(text), _) => hex(text.as_bytes()),
        ('X', String(text), _) => hex(text.as_bytes()).to_uppercase(),
        ('x', Value::Bytes(bytes), _) => hex(bytes),
        ('X', Value::Bytes(bytes), _) => hex(bytes).to_uppercase(),
        ('f', Value::Double(number), _) => format!("{number:.digits$}"),
        ('f', _, Some(magnitude)) => format!("{sign}{magnitude}.{}", "0".repeat(digits)),
        ('e', Value::Double(number), _) => scientific(*number, digits),
        ('d' | 'b' | 'o' | 'x' | 'X' | 'f' | 'e', item, _) => {
            return failed(format!(
                "error during formatting: %{verb} cannot be applied to {}",
                item.type_name()
            ));
        }
        _ => {
            return failed(format!(
                "could not parse formatting clause: unrecognized formatting clause {verb:?}"
            ));
        }
    })
}

fn hex(bytes: &[u8]) -> std::string::String {
    let mut text = std::string::String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn scientific(number: f64, digits: usize) -> std::string::String {
    let text = format!("{number:.digits$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// Any value as text.
fn show(meter: &mut Meter<'_>, value: &Value) -> Text {
    meter.pay(1)?;
    Ok(match value {
        Value::Null | Value::Optional(None) => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) if number.is_nan() => "NaN".to_owned(),
        Value::Double(number) if number.is_infinite() => {
            if *number > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
        }
        Value::Double(number) => number.to_string(),
        String(text) => {
            meter.pay_text(text.len())?;
            text.to_string()
        }
        Value::Bytes(bytes) => {
            meter.pay_text(bytes.len())?;
            std::string::String::from_utf8_lossy(bytes).into_owned()
        }
        Value::Timestamp(time) => time.to_string(),
        Value::Duration(duration) => times::duration_text(*duration),
        Value::Type(ty) => ty.to_string(),
        Value::Opaque(opaque) => opaque.to_string(),
        Value::Optional(Some(inner)) => show(meter, inner)?,
        List(items) => {
            let items = items.iter().map(|item| show(meter, item));
            let items: Vec<_> = items.collect::<Result<_, _>>()?;
            let joined = items.join(", ");
            meter.pay_text(joined.len())?;
            format!("[{joined}]")
        }
        Value::Map(entries) => {
            let entries =
                entries.iter().map(|(key, value)| Ok(format!("{key}: {}", show(meter, value)?)));
            let entries: Vec<_> = entries.collect::<Result<_, EvaluationError>>()?;
            let joined = entries.join(", ");
            meter.pay_text(joined.len())?;
            format!("{{{joined}}}")
        }
    })
}

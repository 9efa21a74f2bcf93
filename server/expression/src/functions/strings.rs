//! Texts. Places in them are counted in characters.

use std::sync::Arc;

use super::{Row, failed, int, mismatch};
use crate::{
    budget::Meter,
    error::EvaluationError,
    evaluate::Evaluated,
    value::Value::{self, Bool, Int, List, String},
};

pub(super) const ROWS: &[Row] = &[
    ("string::contains(string) -> bool", |_, args| test(args, |text, part| text.contains(part))),
    ("string::startsWith(string) -> bool", |_, args| {
        test(args, |text, part| text.starts_with(part))
    }),
    ("string::endsWith(string) -> bool", |_, args| test(args, |text, part| text.ends_with(part))),
    ("string::charAt(int) -> string", |_, args| match args {
        [String(text), Int(at)] => match usize::try_from(*at) {
            Ok(at) if at == text.chars().count() => Ok(Value::string("")),
            Ok(at) => match text.chars().nth(at) {
                Some(letter) => Ok(Value::string(letter.to_string())),
                None => out_of_range(*args_int(args)),
            },
            Err(_) => out_of_range(*at),
        },
        _ => mismatch(),
    }),
    ("string::indexOf(string) -> int", |meter, args| find(meter, args, false)),
    ("string::indexOf(string, int) -> int", |meter, args| find(meter, args, false)),
    ("string::lastIndexOf(string) -> int", |meter, args| find(meter, args, true)),
    ("string::lastIndexOf(string, int) -> int", |meter, args| find(meter, args, true)),
    ("list(string)::join() -> string", |meter, args| match args {
        [List(items)] => join(meter, items, ""),
        _ => mismatch(),
    }),
    ("list(string)::join(string) -> string", |meter, args| match args {
        [List(items), String(between)] => join(meter, items, between),
        _ => mismatch(),
    }),
    ("string::lowerAscii() -> string", |_, args| change(args, |text| text.to_ascii_lowercase())),
    ("string::upperAscii() -> string", |_, args| change(args, |text| text.to_ascii_uppercase())),
    ("string::trim() -> string", |_, args| change(args, |text| text.trim().to_owned())),
    ("string::reverse() -> string", |_, args| change(args, |text| text.chars().rev().collect())),
    ("string::replace(string, string) -> string", |meter, args| match args {
        [String(text), String(from), String(to)] => replace(meter, text, from, to, -1),
        _ => mismatch(),
    }),
    ("string::replace(string, string, int) -> string", |meter, args| match args {
        [String(text), String(from), String(to), Int(count)] => {
            replace(meter, text, from, to, *count)
        }
        _ => mismatch(),
    }),
    ("string::split(string) -> list(string)", |meter, args| match args {
        [String(text), String(between)] => split(meter, text, between, -1),
        _ => mismatch(),
    }),
    ("string::split(string, int) -> list(string)", |meter, args| match args {
        [String(text), String(between), Int(count)] => split(meter, text, between, *count),
        _ => mismatch(),
    }),
    ("string::substring(int) -> string", |_, args| match args {
        [String(text), Int(start)] => substring(text, *start, None),
        _ => mismatch(),
    }),
    ("string::substring(int, int) -> string", |_, args| match args {
        [String(text), Int(start), Int(end)] => substring(text, *start, Some(*end)),
        _ => mismatch(),
    }),
    ("strings.quote(string) -> string", |_, args| change(args, quote)),
];

fn test(args: &[Value], holds: fn(&str, &str) -> bool) -> Evaluated {
    match args {
        [String(text), String(part)] => Ok(Bool(holds(text, part))),
        _ => mismatch(),
    }
}

fn change(args: &[Value], how: fn(&str) -> std::string::String) -> Evaluated {
    match args {
        [String(text)] => Ok(Value::string(how(text))),
        _ => mismatch(),
    }
}

fn args_int(args: &[Value]) -> &i64 {
    match args {
        [_, Int(number), ..] => number,
        _ => &0,
    }
}

fn out_of_range<T>(at: i64) -> Result<T, EvaluationError> {
    failed(format!("index out of range: {at}"))
}

/// Where a part stands first or last, from a place on; -1 where it does not.
fn find(meter: &mut Meter<'_>, args: &[Value], is_last: bool) -> Evaluated {
    let (text, part, from) = match args {
        [String(text), String(part)] => (text, part, None),
        [String(text), String(part), Int(from)] => (text, part, Some(*from)),
        _ => return mismatch(),
    };
    meter.pay_text(text.len())?;
    let length = text.chars().count();
    let from = match from {
        None if is_last => length,
        None => 0,
        Some(at) => match usize::try_from(at) {
            Ok(place) if place <= length => place,
            _ => return out_of_range(at),
        },
    };
    let byte_of = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
    let found = if is_last {
        // The part may begin at that place, so what follows counts as far as it is long.
        let end = byte_of(from.saturating_add(part.chars().count()).min(length));
        text[..end].rfind(&**part)
    } else {
        let start = byte_of(from);
        text[start..].find(&**part).map(|at| start + at)
    };
    Ok(found.map_or(Int(-1), |at| int(text[..at].chars().count())))
}

fn join(meter: &mut Meter<'_>, items: &[Value], between: &str) -> Evaluated {
    let mut joined = std::string::String::new();
    for (at, item) in items.iter().enumerate() {
        let String(text) = item else { return mismatch() };
        meter.pay_text(text.len() + between.len())?;
        if at > 0 {
            joined.push_str(between);
        }
        joined.push_str(text);
    }
    Ok(Value::string(joined))
}

fn replace(meter: &mut Meter<'_>, text: &str, from: &str, to: &str, count: i64) -> Evaluated {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let found = text.matches(from).take(count).count();
    meter.pay_text(text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(Value::string(text.replacen(from, to, count)))
}

fn split(meter: &mut Meter<'_>, text: &str, between: &str, count: i64) -> Evaluated {
    let part = |part: &str| String(part.into());
    let parts: Vec<Value> = match (usize::try_from(count), between) {
        (Ok(0), _) => Vec::new(),
        (Ok(1), _) => vec![part(text)],
        (Ok(count), "") => letters(text, count),
        (Err(_), "") => letters(text, usize::MAX),
        (Ok(count), between) => text.splitn(count, between).map(part).collect(),
        (Err(_), between) => text.split(between).map(part).collect(),
    };
    meter.pay(parts.len())?;
    Ok(Value::list(parts))
}

/// A text as its characters, the last part with all that is left.
fn letters(text: &str, count: usize) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let end = if parts.len() + 1 == count { rest.len() } else { letter.len_utf8() };
        parts.push(String(Arc::from(&rest[..end])));
        rest = &rest[end..];
    }
    parts
}

fn substring(text: &str, start: i64, end: Option<i64>) -> Evaluated {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let end = end.unwrap_or(length);
    for at in [start, end] {
        if at < 0 || at > length {
            return out_of_range(at);
        }
    }
    if start > end {
        return failed(format!("invalid substring range. start: {start}, end: {end}"));
    }
    let place = |at: i64| usize::try_from(at).unwrap_or_default();
    let part = text.chars().skip(place(start)).take(place(end - start));
    Ok(Value::string(part.collect::<std::string::String>()))
}

/// A text in quotes, with what must not stand there escaped.
fn quote(text: &str) -> std::string::String {
    let mut quoted = std::string::String::from('"');
    for letter in text.chars() {
        match letter {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\u{b}' => quoted.push_str("\\v"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

//! Semantic versions.

use std::cmp::Ordering;

use semver::Version;

use super::{Row, failed, mismatch};
use crate::{
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::Value::{self, Bool, Int, Opaque, String},
};

pub(super) const ROWS: &[Row] = &[
    ("semver(string) -> semver", make),
    ("semver(string, bool) -> semver", make),
    ("isSemver(string) -> bool", |_, args| parse(args).map(|found| Bool(found.is_ok()))),
    ("isSemver(string, bool) -> bool", |_, args| parse(args).map(|found| Bool(found.is_ok()))),
    ("semver::major() -> int", |_, args| part(args, |version| version.major)),
    ("semver::minor() -> int", |_, args| part(args, |version| version.minor)),
    ("semver::patch() -> int", |_, args| part(args, |version| version.patch)),
    ("semver::isGreaterThan(semver) -> bool", |_, args| compare(args, |order| Bool(order.is_gt()))),
    ("semver::isLessThan(semver) -> bool", |_, args| compare(args, |order| Bool(order.is_lt()))),
    ("semver::compareTo(semver) -> int", |_, args| compare(args, |order| Int(order as i64))),
];

fn make(_: &mut crate::budget::Meter<'_>, args: &[Value]) -> Evaluated {
    match parse(args)? {
        Ok(version) => Ok(Value::opaque(O::Semver(version))),
        Err(why) => failed(why),
    }
}

type Parsed = Result<Version, std::string::String>;

fn parse(args: &[Value]) -> Result<Parsed, crate::error::EvaluationError> {
    let (text, is_lenient) = match args {
        [String(text)] => (text, false),
        [String(text), Bool(is_lenient)] => (text, *is_lenient),
        _ => return mismatch(),
    };
    let text = if is_lenient { normalize(text) } else { Ok(text.to_string()) };
    Ok(text.and_then(|text| Version::parse(&text).map_err(|error| error.to_string())))
}

/// Takes a leading `v` and zeros away, and adds the parts that are missing.
fn normalize(text: &str) -> Result<std::string::String, std::string::String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<std::string::String> = text
        .splitn(3, '.')
        .map(|part| {
            let shorter = part.trim_start_matches('0');
            match shorter.chars().next() {
                Some(first) if first.is_ascii_digit() => shorter.to_owned(),
                _ if shorter.len() < part.len() => format!("0{shorter}"),
                _ => part.to_owned(),
            }
        })
        .collect();
    if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
        return Err("short version cannot contain PreRelease/Build meta data".to_owned());
    }
    parts.resize(3, "0".to_owned());
    Ok(parts.join("."))
}

fn read(value: Option<&Value>) -> Option<&Version> {
    match value? {
        Opaque(opaque) => {
            if let O::Semver(version) = &**opaque {
                Some(version)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn part(args: &[Value], of: fn(&Version) -> u64) -> Evaluated {
    read(args.first())
        .map_or_else(mismatch, |version| Ok(Int(i64::try_from(of(version)).unwrap_or(i64::MAX))))
}

fn compare(args: &[Value], answer: fn(Ordering) -> Value) -> Evaluated {
    match (read(args.first()), read(args.get(1))) {
        (Some(a), Some(b)) => Ok(answer(a.cmp_precedence(b))),
        _ => mismatch(),
    }
}

//! URLs, taken apart as Go's `net/url` does.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{Row, failed, mismatch};
use crate::{
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::{
        Entries,
        Value::{self, Bool, Map, Opaque, String},
    },
};

/// What a path may not hold as it is.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL: absolute, or an absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(crate) text: std::string::String,
    scheme: std::string::String,
    host: std::string::String,
    path: std::string::String,
    query: std::string::String,
}

pub(super) const ROWS: &[Row] = &[
    ("url(string) -> url", |_, args| match args {
        [String(text)] => match parse(text) {
            Ok(url) => Ok(Value::opaque(O::Url(url))),
            Err(why) => failed(format!(
                "URL parse error during conversion from string: parse {text:?}: {why}"
            )),
        },
        _ => mismatch(),
    }),
    ("isURL(string) -> bool", |_, args| match args {
        [String(text)] => Ok(Bool(parse(text).is_ok())),
        _ => mismatch(),
    }),
    ("url::getScheme() -> string", |_, args| text(args, |url| url.scheme.clone())),
    ("url::getHost() -> string", |_, args| text(args, |url| url.host.clone())),
    ("url::getHostname() -> string", |_, args| {
        text(args, |url| {
            let name = split_port(&url.host).0;
            name.trim_start_matches('[').trim_end_matches(']').to_owned()
        })
    }),
    ("url::getPort() -> string", |_, args| text(args, |url| split_port(&url.host).1.to_owned())),
    ("url::getEscapedPath() -> string", |_, args| {
        text(args, |url| utf8_percent_encode(&url.path, PATH).to_string())
    }),
    ("url::getQuery() -> map(string, list(string))", |_, args| match args {
        [Opaque(opaque)] => match &**opaque {
            O::Url(url) => Ok(query(&url.query)),
            _ => mismatch(),
        },
        _ => mismatch(),
    }),
];

fn text(args: &[Value], read: fn(&Url) -> std::string::String) -> Evaluated {
    match args {
        [Opaque(opaque)] => match &**opaque {
            O::Url(url) => Ok(Value::string(read(url))),
            _ => mismatch(),
        },
        _ => mismatch(),
    }
}

pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    if text.is_empty() {
        return Err("empty url");
    }
    if text.chars().any(|letter| letter.is_control()) {
        return Err("net/url: invalid control character in URL");
    }
    let (rest, _fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = split_scheme(rest)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if scheme.is_empty() && !rest.starts_with('/') {
        return Err("invalid URI for request");
    }
    let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            check_host(host)?;
            (host, path)
        }
        None => ("", rest),
    };
    check_escapes(path)?;
    Ok(Url {
        text: text.to_owned(),
        scheme: scheme.to_ascii_lowercase(),
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
    })
}

fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let end = text.find(|c: char| !fits(c)).unwrap_or(text.len());
    match text[end..].strip_prefix(':') {
        Some(_) if end == 0 => Err("missing protocol scheme"),
        Some(rest) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok((&text[..end], rest))
        }
        Some(_) => Err("first path segment in URL cannot contain colon"),
        None => Ok(("", text)),
    }
}

fn split_port(host: &str) -> (&str, &str) {
    let after = host.rfind(']').unwrap_or(0);
    match host[after..].rfind(':') {
        Some(colon) => (&host[..after + colon], &host[after + colon + 1..]),
        None => (host, ""),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = split_port(host);
    if !port.chars().all(|c| c.is_ascii_digit()) {
        return Err("invalid port after host");
    }
    if name.starts_with('[') {
        if !name.ends_with(']') {
            return Err("missing ']' in host");
        }
    } else if name.contains(':') {
        return Err("invalid port after host");
    }
    if name.contains([' ', '<', '>', '"', '\\', '^', '`', '{', '|', '}']) {
        return Err("invalid character in host name");
    }
    check_escapes(name)
}

/// Each `%` is followed by two digits.
fn check_escapes(text: &str) -> Result<(), &'static str> {
    let whole = text.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
    });
    if whole { Ok(()) } else { Err("invalid URL escape") }
}

fn query(text: &str) -> Value {
    let decode =
        |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut found: std::collections::BTreeMap<std::string::String, Vec<Value>> =
        std::collections::BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(decode(name)).or_default().push(Value::string(decode(value)));
    }
    let entries =
        found.into_iter().map(|(name, values)| (name.as_str().into(), Value::list(values)));
    Map(Arc::new(entries.collect::<Entries>()))
}

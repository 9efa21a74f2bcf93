//! Named formats: `format.dns1123Label().validate(name)`.

use std::str::FromStr;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{Timestamp, civil::Date};
use object::name;

use super::{Row, mismatch, urls};
use crate::{
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::Value::{self, Opaque, String},
};

/// A format that texts may have.
#[derive(Debug)]
pub struct NamedFormat {
    pub(crate) name: &'static str,
    check: fn(&str) -> Result<(), std::string::String>,
}

static FORMATS: &[NamedFormat] = &[
    NamedFormat { name: "dns1123Label", check: name::label },
    NamedFormat { name: "dns1123Subdomain", check: name::subdomain },
    NamedFormat { name: "dns1035Label", check: dns1035 },
    NamedFormat { name: "qualifiedName", check: name::qualified },
    NamedFormat { name: "dns1123LabelPrefix", check: |text| name::label(&masked(text)) },
    NamedFormat { name: "dns1123SubdomainPrefix", check: |text| name::subdomain(&masked(text)) },
    NamedFormat { name: "dns1035LabelPrefix", check: |text| dns1035(&masked(text)) },
    NamedFormat { name: "labelValue", check: name::label_value },
    NamedFormat {
        name: "uri",
        check: |text| urls::parse(text).map(|_| ()).map_err(|why| format!("parse {text:?}: {why}")),
    },
    NamedFormat {
        name: "uuid",
        check: |text| check(is_uuid(text), "does not match the UUID format"),
    },
    NamedFormat {
        name: "byte",
        check: |text| check(BASE64_STANDARD.decode(text).is_ok(), "invalid base64"),
    },
    NamedFormat {
        name: "date",
        check: |text| check(text.len() == 10 && Date::from_str(text).is_ok(), "invalid date"),
    },
    NamedFormat {
        name: "datetime",
        check: |text| check(Timestamp::from_str(text).is_ok(), "invalid datetime"),
    },
];

pub(super) const ROWS: &[Row] = &[
    ("format.named(string) -> optional(format)", |_, args| match args {
        [String(name)] => Ok(FORMATS
            .iter()
            .find(|format| format.name == &**name)
            .map_or(Value::NONE, |format| Value::some(Value::opaque(O::Format(format))))),
        _ => mismatch(),
    }),
    ("format::validate(string) -> optional(list(string))", |_, args| match args {
        [Opaque(opaque), String(text)] => match &**opaque {
            O::Format(format) => Ok((format.check)(text).map_or_else(
                |why| Value::some(Value::list(vec![Value::string(why)])),
                |()| Value::NONE,
            )),
            _ => mismatch(),
        },
        _ => mismatch(),
    }),
    ("format.dns1123Label() -> format", |_, _| named("dns1123Label")),
    ("format.dns1123Subdomain() -> format", |_, _| named("dns1123Subdomain")),
    ("format.dns1035Label() -> format", |_, _| named("dns1035Label")),
    ("format.qualifiedName() -> format", |_, _| named("qualifiedName")),
    ("format.dns1123LabelPrefix() -> format", |_, _| named("dns1123LabelPrefix")),
    ("format.dns1123SubdomainPrefix() -> format", |_, _| named("dns1123SubdomainPrefix")),
    ("format.dns1035LabelPrefix() -> format", |_, _| named("dns1035LabelPrefix")),
    ("format.labelValue() -> format", |_, _| named("labelValue")),
    ("format.uri() -> format", |_, _| named("uri")),
    ("format.uuid() -> format", |_, _| named("uuid")),
    ("format.byte() -> format", |_, _| named("byte")),
    ("format.date() -> format", |_, _| named("date")),
    ("format.datetime() -> format", |_, _| named("datetime")),
];

fn named(name: &str) -> Evaluated {
    let format = FORMATS.iter().find(|format| format.name == name);
    format.map_or_else(mismatch, |format| Ok(Value::opaque(O::Format(format))))
}

fn check(holds: bool, why: &str) -> Result<(), std::string::String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

/// A prefix may end with a dash, which no whole name may.
fn masked(text: &str) -> std::string::String {
    match text.strip_suffix('-') {
        Some(start) if !start.is_empty() => format!("{start}a"),
        _ => text.to_owned(),
    }
}

fn dns1035(text: &str) -> Result<(), std::string::String> {
    let is_start = text.starts_with(|c: char| c.is_ascii_lowercase());
    if is_start && name::label(text).is_ok() {
        return Ok(());
    }
    Err("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')".to_owned())
}

fn is_uuid(text: &str) -> bool {
    let digits = text.replace('-', "");
    let is_grouped = text.len() == 32 || text.len() == 36 && text.split('-').count() == 5;
    is_grouped && digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

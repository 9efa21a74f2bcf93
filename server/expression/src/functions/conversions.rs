//! Conversions between types, and sizes.

use std::str::FromStr;

use super::{Row, failed, int, mismatch, times};
use crate::{
    error::EvaluationError,
    opaque::Opaque as O,
    value::{
        Value::{
            self, Bool, Bytes, Double, Duration, Int, List, Map, Opaque, String, Timestamp, Uint,
        },
        whole,
    },
};

pub(super) const ROWS: &[Row] = &[
    ("type(A) -> type", |_, args| match args {
        [value] => Ok(Value::Type(value.type_of())),
        _ => mismatch(),
    }),
    ("dyn(A) -> dyn", |_, args| match args {
        [value] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("size(string) -> int", |_, args| size(args)),
    ("size(bytes) -> int", |_, args| size(args)),
    ("size(list(A)) -> int", |_, args| size(args)),
    ("size(map(A, B)) -> int", |_, args| size(args)),
    ("string::size() -> int", |_, args| size(args)),
    ("bytes::size() -> int", |_, args| size(args)),
    ("list(A)::size() -> int", |_, args| size(args)),
    ("map(A, B)::size() -> int", |_, args| size(args)),
    ("int(int) -> int", |_, args| to_int(args)),
    ("int(uint) -> int", |_, args| to_int(args)),
    ("int(double) -> int", |_, args| to_int(args)),
    ("int(string) -> int", |_, args| to_int(args)),
    ("int(timestamp) -> int", |_, args| to_int(args)),
    ("uint(uint) -> uint", |_, args| to_uint(args)),
    ("uint(int) -> uint", |_, args| to_uint(args)),
    ("uint(double) -> uint", |_, args| to_uint(args)),
    ("uint(string) -> uint", |_, args| to_uint(args)),
    ("double(double) -> double", |_, args| to_double(args)),
    ("double(int) -> double", |_, args| to_double(args)),
    ("double(uint) -> double", |_, args| to_double(args)),
    ("double(string) -> double", |_, args| to_double(args)),
    ("bool(bool) -> bool", |_, args| match args {
        [value] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("bool(string) -> bool", |_, args| match args {
        [String(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Bool(false)),
            _ => failed("type conversion error from 'string' to 'bool'"),
        },
        _ => mismatch(),
    }),
    ("string(string) -> string", |_, args| to_string(args)),
    ("string(bool) -> string", |_, args| to_string(args)),
    ("string(int) -> string", |_, args| to_string(args)),
    ("string(uint) -> string", |_, args| to_string(args)),
    ("string(double) -> string", |_, args| to_string(args)),
    ("string(bytes) -> string", |_, args| to_string(args)),
    ("string(timestamp) -> string", |_, args| to_string(args)),
    ("string(duration) -> string", |_, args| to_string(args)),
    ("string(ip) -> string", |_, args| to_string(args)),
    ("string(cidr) -> string", |_, args| to_string(args)),
    ("bytes(bytes) -> bytes", |_, args| match args {
        [value] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("bytes(string) -> bytes", |_, args| match args {
        [String(text)] => Ok(Bytes(text.as_bytes().into())),
        _ => mismatch(),
    }),
    ("timestamp(timestamp) -> timestamp", |_, args| match args {
        [value] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("timestamp(string) -> timestamp", |_, args| match args {
        [String(text)] => match jiff::Timestamp::from_str(text) {
            Ok(time) => Ok(Timestamp(time)),
            Err(_) => failed(format!("invalid timestamp: {text:?}")),
        },
        _ => mismatch(),
    }),
    ("timestamp(int) -> timestamp", |_, args| match args {
        [Int(seconds)] => jiff::Timestamp::from_second(*seconds)
            .map(Timestamp)
            .or_else(|_| failed("timestamp overflow")),
        _ => mismatch(),
    }),
    ("duration(duration) -> duration", |_, args| match args {
        [value] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("duration(string) -> duration", |_, args| match args {
        [String(text)] => match times::duration(text) {
            Some(duration) => Ok(Duration(duration)),
            None => failed(format!("invalid duration: {text:?}")),
        },
        _ => mismatch(),
    }),
];

type Result = std::result::Result<Value, EvaluationError>;

fn size(args: &[Value]) -> Result {
    Ok(int(match args {
        [String(text)] => text.chars().count(),
        [Bytes(bytes)] => bytes.len(),
        [List(items)] => items.len(),
        [Map(entries)] => entries.len(),
        _ => return mismatch(),
    }))
}

fn overflow<T>() -> std::result::Result<T, EvaluationError> {
    failed("integer overflow")
}

fn to_int(args: &[Value]) -> Result {
    match args {
        [Int(number)] => Ok(Int(*number)),
        [Uint(number)] => i64::try_from(*number).map(Int).or_else(|_| overflow()),
        [Double(number)] => whole(number.trunc()).map_or_else(overflow, |number| Ok(Int(number))),
        [String(text)] => match text.parse() {
            Ok(number) => Ok(Int(number)),
            Err(_) => failed(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")),
        },
        [Timestamp(time)] => Ok(Int(time.as_second())),
        _ => mismatch(),
    }
}

fn to_uint(args: &[Value]) -> Result {
    match args {
        [Uint(number)] => Ok(Uint(*number)),
        [Int(number)] => u64::try_from(*number).map(Uint).or_else(|_| overflow()),
        [Double(number)] => {
            let number = whole(number.trunc()).and_then(|number| u64::try_from(number).ok());
            number.map_or_else(overflow, |number| Ok(Uint(number)))
        }
        [String(text)] => match text.parse() {
            Ok(number) => Ok(Uint(number)),
            Err(_) => failed(format!("strconv.ParseUint: parsing {text:?}: invalid syntax")),
        },
        _ => mismatch(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is what CEL's conversion does")]
fn to_double(args: &[Value]) -> Result {
    match args {
        [Double(number)] => Ok(Double(*number)),
        [Int(number)] => Ok(Double(*number as f64)),
        [Uint(number)] => Ok(Double(*number as f64)),
        [String(text)] => match text.parse() {
            Ok(number) => Ok(Double(number)),
            Err(_) => failed(format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        },
        _ => mismatch(),
    }
}

fn to_string(args: &[Value]) -> Result {
    Ok(match args {
        [String(text)] => String(std::sync::Arc::clone(text)),
        [Bool(b)] => Value::string(b.to_string()),
        [Int(number)] => Value::string(number.to_string()),
        [Uint(number)] => Value::string(number.to_string()),
        [Double(number)] => Value::string(number.to_string()),
        [Timestamp(time)] => Value::string(time.to_string()),
        [Duration(duration)] => Value::string(times::duration_text(*duration)),
        [Bytes(bytes)] => match std::str::from_utf8(bytes) {
            Ok(text) => Value::string(text),
            Err(_) => return failed("invalid UTF-8 in bytes, cannot convert to string"),
        },
        [Opaque(opaque)] if matches!(&**opaque, O::Ip(_) | O::Cidr(_)) => {
            Value::string(opaque.to_string())
        }
        _ => return mismatch(),
    })
}

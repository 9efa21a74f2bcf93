//! What may be absent.

use super::{Row, failed, mismatch};
use crate::value::Value::{
    self, Bool, Bytes, Double, Int, List, Map, Null, Optional, String, Uint,
};

pub(super) const ROWS: &[Row] = &[
    ("optional.of(A) -> optional(A)", |_, args| match args {
        [value] => Ok(Value::some(value.clone())),
        _ => mismatch(),
    }),
    ("optional.none() -> optional(A)", |_, _| Ok(Value::NONE)),
    ("optional.ofNonZeroValue(A) -> optional(A)", |_, args| match args {
        [value] if is_zero(value) => Ok(Value::NONE),
        [value] => Ok(Value::some(value.clone())),
        _ => mismatch(),
    }),
    ("optional(A)::hasValue() -> bool", |_, args| match args {
        [Optional(inner)] => Ok(Bool(inner.is_some())),
        _ => mismatch(),
    }),
    ("optional(A)::value() -> A", |_, args| match args {
        [Optional(Some(inner))] => Ok((**inner).clone()),
        [Optional(None)] => failed("optional.none() dereference"),
        _ => mismatch(),
    }),
    ("optional(A)::or(optional(A)) -> optional(A)", |_, args| match args {
        [Optional(None), other] => Ok(other.clone()),
        [value, _] => Ok(value.clone()),
        _ => mismatch(),
    }),
    ("optional(A)::orValue(A) -> A", |_, args| match args {
        [Optional(Some(inner)), _] => Ok((**inner).clone()),
        [Optional(None), other] => Ok(other.clone()),
        _ => mismatch(),
    }),
];

fn is_zero(value: &Value) -> bool {
    match value {
        Null => true,
        Bool(b) => !b,
        Int(number) => *number == 0,
        Uint(number) => *number == 0,
        Double(number) => *number == 0.0,
        String(text) => text.is_empty(),
        Bytes(bytes) => bytes.is_empty(),
        List(items) => items.is_empty(),
        Map(entries) => entries.is_empty(),
        Value::Duration(duration) => duration.is_zero(),
        _ => false,
    }
}

//! Quantities: `quantity('1.5Gi').isLessThan(quantity('2G'))`.

use std::str::FromStr;

use object::Quantity;

use super::{Row, failed, int, mismatch};
use crate::{
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::Value::{self, Bool, Double, Int, Opaque, String},
};

pub(super) const ROWS: &[Row] = &[
    ("quantity(string) -> quantity", |_, args| match args {
        [String(text)] => match Quantity::from_str(text) {
            Ok(quantity) => Ok(Value::opaque(O::Quantity(quantity))),
            Err(error) => failed(error.to_string()),
        },
        _ => mismatch(),
    }),
    ("isQuantity(string) -> bool", |_, args| match args {
        [String(text)] => Ok(Bool(Quantity::from_str(text).is_ok())),
        _ => mismatch(),
    }),
    ("quantity::sign() -> int", |_, args| sign(args)),
    ("sign(quantity) -> int", |_, args| sign(args)),
    ("quantity::isInteger() -> bool", |_, args| match args {
        [one] => {
            read(one).map_or_else(mismatch, |quantity| Ok(Bool(as_integer(quantity).is_some())))
        }
        _ => mismatch(),
    }),
    ("quantity::asInteger() -> int", |_, args| match args {
        [one] => match read(one).map(as_integer) {
            Some(Some(number)) => Ok(Int(number)),
            Some(None) => failed("cannot convert value to integer"),
            None => mismatch(),
        },
        _ => mismatch(),
    }),
    ("quantity::asApproximateFloat() -> double", |_, args| match args {
        [one] => read(one).map_or_else(mismatch, |quantity| Ok(Double(quantity.as_f64()))),
        _ => mismatch(),
    }),
    ("quantity::isGreaterThan(quantity) -> bool", |_, args| compare(args, |a, b| Bool(a > b))),
    ("quantity::isLessThan(quantity) -> bool", |_, args| compare(args, |a, b| Bool(a < b))),
    ("quantity::compareTo(quantity) -> int", |_, args| compare(args, |a, b| Int(a.cmp(&b) as i64))),
    ("quantity::add(quantity) -> quantity", |_, args| compare(args, |a, b| of(a.plus(b)))),
    ("quantity::add(int) -> quantity", |_, args| compare(args, |a, b| of(a.plus(b)))),
    ("quantity::sub(quantity) -> quantity", |_, args| compare(args, |a, b| of(a.minus(b)))),
    ("quantity::sub(int) -> quantity", |_, args| compare(args, |a, b| of(a.minus(b)))),
];

fn of(quantity: Quantity) -> Value {
    Value::opaque(O::Quantity(quantity))
}

/// The quantity that a value is; a whole number is one, too.
fn read(value: &Value) -> Option<Quantity> {
    match value {
        Int(number) => Some(Quantity::new(*number)),
        Opaque(opaque) => {
            if let O::Quantity(quantity) = &**opaque {
                Some(*quantity)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn compare(args: &[Value], answer: fn(Quantity, Quantity) -> Value) -> Evaluated {
    match args {
        [a, b] => match (read(a), read(b)) {
            (Some(a), Some(b)) => Ok(answer(a, b)),
            _ => mismatch(),
        },
        _ => mismatch(),
    }
}

fn sign(args: &[Value]) -> Evaluated {
    match args.first().and_then(read) {
        Some(quantity) if quantity.is_negative() => Ok(Int(-1)),
        Some(quantity) => Ok(int(usize::from(!quantity.is_zero()))),
        None => mismatch(),
    }
}

/// The whole number that a quantity is exactly.
fn as_integer(quantity: Quantity) -> Option<i64> {
    let number = quantity.value();
    (Quantity::new(number) == quantity && number.abs() != i64::MAX).then_some(number)
}

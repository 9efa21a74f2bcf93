//! Arithmetic and comparison.

use std::cmp::Ordering;

use super::{Row, failed, mismatch};
use crate::{
    equality::compare,
    error::EvaluationError,
    evaluate::Evaluated,
    value::Value::{self, Bool, Bytes, Double, Duration, Int, List, String, Timestamp, Uint},
};

macro_rules! ordered {
    ($is:expr, $($signature:expr),* $(,)?) => {
        &[$(($signature, |meter, args| {
            let [a, b] = args else { return mismatch() };
            // What is not a number has no order, and no comparison holds.
            let is_nan = |value: &Value| matches!(value, Double(number) if number.is_nan());
            if is_nan(a) || is_nan(b) {
                return Ok(Bool(false));
            }
            let holds: fn(Ordering) -> bool = $is;
            Ok(Bool(holds(compare(meter, a, b)?)))
        })),*]
    };
}

macro_rules! comparison {
    ($operator:literal, $is:expr) => {
        ordered!(
            $is,
            concat!($operator, "(bool, bool) -> bool"),
            concat!($operator, "(int, int) -> bool"),
            concat!($operator, "(uint, uint) -> bool"),
            concat!($operator, "(double, double) -> bool"),
            concat!($operator, "(string, string) -> bool"),
            concat!($operator, "(bytes, bytes) -> bool"),
            concat!($operator, "(timestamp, timestamp) -> bool"),
            concat!($operator, "(duration, duration) -> bool"),
            concat!($operator, "(int, uint) -> bool"),
            concat!($operator, "(int, double) -> bool"),
            concat!($operator, "(uint, int) -> bool"),
            concat!($operator, "(uint, double) -> bool"),
            concat!($operator, "(double, int) -> bool"),
            concat!($operator, "(double, uint) -> bool"),
        )
    };
}

pub(super) const LESS: &[Row] = comparison!("_<_", Ordering::is_lt);
pub(super) const LESS_EQUAL: &[Row] = comparison!("_<=_", Ordering::is_le);
pub(super) const GREATER: &[Row] = comparison!("_>_", Ordering::is_gt);
pub(super) const GREATER_EQUAL: &[Row] = comparison!("_>=_", Ordering::is_ge);

pub(super) const ROWS: &[Row] = &[
    ("!_(bool) -> bool", |_, args| match args {
        [Bool(b)] => Ok(Bool(!b)),
        _ => mismatch(),
    }),
    ("-_(int) -> int", |_, args| match args {
        [Int(a)] => a.checked_neg().map(Int).ok_or_else(overflow),
        _ => mismatch(),
    }),
    ("-_(double) -> double", |_, args| match args {
        [Double(a)] => Ok(Double(-a)),
        _ => mismatch(),
    }),
    ("_+_(int, int) -> int", |_, args| whole(args, i64::checked_add)),
    ("_-_(int, int) -> int", |_, args| whole(args, i64::checked_sub)),
    ("_*_(int, int) -> int", |_, args| whole(args, i64::checked_mul)),
    ("_/_(int, int) -> int", |_, args| match args {
        [_, Int(0)] => failed("division by zero"),
        args => whole(args, i64::checked_div),
    }),
    ("_%_(int, int) -> int", |_, args| match args {
        [_, Int(0)] => failed("modulus by zero"),
        args => whole(args, i64::checked_rem),
    }),
    ("_+_(uint, uint) -> uint", |_, args| unsigned(args, u64::checked_add)),
    ("_-_(uint, uint) -> uint", |_, args| unsigned(args, u64::checked_sub)),
    ("_*_(uint, uint) -> uint", |_, args| unsigned(args, u64::checked_mul)),
    ("_/_(uint, uint) -> uint", |_, args| match args {
        [_, Uint(0)] => failed("division by zero"),
        args => unsigned(args, u64::checked_div),
    }),
    ("_%_(uint, uint) -> uint", |_, args| match args {
        [_, Uint(0)] => failed("modulus by zero"),
        args => unsigned(args, u64::checked_rem),
    }),
    ("_+_(double, double) -> double", |_, args| double(args, |a, b| a + b)),
    ("_-_(double, double) -> double", |_, args| double(args, |a, b| a - b)),
    ("_*_(double, double) -> double", |_, args| double(args, |a, b| a * b)),
    ("_/_(double, double) -> double", |_, args| double(args, |a, b| a / b)),
    ("_+_(string, string) -> string", |meter, args| match args {
        [String(a), String(b)] => {
            meter.pay_text(a.len() + b.len())?;
            Ok(Value::string([&**a, &**b].concat()))
        }
        _ => mismatch(),
    }),
    ("_+_(bytes, bytes) -> bytes", |meter, args| match args {
        [Bytes(a), Bytes(b)] => {
            meter.pay_text(a.len() + b.len())?;
            Ok(Bytes([&**a, &**b].concat().into()))
        }
        _ => mismatch(),
    }),
    ("_+_(list(A), list(A)) -> list(A)", |meter, args| match args {
        [List(a), List(b)] => {
            meter.pay(a.len() + b.len())?;
            Ok(Value::list(a.iter().chain(b.iter()).cloned().collect()))
        }
        _ => mismatch(),
    }),
    ("_+_(timestamp, duration) -> timestamp", |_, args| match args {
        [Timestamp(time), Duration(duration)] => {
            time.checked_add(*duration).map(Timestamp).map_err(|_| time_overflow())
        }
        _ => mismatch(),
    }),
    ("_+_(duration, timestamp) -> timestamp", |_, args| match args {
        [Duration(duration), Timestamp(time)] => {
            time.checked_add(*duration).map(Timestamp).map_err(|_| time_overflow())
        }
        _ => mismatch(),
    }),
    ("_+_(duration, duration) -> duration", |_, args| match args {
        [Duration(a), Duration(b)] => a.checked_add(*b).map(Duration).ok_or_else(time_overflow),
        _ => mismatch(),
    }),
    ("_-_(timestamp, duration) -> timestamp", |_, args| match args {
        [Timestamp(time), Duration(duration)] => {
            time.checked_sub(*duration).map(Timestamp).map_err(|_| time_overflow())
        }
        _ => mismatch(),
    }),
    ("_-_(timestamp, timestamp) -> duration", |_, args| match args {
        [Timestamp(a), Timestamp(b)] => Ok(Duration(a.duration_since(*b))),
        _ => mismatch(),
    }),
    ("_-_(duration, duration) -> duration", |_, args| match args {
        [Duration(a), Duration(b)] => a.checked_sub(*b).map(Duration).ok_or_else(time_overflow),
        _ => mismatch(),
    }),
];

fn overflow() -> EvaluationError {
    EvaluationError::failed("integer overflow")
}

fn time_overflow() -> EvaluationError {
    EvaluationError::failed("timestamp overflow")
}

fn whole(args: &[Value], operation: fn(i64, i64) -> Option<i64>) -> Evaluated {
    let [Int(a), Int(b)] = args else { return mismatch() };
    operation(*a, *b).map(Int).ok_or_else(overflow)
}

fn unsigned(args: &[Value], operation: fn(u64, u64) -> Option<u64>) -> Evaluated {
    let [Uint(a), Uint(b)] = args else { return mismatch() };
    operation(*a, *b).map(Uint).ok_or_else(|| EvaluationError::failed("unsigned integer overflow"))
}

fn double(args: &[Value], operation: fn(f64, f64) -> f64) -> Evaluated {
    let [Double(a), Double(b)] = args else { return mismatch() };
    Ok(Double(operation(*a, *b)))
}

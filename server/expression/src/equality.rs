//! What is equal, and what comes first.

use std::cmp::Ordering;

use crate::{
    budget::Meter,
    error::EvaluationError,
    value::{MapKey, Value},
};

/// Whether two values are equal; values of different types are not, numbers by what they amount to.
pub(crate) fn equal(meter: &mut Meter<'_>, a: &Value, b: &Value) -> Result<bool, EvaluationError> {
    meter.pay(1)?;
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => {
            meter.pay_text(a.len().min(b.len()))?;
            a == b
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.pay_text(a.len().min(b.len()))?;
            a == b
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Opaque(a), Value::Opaque(b)) => a == b,
        (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Optional(Some(a)), Value::Optional(Some(b))) => return equal(meter, a, b),
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(meter, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((key, a), (other, b)) in a.iter().zip(b.iter()) {
                if key != other || !equal(meter, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => compare_numbers(a, b) == Some(Ordering::Equal),
    })
}

/// Whether a list has an item, or a map a key.
pub(crate) fn contains(
    meter: &mut Meter<'_>,
    range: &Value,
    item: &Value,
) -> Result<bool, EvaluationError> {
    match range {
        Value::Map(entries) => Ok(MapKey::of(item).is_some_and(|key| entries.contains_key(&key))),
        Value::List(items) => {
            for other in items.iter() {
                if equal(meter, other, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(EvaluationError::no_such_overload()),
    }
}

/// The order of two values that have one.
pub(crate) fn compare(
    meter: &mut Meter<'_>,
    a: &Value,
    b: &Value,
) -> Result<Ordering, EvaluationError> {
    let order = match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => {
            meter.pay_text(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.pay_text(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => compare_numbers(a, b),
    };
    order.ok_or_else(EvaluationError::no_such_overload)
}

fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), b) => compare_double(*a, integer(b)?),
        (a, Value::Double(b)) => compare_double(*b, integer(a)?).map(Ordering::reverse),
        (a, b) => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// Compares without losing what a float cannot hold.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i128 saturates, and compares so"
)]
fn compare_double(a: f64, b: i128) -> Option<Ordering> {
    if a.is_nan() {
        return None;
    }
    let floor = a.floor();
    Some((floor as i128).cmp(&b).then(if a > floor { Ordering::Greater } else { Ordering::Equal }))
}

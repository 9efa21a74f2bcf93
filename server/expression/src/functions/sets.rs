//! Lists taken as sets.

use super::{Row, mismatch};
use crate::{
    budget::Meter,
    equality::contains,
    error::EvaluationError,
    value::Value::{self, Bool, List},
};

pub(super) const ROWS: &[Row] = &[
    ("sets.contains(list(A), list(A)) -> bool", |meter, args| match args {
        [list, List(items)] => Ok(Bool(has_all(meter, list, items)?)),
        _ => mismatch(),
    }),
    ("sets.equivalent(list(A), list(A)) -> bool", |meter, args| match args {
        [a @ List(items), b @ List(others)] => {
            Ok(Bool(has_all(meter, a, others)? && has_all(meter, b, items)?))
        }
        _ => mismatch(),
    }),
    ("sets.intersects(list(A), list(A)) -> bool", |meter, args| match args {
        [list, List(items)] => {
            for item in items.iter() {
                if contains(meter, list, item)? {
                    return Ok(Bool(true));
                }
            }
            Ok(Bool(false))
        }
        _ => mismatch(),
    }),
];

fn has_all(meter: &mut Meter<'_>, list: &Value, items: &[Value]) -> Result<bool, EvaluationError> {
    for item in items {
        if !contains(meter, list, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

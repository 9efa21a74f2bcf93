//! Lists.

use std::cmp::Ordering;

use super::{Row, failed, int, mismatch};
use crate::{
    budget::Meter,
    equality::{compare, equal},
    error::EvaluationError,
    evaluate::Evaluated,
    functions,
    value::Value::{self, Bool, Double, Duration, Int, List, Uint},
};

pub(super) const ROWS: &[Row] = &[
    ("list(int)::isSorted() -> bool", is_sorted),
    ("list(uint)::isSorted() -> bool", is_sorted),
    ("list(double)::isSorted() -> bool", is_sorted),
    ("list(string)::isSorted() -> bool", is_sorted),
    ("list(bool)::isSorted() -> bool", is_sorted),
    ("list(bytes)::isSorted() -> bool", is_sorted),
    ("list(timestamp)::isSorted() -> bool", is_sorted),
    ("list(duration)::isSorted() -> bool", is_sorted),
    ("list(int)::sum() -> int", sum),
    ("list(uint)::sum() -> uint", sum),
    ("list(double)::sum() -> double", sum),
    ("list(duration)::sum() -> duration", sum),
    ("list(int)::min() -> int", min),
    ("list(uint)::min() -> uint", min),
    ("list(double)::min() -> double", min),
    ("list(string)::min() -> string", min),
    ("list(bool)::min() -> bool", min),
    ("list(bytes)::min() -> bytes", min),
    ("list(timestamp)::min() -> timestamp", min),
    ("list(duration)::min() -> duration", min),
    ("list(int)::max() -> int", max),
    ("list(uint)::max() -> uint", max),
    ("list(double)::max() -> double", max),
    ("list(string)::max() -> string", max),
    ("list(bool)::max() -> bool", max),
    ("list(bytes)::max() -> bytes", max),
    ("list(timestamp)::max() -> timestamp", max),
    ("list(duration)::max() -> duration", max),
    ("list(A)::indexOf(A) -> int", |meter, args| match args {
        [List(items), item] => position(meter, items.iter().enumerate(), item),
        _ => mismatch(),
    }),
    ("list(A)::lastIndexOf(A) -> int", |meter, args| match args {
        [List(items), item] => position(meter, items.iter().enumerate().rev(), item),
        _ => mismatch(),
    }),
];

fn is_sorted(meter: &mut Meter<'_>, args: &[Value]) -> Evaluated {
    let [List(items)] = args else { return mismatch() };
    for (a, b) in items.iter().zip(items.iter().skip(1)) {
        meter.pay(1)?;
        if compare(meter, a, b)? == Ordering::Greater {
            return Ok(Bool(false));
        }
    }
    Ok(Bool(true))
}

fn sum(meter: &mut Meter<'_>, args: &[Value]) -> Evaluated {
    let [List(items)] = args else { return mismatch() };
    let mut items = items.iter();
    let Some(first) = items.next() else { return Ok(Int(0)) };
    if !matches!(first, Int(_) | Uint(_) | Double(_) | Duration(_)) {
        return mismatch();
    }
    let plus = functions::find("_+_", false);
    let plus: Vec<&'static functions::Overload> = plus.iter().collect();
    items.try_fold(first.clone(), |sum, item| {
        meter.pay(1)?;
        functions::call(meter, "_+_", &plus, &[sum, item.clone()])
    })
}

fn min(meter: &mut Meter<'_>, args: &[Value]) -> Evaluated {
    extreme(meter, args, Ordering::Less, "min")
}

fn max(meter: &mut Meter<'_>, args: &[Value]) -> Evaluated {
    extreme(meter, args, Ordering::Greater, "max")
}

fn extreme(meter: &mut Meter<'_>, args: &[Value], side: Ordering, name: &str) -> Evaluated {
    let [List(items)] = args else { return mismatch() };
    let mut items = items.iter();
    let Some(mut best) = items.next() else {
        return failed(format!("{name} called on empty list"));
    };
    for item in items {
        meter.pay(1)?;
        if compare(meter, item, best)? == side {
            best = item;
        }
    }
    Ok(best.clone())
}

fn position<'a>(
    meter: &mut Meter<'_>,
    items: impl Iterator<Item = (usize, &'a Value)>,
    wanted: &Value,
) -> Result<Value, EvaluationError> {
    for (at, item) in items {
        if equal(meter, item, wanted)? {
            return Ok(int(at));
        }
    }
    Ok(Int(-1))
}

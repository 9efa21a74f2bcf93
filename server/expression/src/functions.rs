//! The functions: one row each, its signature and what it does. The checker reads the signatures,
//! the evaluator calls what fits.

pub(crate) mod addresses;
mod authorization;
mod conversions;
mod encodings;
pub(crate) mod formats;
mod formatting;
mod lists;
mod operators;
mod optionals;
mod patterns;
mod quantities;
mod semvers;
mod sets;
mod strings;
mod times;
pub(crate) mod urls;

pub(crate) use patterns::compile as pattern;
pub(crate) use times::{duration, duration_text};

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use crate::{
    budget::Meter,
    error::EvaluationError,
    evaluate::{Evaluated, fits},
    opaque,
    types::Type,
    value::Value,
};

type Function = fn(&mut Meter<'_>, &[Value]) -> Evaluated;

/// A signature, as `string::charAt(int) -> string` for a member function or
/// `math.least(int, int) -> int` for a global one, and what it does.
type Row = (&'static str, Function);

/// One meaning of a function's name.
#[derive(Debug)]
pub(crate) struct Overload {
    /// The receiver of a member function comes first.
    pub(crate) params: Vec<Type>,
    pub(crate) result: Type,
    function: Function,
}

const LIBRARIES: &[&[Row]] = &[
    operators::ROWS,
    operators::LESS,
    operators::LESS_EQUAL,
    operators::GREATER,
    operators::GREATER_EQUAL,
    conversions::ROWS,
    strings::ROWS,
    formatting::ROWS,
    patterns::ROWS,
    lists::ROWS,
    sets::ROWS,
    times::ROWS,
    encodings::ROWS,
    optionals::ROWS,
    urls::ROWS,
    addresses::ROWS,
    quantities::ROWS,
    semvers::ROWS,
    formats::ROWS,
    authorization::ROWS,
];

/// All overloads by name: of global functions, and of member functions.
static REGISTRY: LazyLock<[BTreeMap<&'static str, Vec<Overload>>; 2]> = LazyLock::new(|| {
    let mut registry = [BTreeMap::new(), BTreeMap::new()];
    for (signature, function) in LIBRARIES.iter().copied().flatten() {
        let (name, is_member, params, result) =
            read_signature(signature).expect("signatures are written well, as a test shows");
        let overload = Overload { params, result, function: *function };
        let overloads: &mut Vec<_> = registry[usize::from(is_member)].entry(name).or_default();
        overloads.push(overload);
    }
    registry
});

pub(crate) fn find(name: &str, is_member: bool) -> &'static [Overload] {
    REGISTRY[usize::from(is_member)].get(name).map(Vec::as_slice).unwrap_or_default()
}

/// Calls the overload that the values fit.
pub(crate) fn call(
    meter: &mut Meter<'_>,
    name: &str,
    overloads: &[&'static Overload],
    args: &[Value],
) -> Evaluated {
    for arg in args {
        meter.pay(weight(arg))?;
    }
    let fitting = overloads.iter().find(|overload| {
        overload.params.len() == args.len()
            && overload.params.iter().zip(args).all(|(param, arg)| fits(param, arg))
    });
    let Some(overload) = fitting else {
        let types: Vec<String> = args.iter().map(Value::type_name).collect();
        let types = types.join(", ");
        return Err(EvaluationError::failed(format!("no such overload: {name}({types})")));
    };
    let result = (overload.function)(meter, args)?;
    meter.pay(weight(&result))?;
    Ok(result)
}

/// What it costs to look at a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / 10,
        Value::Bytes(bytes) => bytes.len() / 10,
        Value::List(items) => items.len() / 10,
        _ => 0,
    }
}

type Signature = (&'static str, bool, Vec<Type>, Type);

fn read_signature(text: &'static str) -> Option<Signature> {
    let (call, result) = text.split_once(" -> ")?;
    let (receiver, call) = call.split_once("::").map_or((None, call), |(r, call)| (Some(r), call));
    let open = call.find('(')?;
    let (name, params) = (&call[..open], call[open + 1..].strip_suffix(')')?);
    let mut types: Vec<Type> = receiver.map(read_type).into_iter().collect::<Option<_>>()?;
    for param in split_top(params) {
        types.push(read_type(param)?);
    }
    Some((name, receiver.is_some(), types, read_type(result)?))
}

/// The parts between the commas that stand in no parentheses.
fn split_top(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(Some(text[start..].trim()).filter(|last| !last.is_empty()));
    parts
}

fn read_type(text: &str) -> Option<Type> {
    if let Some((outer, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let mut inner = split_top(inner).into_iter();
        return Some(match outer {
            "list" => Type::list(read_type(inner.next()?)?),
            "optional" => Type::optional(read_type(inner.next()?)?),
            "map" => {
                let (keys, values) = (read_type(inner.next()?)?, read_type(inner.next()?)?);
                Type::Map(Arc::new(keys), Arc::new(values))
            }
            _ => return None,
        });
    }
    Some(match text {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "type" => Type::Type,
        "A" => Type::Param('A'),
        "B" => Type::Param('B'),
        "quantity" => Type::Opaque(opaque::QUANTITY),
        "url" => Type::Opaque(opaque::URL),
        "ip" => Type::Opaque(opaque::IP),
        "cidr" => Type::Opaque(opaque::CIDR),
        "semver" => Type::Opaque(opaque::SEMVER),
        "format" => Type::Opaque(opaque::FORMAT),
        "authorizer" => Type::Opaque(opaque::AUTHORIZER),
        "path_check" => Type::Opaque(opaque::PATH_CHECK),
        "group_check" => Type::Opaque(opaque::GROUP_CHECK),
        "resource_check" => Type::Opaque(opaque::RESOURCE_CHECK),
        "decision" => Type::Opaque(opaque::DECISION),
        _ => return None,
    })
}

/// What a function answers to values that it was not declared for, which `call` keeps away.
fn mismatch<T>() -> Result<T, EvaluationError> {
    Err(EvaluationError::no_such_overload())
}

fn failed<T>(message: impl Into<String>) -> Result<T, EvaluationError> {
    Err(EvaluationError::failed(message))
}

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{LIBRARIES, read_signature};

    #[test]
    fn signatures_are_written_well() {
        for (signature, _) in LIBRARIES.iter().copied().flatten() {
            assert!(read_signature(signature).is_some(), "{signature}");
        }
    }
}

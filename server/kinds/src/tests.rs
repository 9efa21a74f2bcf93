//! Tables over the kinds: what is filled in, what is refused and how.

mod declarations;
mod faults;
mod tables;
mod workloads;

use object::FieldErrors;
use serde_json::Value;

use crate::AnyObject;

fn decode(kind: &str, body: &Value) -> Box<dyn AnyObject> {
    let def = crate::find(kind).unwrap_or_else(|| panic!("no kind {kind}"));
    let mut object = def.codec.decode_value(body.clone()).unwrap();
    object.set_defaults();
    object
}

/// What is wrong with an object, after its defaults.
fn faults(kind: &str, body: &Value) -> Vec<String> {
    let mut errors = FieldErrors::default();
    decode(kind, body).validate(&mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

/// What is wrong with a change.
fn changes(kind: &str, old: &Value, new: &Value) -> Vec<String> {
    let old = decode(kind, old);
    let mut new = decode(kind, new);
    new.prepare_update(&*old, "");
    let mut errors = FieldErrors::default();
    new.validate_update(&*old, &mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

//! What reads the bytes that strangers send, each as a function of bytes: properties try it with
//! random input in every test run, cargo-fuzz with input that grows by coverage.
//!
//! **Invariant:** for any input there is an answer: a value or a refusal, never a panic.

use expression::{Environment, Program, Type};
use jiff::Timestamp;
use kinds::{protobuf, schema};
use object::{
    FieldSelector, LabelSelector, Quantity,
    patch::{apply, json, merge, strategic},
    schema::Schema,
};
use serde_json::{Value, json};

/// A reader of untrusted bytes, by name.
pub type Reader = (&'static str, fn(&[u8]));

pub const READERS: &[Reader] = &[
    ("json_patch", json_patch),
    ("merge_patch", merge_patch),
    ("strategic_patch", strategic_patch),
    ("server_side_apply", server_side_apply),
    ("selectors", selectors),
    ("quantities", quantities),
    ("protobuf_bodies", protobuf_bodies),
    ("json_and_yaml", json_and_yaml),
    ("cel", cel),
];

fn deployment() -> Schema<'static> {
    schema::of(kinds::find("deployments.apps").expect("it is a kind"))
}

/// An object with lists of both sorts, maps and keys, for patches to meet.
fn live() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "labels": {"a": "b"}, "finalizers": ["x", "y"]},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
                {"name": "a", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "env": [{"name": "A", "value": "1"}]},
                {"name": "b", "image": "i"}],
                "volumes": [{"name": "v", "emptyDir": {}}]}}}})
}

pub fn json_patch(input: &[u8]) {
    let mut object = live();
    if json::apply(&mut object, input).is_err() {
        assert_eq!(object, live(), "a refused patch changes nothing");
    }
}

pub fn merge_patch(input: &[u8]) {
    let Ok(patch) = merge::parse(input) else { return };
    let mut once = live();
    merge::apply(&mut once, patch.clone());
    let mut twice = once.clone();
    merge::apply(&mut twice, patch);
    assert_eq!(once, twice);
}

pub fn strategic_patch(input: &[u8]) {
    let Ok(patch) = merge::parse(input) else { return };
    strategic::apply(&mut live(), patch, deployment()).ok();
}

pub fn server_side_apply(input: &[u8]) {
    let Ok(config) = serde_json::from_slice::<Value>(input) else { return };
    let write = apply::Write {
        manager: "m",
        api_version: "apps/v1",
        subresource: "",
        now: Timestamp::UNIX_EPOCH,
    };
    let Ok(applied) = apply::apply(Some(&live()), &config, deployment(), &write, true) else {
        return;
    };
    let again = apply::apply(Some(&applied), &config, deployment(), &write, false);
    assert_eq!(again.ok(), Some(applied), "to apply the same again changes nothing");
}

pub fn selectors(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let labels = [("a".to_owned(), "b".to_owned())].into();
    if let Ok(selector) = LabelSelector::parse(text) {
        selector.matches(&labels);
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        selector.matches(|path| Some(path.to_owned()));
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        LabelSelector::from_json(&value).ok();
    }
}

pub fn quantities(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(quantity) = text.parse::<Quantity>() else { return };
    quantity.value();
    quantity.milli_value();
    let shown = quantity.to_string();
    let again: Quantity = shown.parse().expect("what is shown can be read");
    assert_eq!(again, quantity, "{text} is shown as {shown}");
    assert!(quantity.is_negative() || !quantity.plus(quantity).is_negative());
}

pub fn protobuf_bodies(input: &[u8]) {
    protobuf::decode(input).ok();
    // Most random bytes fail at the envelope; so they come inside one, too.
    for (version, kind) in [("v1", "Pod"), ("apps/v1", "Deployment"), ("v1", "DeleteOptions")] {
        protobuf::decode(&envelope(version, kind, input)).ok();
    }
}

/// `k8s\0` and a `runtime.Unknown` of type and raw message.
pub fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(content);
        bytes
    };
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, raw)].concat()
}

pub fn json_and_yaml(input: &[u8]) {
    for read in [schema::read_json, schema::read_yaml] {
        let Ok(mut body) = read(input) else { continue };
        schema::conform(&mut body.value, deployment()).ok();
    }
}

pub fn cel(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let environment = Environment::new()
        .with("self", Type::Dyn)
        .with("oldSelf", Type::Dyn)
        .with("object", Type::Dyn);
    Program::compile(text, &environment).ok();
}

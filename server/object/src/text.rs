//! Values as text with their fields where Kubernetes puts them and numbers as Go writes them:
//! clients compare whole answers, and some look at the first bytes only.

use std::io;

use serde::Serialize;
use serde_json::{Map, Serializer, Value, ser::Formatter};

/// What stands in front, in this order; all else follows by name.
const FRONT: &[&str] =
    &["kind", "apiVersion", "metadata", "spec", "status", "message", "reason", "details", "code"];
/// The same within a `Status`' details.
const DETAILS_FRONT: &[&str] = &["name", "group", "kind", "uid", "causes", "retryAfterSeconds"];
/// And within one cause.
const CAUSE_FRONT: &[&str] = &["reason", "message", "field"];

/// One line of JSON.
pub fn line(value: &Value) -> String {
    let mut out = Vec::with_capacity(256);
    push(&mut out, value);
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// JSON in indented lines, its fields where they stood.
pub fn indented(json: &[u8]) -> Vec<u8> {
    const STEP: &[u8] = b"  ";
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        (0..depth).for_each(|_| out.extend_from_slice(STEP));
    };
    let meant = json.iter().copied().enumerate();
    for (at, byte) in meant {
        if in_text {
            out.push(byte);
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let next = json.get(at + 1).copied();
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                if !matches!(next, Some(b'}' | b']')) {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                let is_empty = matches!(out.last(), Some(b'{' | b'['));
                if !is_empty {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                in_text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

/// The same without the line's end, for what stands within a line.
pub fn push(out: &mut Vec<u8>, value: &Value) {
    match value.as_object() {
        Some(object) => push_object(out, object, FRONT),
        None => push_plain(out, value),
    }
}

fn push_object(out: &mut Vec<u8>, object: &Map<String, Value>, front: &[&str]) {
    let known = front.iter().filter_map(|field| Some((*field, object.get(*field)?)));
    let others = object.iter().filter(|(field, _)| !front.contains(&field.as_str()));
    out.push(b'{');
    for (index, (field, value)) in
        known.chain(others.map(|(field, value)| (field.as_str(), value))).enumerate()
    {
        if index > 0 {
            out.push(b',');
        }
        push_plain(out, &field.into());
        out.push(b':');
        match (field, value) {
            ("details", Value::Object(details)) => push_object(out, details, DETAILS_FRONT),
            ("causes", Value::Array(causes)) => push_causes(out, causes),
            _ => push_plain(out, value),
        }
    }
    out.push(b'}');
}

fn push_causes(out: &mut Vec<u8>, causes: &[Value]) {
    out.push(b'[');
    for (index, cause) in causes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match cause.as_object() {
            Some(cause) => push_object(out, cause, CAUSE_FRONT),
            None => push_plain(out, cause),
        }
    }
    out.push(b']');
}

/// A value as it stands.
pub(crate) fn push_plain(out: &mut Vec<u8>, value: &Value) {
    value.serialize(&mut Serializer::with_formatter(out, GoNumbers)).expect("a value is JSON");
}

/// Whole numbers without a fraction and up to 10^21 without an exponent: kubectl takes `1` and
/// `1.0` for different values, and finds something to change for ever.
struct GoNumbers;

impl Formatter for GoNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 || (1e-6..1e21).contains(&size) {
            return write!(out, "{value}");
        }
        let text = format!("{value:e}");
        let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
        out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::indented;
    use crate::{ApiError, FieldErrors};

    #[test]
    fn indents_what_it_keeps_in_order() {
        let value = br#"{"b":1,"a":[{},[],"x:{,\\\"}",null],"c":{"d":true}}"#;
        let text = String::from_utf8(indented(value)).unwrap();
        let expected = "{\n  \"b\": 1,\n  \"a\": [\n    {},\n    [],\n    \"x:{,\\\\\\\"}\",\n    null\n  ],\n  \"c\": {\n    \"d\": true\n  }\n}";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_status_reads_as_from_kubernetes() {
        let taken = ApiError::already_exists("deployments.apps", "web").to_status();
        assert_eq!(
            super::line(&taken),
            concat!(
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
                r#""message":"deployments.apps \"web\" already exists","reason":"AlreadyExists","#,
                r#""details":{"name":"web","group":"apps","kind":"deployments"},"code":409}"#,
                "\n"
            )
        );
        let mut errors = FieldErrors::default();
        errors.invalid("spec.replicas", -1, "must not be negative");
        let invalid = super::line(&ApiError::invalid("Pod", "p", &errors).to_status());
        let details = r#""details":{"name":"p","kind":"Pod","causes":[{"reason":"FieldValueInvalid","message":"#;
        assert!(invalid.contains(details), "{invalid}");
    }

    #[test]
    fn numbers_are_written_as_go_does() {
        let numbers = json!([1.0, 9.223372036854775e18, 0.5, 1e21, 1e-7, -0.0, 3, -2.25]);
        assert_eq!(super::line(&numbers), "[1,9223372036854775000,0.5,1e+21,1e-7,-0,3,-2.25]\n");
    }

    #[test]
    fn objects_begin_with_their_kind() {
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {}, "metadata": {}, "a": 1});
        assert_eq!(
            super::line(&scale),
            "{\"kind\":\"Scale\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":{},\"spec\":{},\"a\":1}\n"
        );
    }
}

//! Stored bodies: exact JSON bytes without `metadata.resourceVersion`, which is spliced in when an
//! object is shown. The revision is known only after the commit, and a body is written once and
//! shown many times.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use crate::text;

const METADATA: &[u8] = br#""metadata":{"#;

/// Encodes an object with `kind`, `apiVersion` and `metadata` in front, without
/// `metadata.resourceVersion`, so that [`splice`] finds its place near the start.
pub fn encode(mut object: Map<String, Value>) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    for field in ["kind", "apiVersion", "metadata"] {
        if let Some(mut value) = object.remove(field) {
            if let Some(metadata) = value.as_object_mut() {
                metadata.remove("resourceVersion");
            }
            push_field(&mut out, field, &value);
        }
    }
    for (field, value) in &object {
        push_field(&mut out, field, value);
    }
    out.push(b'}');
    out.into()
}

fn push_field(out: &mut Vec<u8>, field: &str, value: &Value) {
    if out.len() > 1 {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, field).expect("a string is JSON");
    out.push(b':');
    text::push_plain(out, value);
}

/// Where `resourceVersion` goes: just behind `"metadata":{`. `None` for bytes without metadata.
pub fn splice_offset(body: &[u8]) -> Option<usize> {
    body.windows(METADATA.len()).position(|window| window == METADATA).map(|at| at + METADATA.len())
}

/// The body without `metadata.managedFields`, which is much to decode and of no use to whoever does
/// not write it back. `None` for a body that has none.
pub fn without_owners(body: &[u8]) -> Option<Vec<u8>> {
    const OWNERS: &[u8] = br#""managedFields":"#;
    let mut at = splice_offset(body)?;
    loop {
        let end = at + value_end(&body[at..])?;
        if body[at..end].starts_with(OWNERS) {
            // With the comma behind it, or else the one in front.
            let (from, to) = match (body.get(end)?, body[at - 1]) {
                (b',', _) => (at, end + 1),
                (_, b',') => (at - 1, end),
                _ => (at, end),
            };
            let mut rest = Vec::with_capacity(body.len() - (to - from));
            rest.extend_from_slice(&body[..from]);
            rest.extend_from_slice(&body[to..]);
            return Some(rest);
        }
        if *body.get(end)? == b'}' {
            return None;
        }
        at = end + 1;
    }
}

/// Where a field, name and value, ends: at the comma or brace that no text or bracket holds.
fn value_end(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = text_end(json, at)?,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a text that begins at `from` has its closing quote.
fn text_end(json: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Appends the body with its `resourceVersion` to `out`. What was never stored, as the outcome of a
/// dry run, has revision 0 and shows none.
pub fn splice_into(out: &mut BytesMut, body: &[u8], revision: u64) {
    let Some(at) = splice_offset(body).filter(|_| revision > 0) else {
        out.extend_from_slice(body);
        return;
    };
    out.extend_from_slice(&body[..at]);
    out.put_slice(br#""resourceVersion":""#);
    out.put_slice(revision.to_string().as_bytes());
    out.put_slice(if body.get(at) == Some(&b'}') { b"\"" } else { b"\"," });
    out.extend_from_slice(&body[at..]);
}

/// The body with its `resourceVersion`, as clients see it.
pub fn splice(body: &[u8], revision: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + 40);
    splice_into(&mut out, body, revision);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_what_encode_left_out() {
        let object = serde_json::json!({
            "data": {"metadata": "x"}, "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": "a", "resourceVersion": "7"},
        });
        let Value::Object(map) = object else { unreachable!() };
        let body = encode(map);
        assert!(!body.windows(15).any(|w| w == b"resourceVersion"));
        let shown: Value = serde_json::from_slice(&splice(&body, 42)).unwrap();
        assert_eq!(shown["metadata"]["resourceVersion"], "42");
        assert_eq!(shown["metadata"]["name"], "a");
        assert_eq!(shown["data"]["metadata"], "x");
    }

    #[test]
    fn leaves_out_the_owners_of_fields() {
        let owners = r#""managedFields":[{"manager":"a\\\"}],","fieldsV1":{"f:x":{".":{}}}}]"#;
        let rest = [r#""labels":{"managedFields":"]}\","}"#, r#""name":"a""#];
        let spec = r#""spec":{"metadata":{"managedFields":[1]}}"#;
        let body = |fields: &[&str]| format!(r#"{{"metadata":{{{}}},{spec}}}"#, fields.join(","));
        let without = |fields: &[&str]| {
            without_owners(body(fields).as_bytes()).map(|rest| String::from_utf8(rest).unwrap())
        };
        let all = Some(body(&rest));
        assert_eq!(without(&[owners, rest[0], rest[1]]), all);
        assert_eq!(without(&[rest[0], owners, rest[1]]), all);
        assert_eq!(without(&[rest[0], rest[1], owners]), all);
        assert_eq!(without(&[owners]), Some(body(&[])));
        assert_eq!(without(&rest), None);
        assert_eq!(without(&[]), None);
    }

    #[test]
    fn shows_no_revision_of_what_was_never_stored() {
        assert_eq!(
            &splice(br#"{"metadata":{"name":"a"}}"#, 0)[..],
            br#"{"metadata":{"name":"a"}}"#
        );
    }

    #[test]
    fn splices_empty_metadata() {
        assert_eq!(
            &splice(br#"{"metadata":{}}"#, 1)[..],
            br#"{"metadata":{"resourceVersion":"1"}}"#
        );
    }
}

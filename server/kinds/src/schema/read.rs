//! Reads a JSON or YAML body and notices fields that stand in it twice, which `serde_json` alone
//! would let pass.

use std::{cell::RefCell, fmt};

use object::ApiError;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::lines;

/// What a client sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Of a field that stands there twice, the last value.
    pub value: Value,
    /// `duplicate field "spec.replicas"`, one for each field; of YAML, where Kubernetes finds it:
    /// `line 3: key "replicas" already set in map`.
    pub duplicates: Vec<String>,
}

/// Reads a JSON body.
///
/// # Errors
/// 400 when it is no JSON.
pub fn read_json(bytes: &[u8]) -> Result<Body, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let body = read(&mut deserializer);
    body.and_then(|body| deserializer.end().map(|()| body))
        .map_err(|error| ApiError::bad_request(format!("the body is not valid JSON: {error}")))
}

/// Reads a YAML body, which may be JSON.
///
/// # Errors
/// 400 when it is no YAML, or more than one document.
pub fn read_yaml(bytes: &[u8]) -> Result<Body, ApiError> {
    // JSON is YAML; its own parser is faster and has no aliases to expand.
    if let Ok(body) = read_json(bytes) {
        return Ok(body);
    }
    if is_deep(bytes) {
        return Err(ApiError::bad_request("error decoding YAML: it is nested too deeply"));
    }
    let mut body = read(serde_norway::Deserializer::from_slice(bytes))
        .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
    if !body.duplicates.is_empty() {
        let text = String::from_utf8_lossy(bytes);
        body.duplicates = body.duplicates.iter().flat_map(|told| placed(&text, told)).collect();
    }
    Ok(body)
}

/// Where in a text a field is said again; as it was told, if that can not be seen.
fn placed(text: &str, told: &str) -> Vec<String> {
    let path = told.trim_start_matches("duplicate field ").trim_matches('"');
    let again = lines::of_field(text, path).into_iter().skip(1);
    let name = path.rsplit('.').next().unwrap_or(path);
    let found: Vec<String> =
        again.map(|line| format!("line {line}: key {name:?} already set in map")).collect();
    if found.is_empty() { vec![told.to_owned()] } else { found }
}

/// Whether more brackets stand open than any object has. The time that a YAML scanner takes grows
/// with the square of their number.
fn is_deep(bytes: &[u8]) -> bool {
    const OPEN_MAX: usize = 1000;
    let mut open = 0_usize;
    bytes.iter().any(|byte| {
        match byte {
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        open > OPEN_MAX
    })
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
    let notes = RefCell::new(Notes::default());
    let value = Reader { notes: &notes }.deserialize(deserializer)?;
    Ok(Body { value, duplicates: notes.into_inner().duplicates })
}

/// Where the reader is, and what it noticed on the way.
#[derive(Default)]
struct Notes {
    path: String,
    duplicates: Vec<String>,
}

#[derive(Clone, Copy)]
struct Reader<'n> {
    notes: &'n RefCell<Notes>,
}

impl Reader<'_> {
    /// Makes the path longer while `read` runs.
    fn below<T>(self, step: fmt::Arguments<'_>, read: impl FnOnce() -> T) -> T {
        use fmt::Write;
        let length = {
            let path = &mut self.notes.borrow_mut().path;
            let length = path.len();
            path.write_fmt(step).expect("a string takes all text");
            length
        };
        let value = read();
        self.notes.borrow_mut().path.truncate(length);
        value
    }

    fn note_duplicate(self, name: &str) {
        let notes = &mut *self.notes.borrow_mut();
        let dot = if notes.path.is_empty() { "" } else { "." };
        let duplicate = format!("duplicate field \"{}{dot}{name}\"", notes.path);
        if !notes.duplicates.contains(&duplicate) {
            notes.duplicates.push(duplicate);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let step = format_args!("[{}]", list.len());
            match self.below(step, || items.next_element_seed(self))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let dot = if self.notes.borrow().path.is_empty() { "" } else { "." };
            let step = format_args!("{dot}{name}");
            let value = self.below(step, || entries.next_value_seed(self))?;
            if fields.contains_key(&name) {
                self.note_duplicate(&name);
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn notices_duplicates_with_their_paths() {
        let body =
            read_json(br#"{"a":1,"b":[{"c":1},{"c":1,"c":2,"c":3}],"a":2,"m":{"x.y":1,"x.y":2}}"#)
                .unwrap();
        assert_eq!(body.value, json!({"a": 2, "b": [{"c": 1}, {"c": 3}], "m": {"x.y": 2}}));
        assert_eq!(
            body.duplicates,
            ["duplicate field \"b[1].c\"", "duplicate field \"a\"", "duplicate field \"m.x.y\""]
        );
    }

    #[test]
    fn reads_yaml_and_json_alike() {
        let yaml = b"spec:\n  replicas: 3\n  list:\n  - a: \"1\"\n  - b: null\n";
        let expected = json!({"spec": {"replicas": 3, "list": [{"a": "1"}, {"b": null}]}});
        assert_eq!(read_yaml(yaml).unwrap().value, expected);
        assert_eq!(read_yaml(expected.to_string().as_bytes()).unwrap().value, expected);
        assert_eq!(read_json(b"{").unwrap_err().code(), 400);
        assert_eq!(read_json(b"{} x").unwrap_err().code(), 400);
        assert_eq!(read_yaml(b"a: [").unwrap_err().code(), 400);
    }

    proptest! {
        #[test]
        fn reads_what_serde_reads(text in "[\\[\\]{}:,\"a-c0-9 .e-]{0,24}") {
            let ours = read_json(text.as_bytes()).ok().map(|body| body.value);
            prop_assert_eq!(ours, serde_json::from_str::<Value>(&text).ok());
        }
    }
}

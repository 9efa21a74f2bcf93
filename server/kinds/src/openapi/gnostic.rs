//! OpenAPI 2 in protobuf, as gnostic's schema has it and Kubernetes' clients ask for it. One table
//! says which field of which message a name of the JSON document is.

use serde_json::Value;

/// What a field holds.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Texts,
    Flag,
    Whole,
    Number,
    /// Any JSON, as YAML text.
    Any,
    Anys,
    /// A message by its table.
    Message(&'static Message),
    Messages(&'static Message),
    /// A message whose one field is the message.
    Wrapped(&'static Message),
    /// An object whose fields are pairs of name and message.
    Named(&'static Message),
    /// A text in a message of texts.
    Type,
    /// A schema, or whether there may be any.
    SchemaOrFlag,
    Parameters,
}

struct Message {
    fields: &'static [(&'static str, u32, Form)],
    /// The field of what has no place of its own: `x-…`.
    extensions: u32,
    /// The field of pairs of name and value, for a message that holds nothing else.
    pairs: Option<(u32, &'static Message)>,
}

static DOCUMENT: Message = Message {
    fields: &[("swagger", 1, Form::Text), ("info", 2, Form::Message(&INFO))],
    extensions: 16,
    pairs: None,
};
static INFO: Message = Message {
    fields: &[("title", 1, Form::Text), ("version", 2, Form::Text)],
    extensions: 7,
    pairs: None,
};
static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, Form::Message(&OPERATION)),
        ("put", 3, Form::Message(&OPERATION)),
        ("post", 4, Form::Message(&OPERATION)),
        ("delete", 5, Form::Message(&OPERATION)),
        ("patch", 8, Form::Message(&OPERATION)),
        ("parameters", 9, Form::Parameters),
    ],
    extensions: 10,
    pairs: None,
};
static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Form::Texts),
        ("summary", 2, Form::Text),
        ("description", 3, Form::Text),
        ("operationId", 5, Form::Text),
        ("produces", 6, Form::Texts),
        ("consumes", 7, Form::Texts),
        ("parameters", 8, Form::Parameters),
        ("responses", 9, Form::Message(&RESPONSES)),
        ("schemes", 10, Form::Texts),
        ("deprecated", 11, Form::Flag),
    ],
    extensions: 13,
    pairs: None,
};
static RESPONSES: Message =
    Message { fields: &[], extensions: 2, pairs: Some((1, &RESPONSE_VALUE)) };
/// One of a response and a reference; ours are responses.
static RESPONSE_VALUE: Message =
    Message { fields: &[("", 1, Form::Message(&RESPONSE))], extensions: 0, pairs: None };
static RESPONSE: Message = Message {
    fields: &[("description", 1, Form::Text), ("schema", 2, Form::Wrapped(&SCHEMA))],
    extensions: 5,
    pairs: None,
};
static BODY_PARAMETER: Message = Message {
    fields: &[
        ("description", 1, Form::Text),
        ("name", 2, Form::Text),
        ("in", 3, Form::Text),
        ("required", 4, Form::Flag),
        ("schema", 5, Form::Message(&SCHEMA)),
    ],
    extensions: 6,
    pairs: None,
};
static QUERY_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Form::Flag),
        ("in", 2, Form::Text),
        ("description", 3, Form::Text),
        ("name", 4, Form::Text),
        ("type", 6, Form::Text),
        ("format", 7, Form::Text),
        ("uniqueItems", 20, Form::Flag),
    ],
    extensions: 23,
    pairs: None,
};
static PATH_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Form::Flag),
        ("in", 2, Form::Text),
        ("description", 3, Form::Text),
        ("name", 4, Form::Text),
        ("type", 5, Form::Text),
        ("format", 6, Form::Text),
        ("uniqueItems", 19, Form::Flag),
    ],
    extensions: 22,
    pairs: None,
};
static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Form::Text),
        ("format", 2, Form::Text),
        ("title", 3, Form::Text),
        ("description", 4, Form::Text),
        ("default", 5, Form::Any),
        ("multipleOf", 6, Form::Number),
        ("maximum", 7, Form::Number),
        ("exclusiveMaximum", 8, Form::Flag),
        ("minimum", 9, Form::Number),
        ("exclusiveMinimum", 10, Form::Flag),
        ("maxLength", 11, Form::Whole),
        ("minLength", 12, Form::Whole),
        ("pattern", 13, Form::Text),
        ("maxItems", 14, Form::Whole),
        ("minItems", 15, Form::Whole),
        ("uniqueItems", 16, Form::Flag),
        ("maxProperties", 17, Form::Whole),
        ("minProperties", 18, Form::Whole),
        ("required", 19, Form::Texts),
        ("enum", 20, Form::Anys),
        ("additionalProperties", 21, Form::SchemaOrFlag),
        ("type", 22, Form::Type),
        ("items", 23, Form::Wrapped(&SCHEMA)),
        ("allOf", 24, Form::Messages(&SCHEMA)),
        ("properties", 25, Form::Named(&SCHEMA)),
        ("example", 30, Form::Any),
    ],
    extensions: 31,
    pairs: None,
};

/// The document but for its paths and definitions.
pub(super) fn head(document: &Value) -> Vec<u8> {
    encode(document, &DOCUMENT)
}

/// Adds paths to the message that holds them all.
pub(super) fn add_path(out: &mut Vec<u8>, path: &str, item: &Value) {
    put_named(out, 2, path, &encode(item, &PATH_ITEM));
}

/// Adds a definition to the message that holds them all.
pub(super) fn add_definition(out: &mut Vec<u8>, name: &str, schema: &Value) {
    put_named(out, 1, name, &encode(schema, &SCHEMA));
}

/// The whole document of its parts.
pub(super) fn join(mut head: Vec<u8>, paths: &[u8], definitions: &[u8]) -> Vec<u8> {
    put_bytes(&mut head, 8, paths);
    put_bytes(&mut head, 9, definitions);
    head
}

fn encode(value: &Value, message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    // A message that only wraps another has one field without a name.
    if let [("", field, form)] = message.fields {
        put(&mut out, *field, *form, value);
        return out;
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        if let Some((_, field, form)) = message.fields.iter().find(|(known, ..)| known == name) {
            put(&mut out, *field, *form, value);
        } else if name.starts_with("x-") && message.extensions > 0 {
            put_named(&mut out, message.extensions, name, &any(value));
        } else if let Some((field, inner)) = message.pairs {
            put_named(&mut out, field, name, &encode(value, inner));
        }
    }
    out
}

fn put(out: &mut Vec<u8>, field: u32, form: Form, value: &Value) {
    let items = || value.as_array().into_iter().flatten();
    match form {
        Form::Text => put_bytes(out, field, value.as_str().unwrap_or_default().as_bytes()),
        Form::Texts => {
            for text in items().filter_map(Value::as_str) {
                put_bytes(out, field, text.as_bytes());
            }
        }
        Form::Flag => {
            if value == true {
                put_varint(out, field << 3);
                out.push(1);
            }
        }
        Form::Whole => {
            put_varint(out, field << 3);
            put_varint64(out, value.as_u64().unwrap_or_default());
        }
        Form::Number => {
            put_varint(out, field << 3 | 1);
            out.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
        }
        Form::Any => put_bytes(out, field, &any(value)),
        Form::Anys => items().for_each(|value| put_bytes(out, field, &any(value))),
        Form::Message(message) => put_bytes(out, field, &encode(value, message)),
        Form::Messages(message) => {
            items().for_each(|value| put_bytes(out, field, &encode(value, message)));
        }
        Form::Wrapped(message) => {
            let mut wrapped = Vec::new();
            put_bytes(&mut wrapped, 1, &encode(value, message));
            put_bytes(out, field, &wrapped);
        }
        Form::Named(message) => {
            let mut named = Vec::new();
            for (name, value) in value.as_object().into_iter().flatten() {
                put_named(&mut named, 1, name, &encode(value, message));
            }
            put_bytes(out, field, &named);
        }
        Form::Type => {
            let mut types = Vec::new();
            put_bytes(&mut types, 1, value.as_str().unwrap_or_default().as_bytes());
            put_bytes(out, field, &types);
        }
        Form::SchemaOrFlag => {
            let mut either = Vec::new();
            match value {
                Value::Bool(flag) => either.extend([2 << 3, u8::from(*flag)]),
                schema => put_bytes(&mut either, 1, &encode(schema, &SCHEMA)),
            }
            put_bytes(out, field, &either);
        }
        Form::Parameters => items().for_each(|value| put_bytes(out, field, &parameter(value))),
    }
}

/// A parameter within the messages that say of which sort it is.
fn parameter(value: &Value) -> Vec<u8> {
    let mut sort = Vec::new();
    match value["in"].as_str() {
        Some("body") => put_bytes(&mut sort, 1, &encode(value, &BODY_PARAMETER)),
        place => {
            let mut other = Vec::new();
            match place {
                Some("path") => put_bytes(&mut other, 4, &encode(value, &PATH_PARAMETER)),
                _ => put_bytes(&mut other, 3, &encode(value, &QUERY_PARAMETER)),
            }
            put_bytes(&mut sort, 2, &other);
        }
    }
    let mut item = Vec::new();
    put_bytes(&mut item, 1, &sort);
    item
}

/// JSON is YAML.
fn any(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 2, value.to_string().as_bytes());
    out
}

fn put_named(out: &mut Vec<u8>, field: u32, name: &str, value: &[u8]) {
    let mut pair = Vec::with_capacity(name.len() + value.len() + 8);
    put_bytes(&mut pair, 1, name.as_bytes());
    put_bytes(&mut pair, 2, value);
    put_bytes(out, field, &pair);
}

fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint64(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, number: u32) {
    put_varint64(out, u64::from(number));
}

fn put_varint64(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_what_gnostic_reads() {
        let schema = json!({
            "type": "object", "required": ["a"], "x-odd": {"k": 1},
            "properties": {"a": {"$ref": "#/definitions/B"}},
            "additionalProperties": true, "items": {"maximum": 1.5},
        });
        let written = encode(&schema, &SCHEMA);
        let has = |bytes: &[u8]| written.windows(bytes.len()).any(|window| window == bytes);
        // TypeItem (22) of one text; required (19); NamedAny (31) of YAML; Properties (25).
        assert!(has(b"\xb2\x01\x08\x0a\x06object"));
        assert!(has(b"\x9a\x01\x01a"));
        assert!(has(b"\xfa\x01\x12\x0a\x05x-odd\x12\x09\x12\x07{\"k\":1}"));
        assert!(has(b"\xca\x01\x18\x0a\x16\x0a\x01a\x12\x11\x0a\x0f#/definitions/B"));
        assert!(has(b"\xaa\x01\x02\x10\x01"));
        assert!(has(b"\xba\x01\x0b\x0a\x09\x39\x00\x00\x00\x00\x00\x00\xf8\x3f"));
        let path = json!({"parameters": [{"in": "path", "name": "n", "required": true, "type": "string"}]});
        let written = encode(&path, &PATH_ITEM);
        assert_eq!(&written[..6], b"\x4a\x19\x0a\x17\x12\x15");
    }
}

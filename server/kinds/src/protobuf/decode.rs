//! Turns messages into JSON by the table.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    MAGIC, ProtobufError,
    messages::{Field, Shape, Type, table},
    special::text,
    wire::{Fields, Raw},
};

/// How deep messages may be nested; a CronJob's probes are about 12 deep.
const DEPTH_MAX: usize = 40;
/// How many values a message may have; an empty one takes two bytes on the wire but many here.
const VALUES_MAX: usize = 400_000;

/// `k8s\0` and `runtime.Unknown`, with the object within.
pub(super) fn envelope(body: &[u8]) -> Result<Value, ProtobufError> {
    Decoder { depth: DEPTH_MAX, values: VALUES_MAX }.envelope(body)
}

/// An envelope within a message; it may hold less than the outer one.
pub(super) fn inner_envelope(body: &[u8]) -> Result<Value, ProtobufError> {
    Decoder { depth: DEPTH_MAX / 2, values: VALUES_MAX / 10 }.envelope(body)
}

struct Decoder {
    /// How many levels may still follow.
    depth: usize,
    /// How many values may still follow.
    values: usize,
}

impl Decoder {
    fn envelope(&mut self, body: &[u8]) -> Result<Value, ProtobufError> {
        let unknown = body.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
        // typeMeta, raw, contentEncoding, contentType.
        let [type_meta, raw, encoding, media_type] = byte_fields(unknown)?;
        let [api_version, kind, ..] = byte_fields::<4>(type_meta)?;
        let [api_version, kind] = [string(api_version)?, string(kind)?];
        if !encoding.is_empty() {
            return Err(ProtobufError::Encoding(string(encoding)?));
        }
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), api_version.as_str().into());
        object.insert("kind".to_owned(), kind.as_str().into());
        if media_type == b"application/json" {
            let inner: Map<String, Value> = serde_json::from_slice(raw)
                .map_err(|error| ProtobufError::Embedded(error.to_string()))?;
            object.extend(inner);
            return Ok(Value::Object(object));
        }
        let message = table().of_kind(&api_version, &kind);
        let message = message.ok_or(ProtobufError::Kind { api_version, kind })?;
        self.message(message, raw, &mut object)?;
        Ok(Value::Object(object))
    }

    /// Adds a message's fields to `object`.
    fn message(
        &mut self,
        message: usize,
        bytes: &[u8],
        object: &mut Map<String, Value>,
    ) -> Result<(), ProtobufError> {
        self.depth = self.depth.checked_sub(1).ok_or(ProtobufError::Depth)?;
        let fields = &table().get(message).fields;
        for found in Fields::new(bytes) {
            let (number, raw) = found?;
            // A field of a newer version than ours is passed over, as Go does.
            let Ok(at) = fields.binary_search_by_key(&number, |field| field.number) else {
                continue;
            };
            self.field(&fields[at], raw, object)?;
        }
        self.depth += 1;
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field,
        raw: Raw<'_>,
        object: &mut Map<String, Value>,
    ) -> Result<(), ProtobufError> {
        match (field.shape, field.kind) {
            (Shape::One, Type::Message(message)) if field.inline => {
                self.message(message, bytes(raw, field.name)?, object)?;
            }
            (Shape::One, _) => match self.value(field.kind, raw, field.name)? {
                Some(value) if field.kept || !is_zero(&value) => {
                    object.insert(field.name.to_owned(), value);
                }
                _ => {
                    object.remove(field.name);
                }
            },
            (Shape::List, kind) => {
                let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(list) = list else { return Ok(()) };
                match (kind, raw) {
                    // Numbers may stand packed in one field.
                    (Type::Integer | Type::Bool, Raw::Bytes(packed)) => {
                        let mut packed = Fields::new(packed);
                        while !packed.is_empty() {
                            let number = Raw::Number(packed.varint()?);
                            list.extend(self.value(kind, number, field.name)?);
                        }
                    }
                    _ => list.push(self.value(kind, raw, field.name)?.unwrap_or_default()),
                }
            }
            (Shape::ListMessage, kind) => {
                let list = self.list_message(kind, bytes(raw, field.name)?, field.name)?;
                object.insert(field.name.to_owned(), list);
            }
            (Shape::Map | Shape::MapOfListMessages, _) => {
                let (key, value) = self.entry(field, bytes(raw, field.name)?)?;
                let map = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(map) = map {
                    map.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// One entry of a map: a message of key and value.
    fn entry(&mut self, field: &Field, bytes: &[u8]) -> Result<(String, Value), ProtobufError> {
        let mut key = String::new();
        let mut value = None;
        for found in Fields::new(bytes) {
            match found? {
                (1, Raw::Bytes(bytes)) => key = string(bytes)?,
                (2, Raw::Bytes(list)) if field.shape == Shape::MapOfListMessages => {
                    value = Some(self.list_message(field.kind, list, field.name)?);
                }
                (2, raw) => value = self.value(field.kind, raw, field.name)?,
                _ => {}
            }
        }
        let value = match (value, field.kind) {
            (Some(value), _) => value,
            (None, Type::Message(_)) => Value::Object(Map::new()),
            (None, _) if field.shape == Shape::MapOfListMessages => Value::Array(Vec::new()),
            (None, Type::Integer | Type::Double) => 0.into(),
            (None, Type::Bool) => false.into(),
            (None, Type::Special(_)) => Value::Null,
            (None, Type::Text | Type::Bytes) => "".into(),
        };
        Ok((key, value))
    }

    fn list_message(
        &mut self,
        kind: Type,
        bytes: &[u8],
        name: &'static str,
    ) -> Result<Value, ProtobufError> {
        let mut list = Vec::new();
        for found in Fields::new(bytes) {
            if let (1, raw) = found? {
                list.push(self.value(kind, raw, name)?.unwrap_or_default());
            }
        }
        Ok(Value::Array(list))
    }

    fn value(
        &mut self,
        kind: Type,
        raw: Raw<'_>,
        name: &'static str,
    ) -> Result<Option<Value>, ProtobufError> {
        self.values = self.values.checked_sub(1).ok_or(ProtobufError::Size)?;
        Ok(Some(match (kind, raw) {
            (Type::Integer, Raw::Number(number)) => (number as i64).into(),
            (Type::Bool, Raw::Number(number)) => (number != 0).into(),
            (Type::Double, Raw::Double(bits)) => number(f64::from_bits(bits)),
            (Type::Text, Raw::Bytes(bytes)) => text(bytes)?,
            (Type::Bytes, Raw::Bytes(bytes)) => STANDARD.encode(bytes).into(),
            (Type::Special(special), Raw::Bytes(bytes)) => return special.decode(bytes),
            (Type::Message(message), Raw::Bytes(bytes)) => {
                let mut object = Map::new();
                self.message(message, bytes, &mut object)?;
                let message = table().get(message);
                if message.choice {
                    let mut last = message.fields.iter().rev();
                    return Ok(last.find_map(|field| object.remove(field.name)));
                }
                Value::Object(object)
            }
            _ => return Err(ProtobufError::FieldType(name)),
        }))
    }
}

/// Zero values, which Go's JSON leaves out of most fields; messages are always written.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

/// A whole number is written without a point.
fn number(double: f64) -> Value {
    if double.fract() == 0.0 && double.abs() < 1e15 {
        (double as i64).into()
    } else {
        double.into()
    }
}

fn bytes<'a>(raw: Raw<'a>, name: &'static str) -> Result<&'a [u8], ProtobufError> {
    match raw {
        Raw::Bytes(bytes) => Ok(bytes),
        _ => Err(ProtobufError::FieldType(name)),
    }
}

fn string(bytes: &[u8]) -> Result<String, ProtobufError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ProtobufError::Text)
}

/// The bytes of the fields 1 to `N` of a message.
fn byte_fields<const N: usize>(message: &[u8]) -> Result<[&[u8]; N], ProtobufError> {
    let mut found = [&[][..]; N];
    for field in Fields::new(message) {
        if let (number, Raw::Bytes(bytes)) = field?
            && let Some(place) =
                usize::try_from(number).ok().and_then(|n| found.get_mut(n.checked_sub(1)?))
        {
            *place = bytes;
        }
    }
    Ok(found)
}

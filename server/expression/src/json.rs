//! Values from JSON and to JSON.

use std::{str::FromStr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value as Json;

use crate::{
    error::EvaluationError,
    functions,
    types::Type,
    value::{Entries, MapKey, Value},
};

/// More values than this are no answer.
const VALUES_MAX: usize = 1_000_000;

impl Value {
    /// A value of JSON as it stands: whole numbers are ints, others doubles.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Uint(number),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::string(text),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(fields) => {
                let entries = fields
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), Self::from_json(value)));
                Self::Map(Arc::new(entries.collect()))
            }
        }
    }

    /// A value of JSON as its type says: timestamps, durations and bytes are texts in JSON; the
    /// fields of an object go by the names that expressions use. What does not fit its type is
    /// taken as it stands.
    pub fn typed(json: &Json, ty: &Type) -> Self {
        let converted = match (ty, json) {
            (Type::Double, Json::Number(number)) => number.as_f64().map(Self::Double),
            (Type::Timestamp, Json::String(text)) => timestamp(text).map(Self::Timestamp),
            (Type::Duration, Json::String(text)) => functions::duration(text).map(Self::Duration),
            (Type::Bytes, Json::String(text)) => {
                BASE64_STANDARD.decode(text).ok().map(|bytes| Self::Bytes(bytes.into()))
            }
            (Type::List(items), Json::Array(values)) => {
                Some(Self::list(values.iter().map(|value| Self::typed(value, items)).collect()))
            }
            (Type::Map(_, values), Json::Object(fields)) => {
                let entries = fields.iter();
                let entries =
                    entries.map(|(name, value)| (name.as_str().into(), Self::typed(value, values)));
                Some(Self::Map(Arc::new(entries.collect())))
            }
            (Type::Object(object), Json::Object(fields)) => {
                let entries = object.fields.iter().filter_map(|(written, field)| {
                    let value = fields.get(&field.name)?;
                    Some((MapKey::from(written.as_str()), Self::typed(value, &field.ty)))
                });
                Some(Self::Map(Arc::new(entries.collect::<Entries>())))
            }
            _ => None,
        };
        converted.unwrap_or_else(|| Self::from_json(json))
    }

    /// The value as JSON; what JSON has no word for is written as text.
    pub fn to_json(&self) -> Result<Json, EvaluationError> {
        let mut left = VALUES_MAX;
        self.to_json_within(&mut left)
    }

    fn to_json_within(&self, left: &mut usize) -> Result<Json, EvaluationError> {
        *left = left.checked_sub(1).ok_or(EvaluationError::CostExceeded)?;
        Ok(match self {
            Self::Null | Self::Optional(None) => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(number) => Json::from(*number),
            Self::Uint(number) => Json::from(*number),
            Self::Double(number) => Json::from(*number),
            Self::String(text) => Json::from(&**text),
            Self::Bytes(bytes) => Json::from(BASE64_STANDARD.encode(bytes)),
            Self::Timestamp(time) => Json::from(time.to_string()),
            Self::Duration(duration) => Json::from(functions::duration_text(*duration)),
            Self::Type(ty) => Json::from(ty.to_string()),
            Self::Opaque(opaque) => Json::from(opaque.to_string()),
            Self::Optional(Some(inner)) => inner.to_json_within(left)?,
            Self::List(items) => {
                let items = items.iter().map(|item| item.to_json_within(left));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => {
                let fields = entries
                    .iter()
                    .map(|(key, value)| Ok((key.to_string(), value.to_json_within(left)?)));
                Json::Object(fields.collect::<Result<_, EvaluationError>>()?)
            }
        })
    }
}

/// A moment, or the day that begins with it.
fn timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::from_str(text) {
        return Some(time);
    }
    let day = Date::from_str(text).ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

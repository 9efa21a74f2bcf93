//! Messages whose JSON is not an object of their fields.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    MAGIC, ProtobufError, decode,
    wire::{Fields, Raw},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// `RawExtension`, `FieldsV1` and the values in schemas: bytes that are JSON, or a message with its envelope.
    Json,
}

impl Special {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "meta.v1.Time" => Self::Time,
            "meta.v1.MicroTime" => Self::MicroTime,
            "resource.Quantity" => Self::Quantity,
            "intstr.IntOrString" => Self::IntOrString,
            "runtime.RawExtension" | "meta.v1.FieldsV1" | "apiextensions.v1.JSON" => Self::Json,
            _ => return None,
        })
    }

    /// Its JSON; `None` for what JSON leaves out, as the zero time.
    pub(super) fn decode(self, message: &[u8]) -> Result<Option<Value>, ProtobufError> {
        let (mut numbers, mut bytes) = ([0_u64; 4], [&[][..]; 4]);
        for field in Fields::new(message) {
            let (number, raw) = field?;
            let Some(at) = usize::try_from(number).ok().filter(|at| *at < 4) else { continue };
            match raw {
                Raw::Number(number) => numbers[at] = number,
                Raw::Bytes(text) => bytes[at] = text,
                Raw::Double(_) | Raw::Fixed => {}
            }
        }
        match self {
            Self::Time | Self::MicroTime if message.is_empty() => Ok(None),
            Self::Time => Ok(Some(timestamp(numbers)?.to_string().into())),
            Self::MicroTime => {
                let format = "%Y-%m-%dT%H:%M:%S%.6fZ";
                Ok(Some(timestamp(numbers)?.strftime(format).to_string().into()))
            }
            Self::Quantity => text(bytes[1]).map(Some),
            Self::IntOrString if numbers[1] == 1 => text(bytes[3]).map(Some),
            Self::IntOrString => Ok(Some((numbers[2] as i32).into())),
            Self::Json => embedded(bytes[1]),
        }
    }
}

fn timestamp(numbers: [u64; 4]) -> Result<Timestamp, ProtobufError> {
    Timestamp::new(numbers[1] as i64, numbers[2] as i32).map_err(|_| ProtobufError::Time)
}

pub(super) fn text(bytes: &[u8]) -> Result<Value, ProtobufError> {
    std::str::from_utf8(bytes).map(Value::from).map_err(|_| ProtobufError::Text)
}

fn embedded(bytes: &[u8]) -> Result<Option<Value>, ProtobufError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    // One level only: an envelope within an envelope within an envelope is an attack.
    if bytes.starts_with(MAGIC) {
        return decode::inner_envelope(bytes).map(Some);
    }
    serde_json::from_slice(bytes)
        .map(Some)
        .map_err(|error| ProtobufError::Embedded(error.to_string()))
}

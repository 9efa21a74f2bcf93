//! How the bytes of a kind become objects.

use std::marker::PhantomData;

use serde_json::Value;

use super::{Decoded, Kind, Typed};
use crate::schema::Definitions;

/// What reads a kind's objects.
pub trait Codec: Send + Sync {
    fn decode(&self, body: &[u8]) -> Decoded;
    fn decode_value(&self, value: Value) -> Decoded;
    /// How a name must look.
    fn validate_name(&self, name: &str) -> Result<(), String>;
    /// Adds its definition, and all that it refers to, to an OpenAPI document.
    fn define(&self, definitions: &mut Definitions);
}

/// The codec of a kind that is a Rust type.
pub(super) struct TypedCodec<K>(PhantomData<fn() -> K>);

impl<K> Default for TypedCodec<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: Kind> Codec for TypedCodec<K> {
    fn decode(&self, body: &[u8]) -> Decoded {
        Ok(Box::new(Typed::<K>(serde_json::from_slice(body)?)))
    }
    fn decode_value(&self, value: Value) -> Decoded {
        Ok(Box::new(Typed::<K>(serde_json::from_value(value)?)))
    }
    fn validate_name(&self, name: &str) -> Result<(), String> {
        K::validate_name(name)
    }
    fn define(&self, definitions: &mut Definitions) {
        definitions.add_kind::<K::Object>();
    }
}

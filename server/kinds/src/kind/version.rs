//! Further versions of a kind: served beside the one that is stored, and converted at the door.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::WebhookConversion;
use object::FieldErrors;
use serde_json::Value;

use super::{AnyObject, Decoded, Kind, KindDef, Text, Typed, cast};

/// A version of a kind, perhaps in another group, whose objects are stored as those of `Hub`.
pub trait Version: Kind {
    type Hub: Kind;

    fn to_hub(object: Self::Object) -> <Self::Hub as Kind>::Object;
    fn from_hub(object: <Self::Hub as Kind>::Object) -> Self::Object;
}

/// A cell of the table of the stored version, by the column's name.
pub fn hub_cell<V: Version>(object: &V::Object, now: Timestamp, name: &str) -> Value {
    let column = <V::Hub as Kind>::COLUMNS.iter().find(|column| column.name == name);
    column.map_or(Value::Null, |column| (column.cell)(&V::to_hub(object.clone()), now))
}

/// In what version the objects of a served version are kept.
#[derive(Clone)]
pub enum Kept {
    /// In this one.
    Own,
    /// In the one that `hub` declares.
    Hub { hub: Arc<KindDef>, conversion: Conversion },
    /// In the version in which it was last written; `stored` is the one that is written now.
    Custom { stored: Text, is_served: bool, strategy: Strategy, since: u64 },
}

/// How custom objects go from one version to another.
#[derive(Clone)]
pub enum Strategy {
    /// Only their apiVersion changes.
    Rename,
    Webhook(Arc<WebhookConversion>),
}

/// From a served version to the stored one and back.
#[derive(Clone, Copy)]
pub struct Conversion {
    to_hub: fn(Value) -> Result<Value, serde_json::Error>,
    from_hub: fn(&[u8]) -> Result<Value, serde_json::Error>,
    decode_kept: fn(&[u8]) -> Decoded,
    validate: fn(&dyn AnyObject, &mut FieldErrors),
}

impl Kept {
    pub(super) fn as_hub<V: Version>(hub: &Arc<KindDef>) -> Self {
        let conversion = Conversion {
            to_hub: |value| serde_json::to_value(V::to_hub(serde_json::from_value(value)?)),
            from_hub: |body| serde_json::to_value(V::from_hub(serde_json::from_slice(body)?)),
            decode_kept: |body| {
                Ok(Box::new(Typed::<V>(V::from_hub(serde_json::from_slice(body)?))))
            },
            validate: |object, errors| {
                if let Some(object) = cast::<V::Hub>(object) {
                    V::validate(&V::from_hub(object.clone()), errors);
                }
            },
        };
        Self::Hub { hub: hub.clone(), conversion }
    }
}

impl KindDef {
    /// The version in which the pipeline works on the objects of this one.
    pub fn hub(self: &Arc<Self>) -> &Arc<Self> {
        match &self.kept {
            Kept::Own | Kept::Custom { .. } => self,
            Kept::Hub { hub, .. } => hub,
        }
    }

    /// Whether this is the version that is stored.
    pub fn is_stored(&self) -> bool {
        match &self.kept {
            Kept::Own => true,
            Kept::Hub { .. } => false,
            Kept::Custom { stored, .. } => *stored == self.api_version,
        }
    }

    /// Whether requests may name this version.
    pub fn is_served(&self) -> bool {
        !matches!(self.kept, Kept::Custom { is_served: false, .. })
    }

    /// An object of this version in the one in which the pipeline works.
    pub fn to_hub(&self, value: Value) -> Result<Value, serde_json::Error> {
        match &self.kept {
            Kept::Own | Kept::Custom { .. } => Ok(value),
            Kept::Hub { conversion, .. } => (conversion.to_hub)(value),
        }
    }

    /// An object in this version, given in the one in which the pipeline works.
    pub fn from_hub(&self, body: &[u8]) -> Result<Value, serde_json::Error> {
        match &self.kept {
            Kept::Own | Kept::Custom { .. } => serde_json::from_slice(body),
            Kept::Hub { conversion, .. } => (conversion.from_hub)(body),
        }
    }

    /// What this version finds wrong with a new object, beside what its hub does.
    pub fn validate_version(&self, object: &dyn AnyObject, errors: &mut FieldErrors) {
        if let Kept::Hub { conversion, .. } = &self.kept {
            (conversion.validate)(object, errors);
        }
    }

    /// Decodes a stored body as an object of this version.
    pub fn decode_kept(&self, body: &[u8]) -> Decoded {
        match &self.kept {
            Kept::Own | Kept::Custom { .. } => self.codec.decode(body),
            Kept::Hub { conversion, .. } => (conversion.decode_kept)(body),
        }
    }
}

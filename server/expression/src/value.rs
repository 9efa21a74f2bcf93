//! Values, as expressions see them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{opaque::Opaque, types::Type};

/// The entries of a map or the fields of an object.
pub type Entries = BTreeMap<MapKey, Value>;

/// A value. Copies share what is inside.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    List(Arc<Vec<Value>>),
    /// Maps and objects alike.
    Map(Arc<Entries>),
    Optional(Option<Arc<Value>>),
    /// What `type(x)` gives.
    Type(Type),
    /// A value of a library, as a quantity.
    Opaque(Arc<Opaque>),
}

/// A key of a map. An unsigned number that fits is kept as a signed one, since they are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKey {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(Arc<str>),
}

impl MapKey {
    /// The key that a value is; `None` for one that cannot be.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(Self::Bool(*b)),
            Value::Int(n) => Some(Self::Int(*n)),
            Value::Uint(n) => Some(i64::try_from(*n).map_or(Self::Uint(*n), Self::Int)),
            Value::Double(n) => whole(*n).map(Self::Int),
            Value::String(text) => Some(Self::String(Arc::clone(text))),
            _ => None,
        }
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(n) => Value::Int(*n),
            Self::Uint(n) => Value::Uint(*n),
            Self::String(text) => Value::String(Arc::clone(text)),
        }
    }
}

impl From<&str> for MapKey {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl fmt::Display for MapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Uint(n) => write!(f, "{n}"),
            Self::String(text) => f.write_str(text),
        }
    }
}

/// The whole number that a float is.
#[expect(clippy::cast_possible_truncation, reason = "the value was checked to be whole and small")]
pub(crate) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

impl Value {
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(text.as_ref().into())
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    pub(crate) fn some(inner: Self) -> Self {
        Self::Optional(Some(Arc::new(inner)))
    }

    pub(crate) const NONE: Self = Self::Optional(None);

    pub(crate) fn opaque(opaque: Opaque) -> Self {
        Self::Opaque(Arc::new(opaque))
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The type, as far as it shows without looking inside.
    pub(crate) fn type_of(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Duration(_) => Type::Duration,
            Self::List(_) => Type::list(Type::Dyn),
            Self::Map(_) => Type::Map(Arc::new(Type::Dyn), Arc::new(Type::Dyn)),
            Self::Optional(_) => Type::optional(Type::Dyn),
            Self::Type(_) => Type::Type,
            Self::Opaque(opaque) => Type::Opaque(opaque.type_name()),
        }
    }

    /// The name of its type, as messages have it.
    pub(crate) fn type_name(&self) -> String {
        match self.type_of() {
            Type::List(_) => "list".to_owned(),
            Type::Map(..) => "map".to_owned(),
            Type::Optional(_) => "optional_type".to_owned(),
            other => other.to_string(),
        }
    }
}

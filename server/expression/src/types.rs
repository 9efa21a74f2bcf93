//! Types of values: what a compiler knows of them before anything runs.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// The type of a value. [`Type::Dyn`] is known at run time only and fits everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// The type of a type, as in `type(x) == string`.
    Type,
    List(Arc<Type>),
    Map(Arc<Type>, Arc<Type>),
    Optional(Arc<Type>),
    Object(Arc<ObjectType>),
    /// A value of a library, as `kubernetes.Quantity`.
    Opaque(&'static str),
    /// Whatever the other mentions of the letter in one signature are.
    Param(char),
}

/// The fields of an object that was declared by a schema.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ObjectType {
    pub name: String,
    /// By the name that an expression uses.
    pub fields: BTreeMap<String, ObjectField>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectField {
    /// The name in JSON.
    pub name: String,
    pub ty: Type,
}

impl Type {
    pub fn list(items: Self) -> Self {
        Self::List(Arc::new(items))
    }

    pub fn map(values: Self) -> Self {
        Self::Map(Arc::new(Self::String), Arc::new(values))
    }

    pub fn optional(inner: Self) -> Self {
        Self::Optional(Arc::new(inner))
    }

    /// An object of these fields, each named as in JSON.
    pub fn object(name: &str, fields: impl IntoIterator<Item = (String, Self)>) -> Self {
        let fields = fields.into_iter().filter_map(|(name, ty)| {
            let written = crate::names::escape(&name)?;
            Some((written, ObjectField { name, ty }))
        });
        Self::Object(Arc::new(ObjectType { name: name.to_owned(), fields: fields.collect() }))
    }

    /// The type of what a mutating policy makes: `Object`, `JSONPatch`.
    pub fn made(name: &str) -> Self {
        let fields = BTreeMap::new();
        Self::Object(Arc::new(ObjectType { name: name.to_owned(), fields }))
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn | Self::Param(_))
    }

    /// Whether a value of type `given` may stand where this type is asked for. Letters are bound
    /// as they are met.
    pub(crate) fn accepts(&self, given: &Self, bound: &mut Bindings) -> bool {
        match (self, given) {
            (Self::Param(letter), _) => match bound.get(*letter).cloned() {
                None | Some(Self::Dyn) => {
                    bound.set(*letter, given.clone());
                    true
                }
                Some(known) => known.accepts(given, &mut Bindings::default()),
            },
            (Self::Dyn, _) | (_, Self::Dyn | Self::Param(_)) => true,
            (Self::List(a), Self::List(b)) | (Self::Optional(a), Self::Optional(b)) => {
                a.accepts(b, bound)
            }
            (Self::Map(a, b), Self::Map(c, d)) => a.accepts(c, bound) && b.accepts(d, bound),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || a.name == b.name,
            // What may be absent may be compared with null.
            (
                Self::Object(_)
                | Self::Opaque(_)
                | Self::Optional(_)
                | Self::Timestamp
                | Self::Duration,
                Self::Null,
            ) => true,
            (
                Self::Null,
                Self::Object(_)
                | Self::Opaque(_)
                | Self::Optional(_)
                | Self::Timestamp
                | Self::Duration,
            ) => true,
            _ => self == given,
        }
    }

    /// The type with its letters replaced.
    pub(crate) fn bind(&self, bound: &Bindings) -> Self {
        match self {
            Self::Param(letter) => bound.get(*letter).cloned().unwrap_or(Self::Dyn),
            Self::List(items) => Self::list(items.bind(bound)),
            Self::Optional(inner) => Self::optional(inner.bind(bound)),
            Self::Map(keys, values) => {
                Self::Map(Arc::new(keys.bind(bound)), Arc::new(values.bind(bound)))
            }
            other => other.clone(),
        }
    }
}

/// What the letters of a signature stand for in one call.
#[derive(Default)]
pub(crate) struct Bindings(Vec<(char, Type)>);

impl Bindings {
    fn get(&self, letter: char) -> Option<&Type> {
        self.0.iter().find(|(known, _)| *known == letter).map(|(_, ty)| ty)
    }

    fn set(&mut self, letter: char, ty: Type) {
        self.0.retain(|(known, _)| *known != letter);
        self.0.push((letter, ty));
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null_type"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Self::Duration => f.write_str("google.protobuf.Duration"),
            Self::Type => f.write_str("type"),
            Self::List(items) => write!(f, "list({items})"),
            Self::Map(keys, values) => write!(f, "map({keys}, {values})"),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            Self::Object(object) => f.write_str(&object.name),
            Self::Opaque(name) => f.write_str(name),
            Self::Param('_') => f.write_str("dyn"),
            Self::Param(letter) => write!(f, "{letter}"),
        }
    }
}
